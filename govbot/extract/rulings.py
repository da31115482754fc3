"""Straight lines drawn on a PDF page: what the borders of tables are made of."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

_MAX_OBJECTS = 20_000  # of a page that are looked at; maps and plans have millions
_MAX_SEGMENTS = 400  # of one path: more make a drawing
_MAX_RULINGS = 4_000
_THIN = 3.0  # points; borders are often drawn as narrow filled rectangles
_SHORT = 5.0
_TEXT = 1  # FPDF_PAGEOBJ_TEXT
_Matrix = tuple[float, float, float, float, float, float]
_SAME: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Ruling(NamedTuple):
    """A vertical or horizontal line: its fixed coordinate, and from where to where it goes."""

    vertical: bool
    at: float
    start: float
    end: float


def rulings_of(page: Any) -> list[Ruling]:
    """The rulings of a pypdfium2 page, at most some thousands of them."""
    import pypdfium2.raw as pdfium

    found: list[Ruling] = []
    for path, matrix in _Paths(pdfium).of_page(page.raw):
        found.extend(_rulings(pdfium, path, matrix))
        if len(found) > _MAX_RULINGS:
            return []
    return found


class _Paths:
    """The path objects of a page and of the forms it shows."""

    def __init__(self, pdfium: Any) -> None:
        self.pdfium, self.left = pdfium, _MAX_OBJECTS

    def of_page(self, page: Any) -> Iterator[tuple[Any, _Matrix]]:
        pdfium = self.pdfium
        get, kind_of, text = pdfium.FPDFPage_GetObject, pdfium.FPDFPageObj_GetType, _TEXT
        for index in range(min(pdfium.FPDFPage_CountObjects(page), self.left)):
            item = get(page, index)
            if kind_of(item) != text:  # by far the most, on some pages one per letter
                yield from self._of_object(item, _SAME, 0)

    def _of_object(self, item: Any, matrix: _Matrix, depth: int) -> Iterator[tuple[Any, _Matrix]]:
        pdfium = self.pdfium
        kind = pdfium.FPDFPageObj_GetType(item)
        self.left -= 1
        if kind == pdfium.FPDF_PAGEOBJ_PATH:
            yield item, matrix
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < 3:
            inner = _times(_matrix(pdfium, item), matrix)
            for index in range(pdfium.FPDFFormObj_CountObjects(item)):
                if self.left <= 0:
                    return
                part = pdfium.FPDFFormObj_GetObject(item, index)
                yield from self._of_object(part, inner, depth + 1)


def _rulings(pdfium: Any, path: Any, matrix: _Matrix) -> Iterator[Ruling]:
    count = pdfium.FPDFPath_CountSegments(path)
    if not 2 <= count <= _MAX_SEGMENTS:
        return
    own = _times(_matrix(pdfium, path), matrix)
    points = list(_points(pdfium, path, count, own))
    xs = [x for _, x, _ in points]
    ys = [y for _, _, y in points]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    if right - left < _THIN and top - bottom >= _SHORT:
        yield Ruling(True, (left + right) / 2, bottom, top)
    elif top - bottom < _THIN and right - left >= _SHORT:
        yield Ruling(False, (top + bottom) / 2, left, right)
    elif right - left >= _THIN and top - bottom >= _THIN and _is_stroked(pdfium, path):
        yield from _sides(points)


def _sides(points: list[tuple[bool, float, float]]) -> Iterator[Ruling]:
    """Each straight side of a path that has several."""
    start = points[0]
    for index, (move, x, y) in enumerate(points):
        if move:
            start = points[index]
            continue
        _, x0, y0 = points[index - 1]
        last = index + 1 == len(points) or points[index + 1][0]
        ends = [(x0, y0, x, y)] + ([(x, y, start[1], start[2])] if last else [])
        for a, b, c, d in ends:
            if abs(a - c) < 0.5 and abs(b - d) >= _SHORT:
                yield Ruling(True, a, min(b, d), max(b, d))
            elif abs(b - d) < 0.5 and abs(a - c) >= _SHORT:
                yield Ruling(False, b, min(a, c), max(a, c))


def _points(
    pdfium: Any, path: Any, count: int, matrix: _Matrix
) -> Iterator[tuple[bool, float, float]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    a, b, c, d, e, f = matrix
    for index in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        move = pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_MOVETO
        yield move, a * x.value + c * y.value + e, b * x.value + d * y.value + f


def _is_stroked(pdfium: Any, path: Any) -> bool:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    return bool(stroke.value)


def _matrix(pdfium: Any, item: Any) -> _Matrix:
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, matrix):
        return _SAME
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _times(m: _Matrix, n: _Matrix) -> _Matrix:
    """First `m`, then `n`."""
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )
