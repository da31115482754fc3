"""The words of a page as lines of text to lay over its picture, for selecting and copying (pure).

Places are in a drawing SCALE wide: sizes stand as attributes of SVG, which the content security
policy allows, unlike styles.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Final

from govbot.extract.words import Word
from govbot.web.viewer_sheets import Sheet

SCALE: Final = 1000
_ASCENT: Final = 0.8  # of the height of a word, above the line that letters stand on
_SLANT: Final = 0.25  # of the height, that a word may stand off its line


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with the space after it: where it begins and how long it is, to the next word; `y`
    where it stands higher or lower than its line, as on a slanted scan."""

    text: str
    x: float
    length: float
    y: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand on one line: where their letters stand, and how high they are."""

    y: float
    size: float
    pieces: tuple[Piece, ...]


def lines_of(sheet: Sheet) -> tuple[Line, ...]:
    """The page's words, line by line in reading order."""
    high = SCALE * sheet.height / sheet.width
    groups = groupby(sheet.words, key=lambda word: word.line)
    return tuple(_line(list(words), high) for _line_number, words in groups)


def _line(words: list[Word], high: float) -> Line:
    size = max(statistics.median(word.height for word in words) * high, 1.0)
    y = words[0].y * high + _ASCENT * size
    pieces = []
    for word, after in zip_longest(words, words[1:]):
        below = word.y * high + _ASCENT * size
        own = round(below, 1) if abs(below - y) > _SLANT * size else None
        pieces.append(_piece(word, after, own))
    return Line(round(y, 1), round(size, 1), tuple(pieces))


def _piece(word: Word, after: Word | None, y: float | None) -> Piece:
    x = word.x * SCALE
    end = after.x * SCALE if after is not None and after.x > word.x else x + word.width * SCALE
    text = word.text + (" " if after is not None else "")
    return Piece(text, round(x, 1), round(max(end - x, 1.0), 1), y)
