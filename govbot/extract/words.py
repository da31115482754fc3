"""Words recognised in the picture of a page, with their places: stored, laid out, marked (pure).

Places are fractions of the page as it is shown, from its top left corner, so that they hold at any
resolution. Whether the text runs upright, sideways or slanted is found again from the places.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

from govbot.extract.fragments import Fragment

_EM = 1.24  # size of a font over the height from its ascenders to its descenders
_CELL_GAP = 1.5  # ems between two words that may stand in two columns or cells
_SAME_SIZE = 0.2  # lines whose size differs by less from the usual have the usual one


class Word(NamedTuple):
    """A word with its box, and the number of its line on the page."""

    text: str
    x: float
    y: float
    width: float
    height: float
    line: int


@dataclass(frozen=True, slots=True)
class Recognised:
    """The words of one page in reading order; `engine` tells what recognised them."""

    number: int
    engine: str
    words: tuple[Word, ...]


def fragments_of(
    words: Sequence[Word], width: float, height: float
) -> tuple[list[Fragment], float]:
    """The words as runs of text on an upright page, and the height of that page, in points.

    `width` and `height` are those of the page as it is shown. A page that was scanned sideways or
    slanted is turned upright, so that it is laid out like any other.
    """
    if not words:
        return [], height
    turn = _direction(words, width, height)
    quarters = round(turn / (math.pi / 2)) % 4
    placed = [_turned(word, turn, quarters % 2 == 1, width, height) for word in words]
    left = min(0.0, *(word.x0 for word in placed))
    above = min(0.0, *(word.bottom - word.size for word in placed))
    sizes = _usual_sizes(placed)
    found: list[Fragment] = []
    for _line, group in groupby(placed, key=lambda word: word.line):
        found.extend(_runs(list(group), sizes, left, above))
    return found, (width if quarters % 2 else height)


def letters_of(words: Sequence[Word]) -> tuple[list[str], list[int]]:
    """The letters of a page, and for each the index of its word; -1 between words."""
    letters: list[str] = []
    owners: list[int] = []
    for index, word in enumerate(words):
        if index:
            letters.append(" " if words[index - 1].line == word.line else "\n")
            owners.append(-1)
        letters.extend(word.text)
        owners.extend([index] * len(word.text))
    return letters, owners


class _Placed(NamedTuple):
    """A word on the upright page, in points; `size` is that of its font."""

    text: str
    x0: float
    x1: float
    bottom: float
    size: float
    line: int


def _direction(words: Iterable[Word], width: float, height: float) -> float:
    """The angle in which lines run on the page as shown, in radians; 0 is to the right."""
    across = down = 0.0
    for _line, group in groupby(words, key=lambda word: word.line):
        line = list(group)
        if len(line) > 1:
            first, last = line[0], line[-1]
            across += (last.x + last.width / 2 - first.x - first.width / 2) * width
            down += (last.y + last.height / 2 - first.y - first.height / 2) * height
    return math.atan2(down, across) if across or down else 0.0


def _turned(word: Word, turn: float, sideways: bool, width: float, height: float) -> _Placed:
    along, across = word.width * width, word.height * height
    if sideways:
        along, across = across, along
    x = (word.x + word.width / 2 - 0.5) * width
    y = (word.y + word.height / 2 - 0.5) * height
    cos, sin = math.cos(turn), math.sin(turn)
    middle = (height if sideways else width) / 2 + x * cos + y * sin
    centre = (width if sideways else height) / 2 - x * sin + y * cos
    return _Placed(
        word.text,
        middle - along / 2,
        middle + along / 2,
        centre + across / 2,
        across * _EM,
        word.line,
    )


def _usual_sizes(placed: Sequence[_Placed]) -> dict[int, float]:
    """The size of each line; small differences are errors of measurement."""
    usual = statistics.median(word.size for word in placed for _letter in word.text)
    usual = max(round(usual * 2) / 2, 1.0)
    sizes = {}
    for line, group in groupby(placed, key=lambda word: word.line):
        size = statistics.median(word.size for word in group)
        sizes[line] = usual if abs(size - usual) < _SAME_SIZE * usual else max(size, 1.0)
    return sizes


def _runs(
    line: list[_Placed], sizes: dict[int, float], left: float, above: float
) -> list[Fragment]:
    """The words of a line as fragments, divided where the gap is that of columns or cells."""
    size = sizes[line[0].line]
    runs: list[list[_Placed]] = [[line[0]]]
    for before, word in pairwise(line):
        if word.x0 - before.x1 > _CELL_GAP * size or word.x0 < before.x0:
            runs.append([])
        runs[-1].append(word)
    base = statistics.median(word.bottom - 0.2 * word.size / _EM for word in line) - above
    return [
        Fragment(
            " ".join(word.text for word in run),
            run[0].x0 - left,
            max(word.x1 for word in run) - left,
            base - 0.8 * size,
            base + 0.2 * size,
            size,
            bold=False,
        )
        for run in runs
    ]
