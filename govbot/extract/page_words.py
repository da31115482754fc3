"""The words of a PDF's page with their places, as PDFium reads them; for the child process only."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from govbot.extract.passage import PDFIUM_HYPHENS

MAX_LETTERS = 40_000
MAX_WORDS = 6_000
_SIZE = 1_000_000  # of the device that places are asked in

Box = tuple[float, float, float, float]  # left, top, right, bottom; fractions of the page as shown


def words_of(page: Any) -> list[list[Any]]:
    """text, x, y, width, height, line of each word, in the order of the page's own text."""
    found: list[list[Any]] = []
    line, last = 0, None
    for text, box, breaks in _words(page):
        if last is not None and (breaks or _below_or_before(last, box)):
            line += 1
        last = box
        left, top, right, bottom = box
        sides = (left, top, right - left, bottom - top)
        found.append([text, *(round(side, 5) for side in sides), line])
        if len(found) == MAX_WORDS:
            break
    return found


def _words(page: Any) -> Iterator[tuple[str, Box, bool]]:
    """Words with their boxes, and whether the page's text breaks the line before them."""
    letters: list[str] = []
    boxes: list[Box] = []
    breaks = pending = False
    for letter, box in _letters(page):
        apart = not letter.strip()
        if letters and (apart or _below_or_before(boxes[-1], box)):
            yield "".join(letters), _around(boxes), breaks
            letters, boxes, breaks = [], [], False
        if apart:
            pending = pending or letter in "\r\n"
            continue
        if not letters:
            breaks, pending = pending, False
        letters.append(letter)
        boxes.append(box)
    if letters:
        yield "".join(letters), _around(boxes), breaks


def _letters(page: Any) -> Iterator[tuple[str, Box]]:
    """Every letter with its place; a space for what cannot be shown."""
    from pypdfium2 import raw

    text = page.get_textpage()
    x0, y0, across, down = _turn(raw, page)
    for index in range(min(text.count_chars(), MAX_LETTERS)):
        letter = _letter(raw.FPDFText_GetUnicode(text, index))
        left, bottom, right, top = text.get_charbox(index, loose=True)
        xs = [_clamp(x0 + x * across[0] + y * down[0]) for x, y in ((left, bottom), (right, top))]
        ys = [_clamp(y0 + x * across[1] + y * down[1]) for x, y in ((left, bottom), (right, top))]
        yield letter, (min(xs), min(ys), max(xs), max(ys))


def _letter(code: int) -> str:
    letter = chr(code) if 0 < code < 0x110000 else " "
    if letter in PDFIUM_HYPHENS:
        return "-"
    return letter if letter.isprintable() or letter in "\r\n" else " "


def _turn(raw: Any, page: Any) -> tuple[float, float, Any, Any]:
    """How points of the page become fractions of the picture, turned pages too."""
    x, y = ctypes.c_int(), ctypes.c_int()

    def at(along: float, up: float) -> tuple[float, float]:
        raw.FPDF_PageToDevice(page, 0, 0, _SIZE, _SIZE, 0, along, up, x, y)
        return x.value / _SIZE, y.value / _SIZE

    (x0, y0), (x1, y1), (x2, y2) = at(0, 0), at(1000, 0), at(0, 1000)
    across = ((x1 - x0) / 1000, (y1 - y0) / 1000)
    down = ((x2 - x0) / 1000, (y2 - y0) / 1000)
    return x0, y0, across, down


def _below_or_before(last: Box, box: Box) -> bool:
    """Whether a letter or word cannot go on the line of the one before it.

    Letters of a turned page run downwards: there, beside counts as below.
    """
    shared_high = min(last[3], box[3]) - max(last[1], box[1])
    shared_wide = min(last[2], box[2]) - max(last[0], box[0])
    high = min(last[3] - last[1], box[3] - box[1])
    wide = min(last[2] - last[0], box[2] - box[0])
    return shared_high < 0.2 * high and shared_wide < 0.2 * wide


def _around(boxes: list[Box]) -> Box:
    seen = [box for box in boxes if box[2] > box[0] and box[3] > box[1]] or boxes
    return (
        min(box[0] for box in seen),
        min(box[1] for box in seen),
        max(box[2] for box in seen),
        max(box[3] for box in seen),
    )


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))
