"""Reading order of a page: rows, columns and tables, from the places of its fragments (pure)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from govbot.extract.fragments import Fragment

_CELL_GAP = 1.5  # ems between two fragments of a row that may be two cells
_MIN_COLUMN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line of running text or, with more than one cell, a row of a table; points, downwards."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    left: float
    right: float
    cells: tuple[str, ...] = ()

    @property
    def centred(self) -> bool:
        """Both sides are clear of the margins by about the same width."""
        before, after = self.x0 - self.left, self.right - self.x1
        return before > 1.5 * self.size and abs(before - after) < max(0.12 * (before + after), 6.0)


def lines_of(fragments: Sequence[Fragment]) -> list[Line]:
    """The lines of a page in the order in which a person reads them; rotated text comes last."""
    upright = [fragment for fragment in fragments if fragment.upright]
    turned = [fragment for fragment in fragments if not fragment.upright]
    lines = [line for region in _regions(upright, depth=0) for line in _lines(region)]
    lines.extend(_line([fragment], fragment.x0, fragment.x1) for fragment in turned)
    return lines


def _regions(fragments: list[Fragment], depth: int) -> list[list[Fragment]]:
    """Groups to be read one after another: bands between full-width lines, columns within them."""
    if not fragments:
        return []
    gutter = _gutter(fragments) if depth < 3 else None
    if gutter is None:
        return [fragments]
    regions: list[list[Fragment]] = []
    band: list[Fragment] = []
    crossing = [f for f in fragments if f.x0 < gutter < f.x1]
    edges = sorted(crossing, key=lambda f: f.top)
    rest = sorted((f for f in fragments if not f.x0 < gutter < f.x1), key=lambda f: f.top)
    wide: list[Fragment] = []
    for fragment in sorted(edges + rest, key=lambda f: f.top):
        if fragment.x0 < gutter < fragment.x1:
            regions.extend(_columns(band, gutter, depth))
            band = []
            wide.append(fragment)
        else:
            if wide:
                regions.append(wide)
                wide = []
            band.append(fragment)
    regions.extend(_columns(band, gutter, depth))
    if wide:
        regions.append(wide)
    return [region for region in regions if region]


def _columns(band: list[Fragment], gutter: float, depth: int) -> list[list[Fragment]]:
    left = [f for f in band if f.x1 <= gutter]
    right = [f for f in band if f.x1 > gutter]
    if len(left) < 2 or len(right) < 2:
        return [band] if band else []
    return _regions(left, depth + 1) + _regions(right, depth + 1)


def _gutter(fragments: list[Fragment]) -> float | None:
    """The middle of the empty vertical strip between two columns of prose, if there is one.

    Columns of a table also leave such strips; they differ in that their cells are short.
    """
    if len(fragments) < 2 * _MIN_COLUMN_ROWS:
        return None
    left, right = min(f.x0 for f in fragments), max(f.x1 for f in fragments)
    width = right - left
    size = statistics.median(f.size for f in fragments)
    allowed = 0.3 * len(fragments)
    best: tuple[float, float] | None = None
    position = left + 0.22 * width
    run_start: float | None = None
    cover = _coverage(fragments, left, right)
    while position <= right - 0.22 * width:
        free = cover[int(position - left)] <= allowed
        if free and run_start is None:
            run_start = position
        if run_start is not None and (not free or position + 1 > right - 0.22 * width):
            if best is None or position - run_start > best[1] - best[0]:
                best = (run_start, position)
            run_start = None
        position += 1
    if best is None or best[1] - best[0] < 0.6 * size:
        return None
    middle = _quietest(cover, left, best)
    return middle if _is_prose(fragments, middle, left, right) else None


def _coverage(fragments: list[Fragment], left: float, right: float) -> list[int]:
    """How many fragments stand over each point of the width."""
    steps = [0] * (int(right - left) + 3)
    for fragment in fragments:
        steps[int(fragment.x0 - left)] += 1
        steps[int(fragment.x1 - left) + 1] -= 1
    total = 0
    for index, step in enumerate(steps):
        total += step
        steps[index] = total
    return steps


def _quietest(cover: list[int], left: float, span: tuple[float, float]) -> float:
    indexes = range(int(span[0] - left), int(span[1] - left) + 1)
    lowest = min(cover[index] for index in indexes)
    quiet = [index for index in indexes if cover[index] == lowest]
    return left + quiet[len(quiet) // 2]


def _is_prose(fragments: list[Fragment], gutter: float, left: float, right: float) -> bool:
    sides = (
        ([f for f in fragments if f.x1 <= gutter], gutter - left),
        ([f for f in fragments if f.x0 >= gutter], right - gutter),
    )
    for side, width in sides:
        if len({round(f.top) for f in side}) < _MIN_COLUMN_ROWS:
            return False
        if statistics.median(f.x1 - f.x0 for f in side) < 0.55 * width:
            return False
        if statistics.median(len(f.text.split()) for f in side) < 3:
            return False
    return True


def _lines(fragments: list[Fragment]) -> list[Line]:
    """Rows of a region, top to bottom; rows whose gaps stand over one another are table rows."""
    rows = _rows(fragments)
    left, right = min(f.x0 for f in fragments), max(f.x1 for f in fragments)
    gaps = [_gaps(row) for row in rows]
    lines = []
    for index, row in enumerate(rows):
        near = gaps[max(0, index - 2) : index] + gaps[index + 1 : index + 3]
        shared = [gap for gap in gaps[index] if any(_aligned(gap, other) for other in near)]
        lines.append(_line(row, left, right, shared))
    return lines


def _rows(fragments: list[Fragment]) -> list[list[Fragment]]:
    rows: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda f: (f.bottom, f.x0)):
        if rows and _same_row(rows[-1], fragment):
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [sorted(row, key=lambda f: f.x0) for row in rows]


def _same_row(row: list[Fragment], fragment: Fragment) -> bool:
    tallest = max(row, key=lambda f: f.size)
    overlap = min(tallest.bottom, fragment.bottom) - max(tallest.top, fragment.top)
    if overlap < 0.5 * min(tallest.size, fragment.size):
        return False
    # Overprinted text (shadows, text over a seal) must not be interleaved letter by letter.
    return all(min(f.x1, fragment.x1) - max(f.x0, fragment.x0) < 0.5 * fragment.size for f in row)


def _gaps(row: list[Fragment]) -> list[tuple[float, float]]:
    return [(a.x1, b.x0) for a, b in pairwise(row) if b.x0 - a.x1 > _CELL_GAP * max(a.size, b.size)]


def _aligned(gap: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    return any(min(gap[1], other[1]) - max(gap[0], other[0]) > 4.0 for other in others)


def _line(
    row: list[Fragment],
    left: float,
    right: float,
    cell_gaps: Sequence[tuple[float, float]] = (),
) -> Line:
    cells = [row[0].text]
    for before, fragment in pairwise(row):
        if (before.x1, fragment.x0) in cell_gaps:
            cells.append(fragment.text)
        else:
            touching = fragment.x0 - before.x1 < 0.12 * fragment.size
            cells[-1] += fragment.text if touching else " " + fragment.text
    weight = max(row, key=lambda f: len(f.text))
    return Line(
        text=" | ".join(cells),
        x0=row[0].x0,
        x1=max(f.x1 for f in row),
        top=min(f.top for f in row),
        bottom=max(f.bottom for f in row),
        size=weight.size,
        bold=all(f.bold for f in row),
        left=left,
        right=right,
        cells=tuple(cells) if len(cells) > 1 else (),
    )
