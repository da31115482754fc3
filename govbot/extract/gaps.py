"""Where a line of PDF text falls apart: cells, columns, and what is printed over it (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

GAP = 0.9  # ems between two cells or columns
_WIDE = 0.62  # ems per character beyond which a line may hide a gap


class Box(NamedTuple):
    x0: float
    x1: float
    top: float
    bottom: float


class Glyph(NamedTuple):
    """Where one character starts and how large it is."""

    x: float
    base: float
    size: float
    upright: bool


def is_other_layer(last: Glyph, glyph: Glyph) -> bool:
    """Whether two neighbours differ in height and size: one is of a line printed over another."""
    return abs(last.base - glyph.base) > 0.5 and abs(last.size - glyph.size) > 0.03 * glyph.size


def is_walled(boxes: Sequence[Box], y: float, walls: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a border of a table stands within the line."""
    x0, x1 = boxes[0].x0, boxes[-1].x1
    return any(x0 + 2.0 < x < x1 - 2.0 and top < y < bottom for x, top, bottom in walls)


def is_even(boxes: Sequence[Box], characters: int, size: float) -> bool:
    """Whether the boxes of a line follow one another, on one baseline, without wide gaps."""
    if len(boxes) > 1:
        # A box may end with the width of a space.
        if any(parts(before, after, 0.65 * size) for before, after in pairwise(boxes)):
            return False
        if is_tall(boxes, size):
            return False
    return boxes[-1].x1 - boxes[0].x0 < max(_WIDE * characters, 3.0) * size


def is_tall(boxes: Sequence[Box], size: float) -> bool:
    """Whether the boxes take more height than one line does."""
    top, bottom = min(box.top for box in boxes), max(box.bottom for box in boxes)
    return bottom - top > 1.6 * size


def parts(before: Box, after: Box, gap: float) -> bool:
    return after.x0 - before.x1 > gap or after.x1 < before.x0 - 0.4 * gap


def breaks(last: Glyph, right: float, glyph: Glyph, glyph_right: float) -> bool:
    """Whether a glyph belongs to another cell, column or line than the one before it."""
    em = max(last.size, glyph.size)
    if not (last.upright and glyph.upright):
        far = math.hypot(glyph.x - last.x, glyph.base - last.base) > 2.5 * em
        return last.upright != glyph.upright or far
    if abs(glyph.base - last.base) > 0.6 * em:
        return True
    return glyph.x - right > GAP * em or glyph_right < last.x - 0.3 * em
