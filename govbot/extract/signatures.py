"""Tells names over offices, the signatures at the end of a text, from rows of a table (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from govbot.extract.fragments import Fragment

CELL_GAP = 1.5  # ems between two fragments of a row that may be two cells
_PARTICLES = frozenset(("da", "das", "de", "di", "do", "dos", "du", "e", "von"))


def are_signatures(rows: Sequence[list[Fragment]], index: int) -> bool:
    """Whether persons stand side by side, each with an office in the row below."""
    if index + 1 == len(rows):
        return False
    names, offices = rows[index], rows[index + 1]
    if not 2 <= len(names) == len(offices) <= 3:
        return False
    em = names[0].size
    if offices[0].bottom - names[0].bottom > 2.5 * em or not all(_is_person(f.text) for f in names):
        return False
    apart = all(b.x0 - a.x1 > CELL_GAP * em for row in (names, offices) for a, b in pairwise(row))
    under = all(
        abs(name.x0 + name.x1 - office.x0 - office.x1) < 4.0 * em or abs(name.x0 - office.x0) < em
        for name, office in zip(names, offices, strict=True)
    )
    words = all(f.text[:1].isupper() and not re.search(r"\d", f.text) for f in offices)
    last = index + 2 == len(rows) or len(rows[index + 2]) != len(names)
    return apart and under and words and last


def _is_person(text: str) -> bool:
    words = text.split()
    return 2 <= len(words) <= 9 and all(
        word.lower() in _PARTICLES or (word[:1].isupper() and word.strip(".").isalpha())
        for word in words
    )
