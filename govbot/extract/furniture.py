"""Finds what repeats on the pages of a PDF: running headers, footers and page numbers (pure)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from govbot.extract.layout import Line
from govbot.extract.norms import ARTICLE, division

_MARGIN = 0.14  # of the page height, at the top and at the bottom
_EDGE_LINES = 5
_TOLERANCE = 4.0  # points
_Place = tuple[int, int, float]  # page, line, distance from the edge of the page
_NUMBER_ONLY = re.compile(
    r"[\W_]*(?:(?:p[áa]g(?:ina)?|fl(?:s|\.)?|folha|page)\b[\s.:nº°]*)?(?P<n>\d{1,4}|[ivxl]{1,6})"
    r"(?:\s*(?:/|de|of)\s*\d{1,4})?[\W_]*$",
    re.IGNORECASE,
)
_END_NUMBERS = re.compile(
    r"^\W*(\d{1,4})\b|\b(?:p[áa]g(?:ina)?\.?\s*)?(\d{1,4})(?:\s*(?:/|de)\s*\d+)?\W*$", re.I
)


def furniture_of(
    pages: Sequence[Sequence[Line]], heights: Sequence[float]
) -> tuple[list[set[int]], list[str]]:
    """For each page the indexes of its furniture lines, and the page number printed on it."""
    seen: dict[tuple[str, bool], list[_Place]] = defaultdict(list)
    for number, (lines, height) in enumerate(zip(pages, heights, strict=True)):
        for index in _edges(lines, height):
            line = lines[index]
            high = line.bottom < height * _MARGIN
            away = line.top if high else height - line.bottom
            seen[_shape(line.text), high].append((number, index, away))
    marked: list[set[int]] = [set() for _ in pages]
    for (shape, _high), places in seen.items():
        common = _same_place(places)
        if _repeats(shape, sorted({place[0] for place in common}), len(pages)):
            for number, index, _away in common:
                marked[number].add(index)
    for number, (lines, height) in enumerate(zip(pages, heights, strict=True)):
        marked[number].update(_number_lines(lines, height, marked[number]))
    return marked, _labels(pages, marked)


def _edges(lines: Sequence[Line], height: float) -> list[int]:
    """Lines near the top or the bottom of the page, at most a few of each.

    A table that reaches into the text is text, with all its rows.
    """
    order = sorted(range(len(lines)), key=lambda index: lines[index].top)
    in_text = {
        line.table
        for line in lines
        if line.table is not None and height * _MARGIN <= line.bottom <= height * (1 - _MARGIN)
    }
    order = [i for i in order if lines[i].table is None or lines[i].table not in in_text]
    top = [i for i in order[: _EDGE_LINES * 2] if lines[i].bottom < height * _MARGIN]
    bottom = [i for i in order[-_EDGE_LINES * 2 :] if lines[i].top > height * (1 - _MARGIN)]
    return [*top, *(index for index in bottom if index not in top)]


def _shape(text: str) -> str:
    """The text with its numbers made equal, so that "2 de 9" and "3 de 9" are the same line."""
    return re.sub(r"\d+", "#", " ".join(text.lower().split()))


def _same_place(places: list[_Place]) -> list[_Place]:
    """Those at the distance from the edge at which most of them stand."""
    common = Counter(round(place[2] / _TOLERANCE) for place in places).most_common(1)[0][0]
    return [p for p in places if abs(p[2] - common * _TOLERANCE) <= 1.5 * _TOLERANCE]


def _repeats(shape: str, pages: list[int], total: int) -> bool:
    """On a good part of all pages, or on most of a run of pages (headers that name the chapter)."""
    count = len(pages)
    structural = division(shape.upper()) is not None or ARTICLE.match(shape.capitalize())
    if structural or not re.search(r"[^\W_]|#", shape):
        return total >= 4 and count >= 0.6 * total
    if total <= 2:
        return total == 2 and count == 2 and len(shape) > 3
    if count >= max(3, 0.25 * total):
        return True
    return count >= 4 and count >= 0.45 * (pages[-1] - pages[0] + 1)


def _number_lines(lines: Sequence[Line], height: float, marked: set[int]) -> list[int]:
    """The first and the last line beside known furniture, if they hold only the page's number."""
    order = sorted(range(len(lines)), key=lambda index: lines[index].top)
    outer = [index for index in order if index not in marked]
    found = []
    for index in {*outer[-1:], *outer[:1]}:
        line = lines[index]
        near = line.bottom < height * _MARGIN or line.top > height * (1 - _MARGIN)
        if near and len(line.text) < 30 and _NUMBER_ONLY.match(line.text):
            found.append(index)
    return found


def _labels(pages: Sequence[Sequence[Line]], marked: Sequence[set[int]]) -> list[str]:
    """Printed page numbers, where those of most pages run on with the pages themselves."""
    candidates = [
        {
            int(number)
            for index in marks
            for pair in _END_NUMBERS.findall(lines[index].text)
            for number in pair
            if number
        }
        for lines, marks in zip(pages, marked, strict=True)
    ]
    offsets = Counter(
        number - place for place, numbers in enumerate(candidates) for number in numbers
    )
    if not offsets:
        return [""] * len(pages)
    offset, count = offsets.most_common(1)[0]
    if count < max(2, 0.5 * len(pages)):
        return [""] * len(pages)
    return [
        str(place + offset) if place + offset in numbers else ""
        for place, numbers in enumerate(candidates)
    ]
