"""Reads one PDF after another in one process, for tests that read hundreds.

A path on each line of stdin; on stdout "ok", the code of a BadDocument, or a bug as "bug: ...".
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from govbot.extract.pdf import extract_pdf

LIMITS = Limits(max_pages=500, max_characters=500_000)


def answer(path: Path) -> str:
    try:
        found = extract_pdf(path, LIMITS, lambda done, total: None)
    except BadDocument as error:
        return error.error_code
    except Exception:
        return "bug: " + traceback.format_exc().replace("\n", " / ")
    for page in found.pages:
        kept = [block.text for block in page.blocks if block.kind != "furniture"]
        if page.text != "\n".join(kept):
            return "bug: the text of a page is not that of its blocks"
    return "ok" if isinstance(found, Extracted) else f"bug: {found!r}"


if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(Path(line.rstrip("\n"))), flush=True)
