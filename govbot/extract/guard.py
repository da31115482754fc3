"""The border around libraries that read files: what they raise about a bad file is the file's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Extracted, Extractor, Limits, OnPage

_Read = Callable[[Path, Limits, OnPage], Extracted]


def guarded(kind: str) -> Callable[[_Read], Extractor]:
    """Makes BadDocument of every error of an extractor; lack of memory stays what it is.

    Broken files make lxml, zipfile, python-docx and others raise nearly anything, and nesting
    beyond measure a RecursionError.
    """

    def decorate(read: _Read) -> Extractor:
        @functools.wraps(read)
        def extract(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
            try:
                return read(path, limits, on_page)
            except (BadDocument, MemoryError):
                raise
            except Exception as error:
                raise BadDocument(
                    "The file is damaged: it cannot be opened as %(kind)s.", kind=kind
                ) from error

        return extract

    return decorate
