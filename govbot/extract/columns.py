"""Finds the empty strip between two columns of prose on a page (pure)."""

from __future__ import annotations

import statistics

from govbot.extract.fragments import Fragment

_MIN_COLUMN_ROWS = 5
_WIDEST = 14_400.0  # points: the widest page there may be; text can be placed beyond it


def gutter_of(fragments: list[Fragment]) -> float | None:
    """The middle of the empty vertical strip between two columns of prose, if there is one.

    Columns of a table also leave such strips; they differ in that their cells are short.
    """
    if len(fragments) < 2 * _MIN_COLUMN_ROWS:
        return None
    left, right = min(f.x0 for f in fragments), max(f.x1 for f in fragments)
    width = right - left
    if width > _WIDEST:
        return None
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
        if statistics.median(len(f.text.split()) for f in side) < 3:
            return False
        narrow = statistics.median(f.x1 - f.x0 for f in side) < 0.55 * width
        if narrow and (gutter - left > 0.8 * (right - left) or gutter_of(side) is None):
            return False  # neither lines of a column nor several columns
    return True
