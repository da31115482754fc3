"""Recognises the text of pages that are pictures: several at a time, each within its time.

Pages are drawn by the caller, one after another; Tesseract works beside it in processes of its
own. A page that stands on its side or head or lies slanted is turned first, and the places of its
words are turned back to the page as it is shown.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from govbot.extract import Limits
from govbot.extract.picture import Turn, lines_run, turned
from govbot.extract.tesseract import Seen, is_poor, read_lines, turn_of, worth
from govbot.extract.words import Recognised, Word

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS: Final = 36_000_000
MAX_WORDS: Final = 20_000
_ORIENTATION_DPI = 150  # enough to tell the orientation; 100 is not
_FAILURES = (OSError, subprocess.SubprocessError, MemoryError, ValueError)


def _nothing(_value: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Pages recognised in an earlier try, and who is told of plans and of pages that are done."""

    known: Mapping[int, Recognised] = field(default_factory=dict)
    on_plan: Callable[[int], None] = _nothing
    on_recognised: Callable[[Recognised], None] = _nothing


@dataclass(frozen=True, slots=True)
class Picture:
    """A page in grey, with the resolution in which it was drawn."""

    image: Image
    dpi: int


def cores(setting: int) -> int:
    """How many pages at a time: `setting`, or with 0 one less than the cores of this process."""
    return setting or max(1, len(os.sched_getaffinity(0)) - 1)


def recognise(
    numbers: Sequence[int],
    draw: Callable[[int], Picture],
    limits: Limits,
    checkpoint: Checkpoint,
    on_page: Callable[[], None],
) -> dict[int, Recognised]:
    """The words of the pages `numbers`; a page that is missing could not be recognised.

    Without a program in the limits only known pages come back. `on_page` is called for each page,
    recognised or not.
    """
    found = {number: checkpoint.known[number] for number in numbers if number in checkpoint.known}
    for _known in found:
        on_page()
    left = [number for number in numbers if number not in found]
    if not left or not limits.ocr_program:
        return found
    checkpoint.on_plan(len(left))
    with ThreadPoolExecutor(limits.ocr_parallel) as pool:
        running: dict[Future[Recognised], int] = {}
        for number in left:
            if len(running) > limits.ocr_parallel:  # one page waits, drawn
                _collect(running, found, checkpoint, on_page)
            try:
                picture = draw(number)
            except _FAILURES:
                on_page()
                continue
            running[pool.submit(recognise_picture, picture, number, limits)] = number
        while running:
            _collect(running, found, checkpoint, on_page)
    return found


def _collect(
    running: dict[Future[Recognised], int],
    found: dict[int, Recognised],
    checkpoint: Checkpoint,
    on_page: Callable[[], None],
) -> None:
    """Waits for a page, and takes all that are done."""
    done, _others = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        number = running.pop(future)
        try:
            page = future.result()
        except _FAILURES:
            page = None
        if page is not None:
            found[number] = page
            checkpoint.on_recognised(page)
        on_page()


def recognise_picture(picture: Picture, number: int, limits: Limits) -> Recognised:
    """The words on one picture, within `limits.ocr_page_timeout_s` for all tries together.

    Most pages stand upright and are read once. Where little was read with certainty the page is
    tried upside down, then as Tesseract's detection of orientation says, and the best reading
    taken.
    """
    until = time.monotonic() + limits.ocr_page_timeout_s

    def read(quarters: int, skew: float) -> tuple[list[list[Seen]], Turn]:
        image, turn = turned(picture.image, quarters, skew)
        seconds = until - time.monotonic()
        program, languages = limits.ocr_program, limits.ocr_languages
        return read_lines(image, program, languages, picture.dpi, seconds), turn

    sideways, skew = lines_run(picture.image)
    best = read(int(sideways), skew)
    if is_poor(best[0]):
        best = max(best, read(int(sideways) + 2, skew), key=lambda reading: worth(reading[0]))
    if is_poor(best[0]):
        small = max(1, picture.dpi // _ORIENTATION_DPI)
        image = picture.image.reduce(small) if small > 1 else picture.image
        seconds = until - time.monotonic()
        quarters = turn_of(image, limits.ocr_program, picture.dpi // small, seconds)
        if quarters is not None and quarters % 2 != int(sideways):
            best = max(best, read(quarters, 0.0), key=lambda reading: worth(reading[0]))
    words = tuple(_placed(*best))[:MAX_WORDS]
    return Recognised(number, limits.ocr_engine, words)


def _placed(lines: Iterable[Sequence[Seen]], turn: Turn) -> Iterable[Word]:
    """Words in fractions of the page before it was turned, each box level with the page."""
    width, height = turn.before
    for index, line in enumerate(lines):
        for seen in line:
            x, y = turn.back((seen.x0 + seen.x1) / 2, (seen.top + seen.bottom) / 2)
            wide, high = seen.x1 - seen.x0, seen.bottom - seen.top
            if turn.quarters % 2:
                wide, high = high, wide
            left, right = _share(x - wide / 2, width), _share(x + wide / 2, width)
            top, bottom = _share(y - high / 2, height), _share(y + high / 2, height)
            if right > left and bottom > top:
                box = (left, top, round(right - left, 5), round(bottom - top, 5))
                yield Word(seen.text, *box, index)


def _share(value: float, whole: int) -> float:
    return round(min(max(value / whole, 0.0), 1.0), 5)
