"""Looks at the picture of a page: whether it holds ink, which way its lines run (numpy)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SKEW = 15.0  # degrees
MIN_SKEW = 0.3
_LONG_SIDE = 1200
_CELL = 24  # pixels at LOOK_DPI: 8 mm
_CONTRAST = 60
_POINTS = 60_000
LOOK_DPI = 75


@dataclass(frozen=True, slots=True)
class Turn:
    """How a picture was turned: quarter turns clockwise, then `skew` degrees against the clock."""

    quarters: int
    skew: float
    before: tuple[int, int]
    after: tuple[int, int]

    def back(self, x: float, y: float) -> tuple[float, float]:
        """The place on the picture before of a place on the picture after it was turned."""
        width, height = self.before if self.quarters % 2 == 0 else self.before[::-1]
        angle = math.radians(self.skew)
        across, down = x - self.after[0] / 2, y - self.after[1] / 2
        x = width / 2 + across * math.cos(angle) - down * math.sin(angle)
        y = height / 2 + across * math.sin(angle) + down * math.cos(angle)
        match self.quarters % 4:
            case 1:
                return y, self.before[1] - x
            case 2:
                return self.before[0] - x, self.before[1] - y
            case 3:
                return self.before[0] - y, x
            case _:
                return x, y


def turned(picture: Image, quarters: int, skew: float) -> tuple[Image, Turn]:
    """The picture turned by quarters clockwise and then straightened."""
    from PIL.Image import Resampling, Transpose

    before = picture.size
    transpose = {1: Transpose.ROTATE_270, 2: Transpose.ROTATE_180, 3: Transpose.ROTATE_90}
    if quarters % 4:
        picture = picture.transpose(transpose[quarters % 4])
    if skew:
        picture = picture.rotate(skew, Resampling.BICUBIC, expand=True, fillcolor=255)
    return picture, Turn(quarters % 4, skew, before, picture.size)


def is_inked(picture: Image) -> bool:
    """Whether anything stands on a page drawn at LOOK_DPI; specks and scanner edges do not."""
    dark = _dark(picture)
    margin = max(2, round(min(dark.shape) * 0.02))
    share, _busy = _cells(dark[margin:-margin, margin:-margin])
    return bool((share > 0.05).sum() >= 2)


def has_writing(picture: Image, known: Iterable[tuple[float, float, float, float]]) -> bool:
    """Whether a page drawn at LOOK_DPI holds more than a few words besides those in `known`.

    `known` are boxes (left, top, right, bottom) in pixels of text that was read without OCR.
    Writing changes between dark and light many times along a row; frames and shapes do not.
    """
    dark = _dark(picture)
    for left, top, right, bottom in known:
        dark[max(0, int(top) - 3) : int(bottom) + 4, max(0, int(left) - 3) : int(right) + 4] = False
    share, busy = _cells(dark)
    return bool(((share > 0.05) & (share < 0.6) & (busy >= 0.2)).sum() >= 12)


def lines_run(picture: Image) -> tuple[bool, float]:
    """Whether the lines of a page run sideways, and by how many degrees they must be turned
    against the clock to lie level (at most MAX_SKEW either way)."""
    import numpy as np

    small = picture.copy()
    small.thumbnail((_LONG_SIDE, _LONG_SIDE))
    rows, columns = np.nonzero(_dark(small))
    if len(rows) < 200:
        return False, 0.0
    step = len(rows) // _POINTS + 1
    rows, columns = rows[::step].astype(np.float32), columns[::step].astype(np.float32)
    level, flat = _skew(columns, rows)
    upright, standing = _skew(rows, -columns)
    if standing > 1.3 * flat:
        return True, upright
    return False, level


def _skew(along: Any, across: Any) -> tuple[float, float]:
    """The slant at which rows of ink are sharpest, and how sharp they are then."""
    import numpy as np

    def sharpness(degrees: float) -> float:
        profile = across - along * np.float32(math.tan(math.radians(degrees)))
        counts = np.bincount((profile - profile.min()).astype(np.int32)).astype(np.float64)
        return float((np.diff(counts) ** 2).sum())

    coarse = [degrees / 2 for degrees in range(-2 * int(MAX_SKEW), 2 * int(MAX_SKEW) + 1)]
    best = max(coarse, key=sharpness)
    fine = [best + tenth / 10 for tenth in range(-5, 6)]
    best = max(fine, key=sharpness)
    sharp, level = sharpness(best), sharpness(0.0)
    if abs(best) < MIN_SKEW or sharp < 1.05 * level:
        return 0.0, max(sharp, level)
    return best, sharp


def _dark(picture: Image) -> Any:
    """Where the picture differs from its ground, be that paper or a dark cover."""
    import numpy as np

    grey = np.asarray(picture.convert("L"), dtype=np.int16)
    return np.abs(grey - np.int16(np.median(grey))) > _CONTRAST


def _cells(dark: Any) -> tuple[Any, Any]:
    """For each cell the share of ink, and of rows that change three times or more."""
    high, wide = dark.shape[0] // _CELL, dark.shape[1] // _CELL
    if not high or not wide:
        return dark[:0].astype(float), dark[:0].astype(float)
    dark = dark[: high * _CELL, : wide * _CELL]
    changes = dark.copy()
    changes[:, 1:] = dark[:, 1:] != dark[:, :-1]
    changes[:, 0] = False
    shape = (high, _CELL, wide, _CELL)
    share = dark.reshape(shape).mean(axis=(1, 3))
    return share, (changes.reshape(shape).sum(axis=3) >= 3).mean(axis=1)
