"""The title of a document: the epigraph of an act, else its metadata, else its first heading."""

from __future__ import annotations

import re
from collections.abc import Sequence

from govbot.extract import Page
from govbot.extract.norms import ARTICLE

_ACT = re.compile(
    r"(?:LEI(?: COMPLEMENTAR| DELEGADA)?|DECRETO(?:-LEI)?|RESOLUÇÃO|PORTARIA|MEDIDA PROVISÓRIA"
    r"|INSTRUÇÃO NORMATIVA|DELIBERAÇÃO|EDITAL|EMENDA CONSTITUCIONAL|ATO|PARECER|ORDEM DE SERVIÇO"
    r"|CIRCULAR|COMUNICADO|PROVIMENTO|RECOMENDAÇÃO)\b.{0,80}?\d",
    re.IGNORECASE,
)
_USELESS = re.compile(
    r"^(?:microsoft \w+ - |untitled|sem t[íi]tulo|documento?\d*$|sei\b|doc\d)"
    r"|\.(?:docx?|pdf|odt)$|^\W*\d*\W*$",
    re.IGNORECASE,
)
_MAX = 200


def title_of(pages: Sequence[Page], metadata_title: str = "") -> str:
    """At most 200 characters, one line; empty when nothing in the document serves."""
    blocks = [block for page in pages[:2] for block in page.blocks if block.kind != "furniture"][
        :30
    ]
    lines = [line.strip() for block in blocks for line in block.text.split("\n") if line.strip()]
    for line in lines[:15]:
        if _ACT.match(line) and len(line) <= 160 and not line.endswith((";", ",", ":")):
            return _clean(line)
    given = " ".join(metadata_title.split())
    if len(given) >= 4 and not _USELESS.search(given):
        return _clean(given)
    headings = [block.text for block in blocks if block.kind == "heading"]
    first = [line for line in lines[:1] if not ARTICLE.match(line)]
    return _clean((headings or first or [""])[0])


def _clean(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX else line[: _MAX - 1].rsplit(" ", 1)[0] + "…"
