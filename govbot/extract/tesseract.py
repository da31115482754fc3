"""The border to the Tesseract program: finds it, runs it on one picture, reads its answer (hOCR).

The picture goes in through a pipe and the answer comes out of one: the extractor that starts it
may not write files, and what it may not, the program it starts may not either.
"""

from __future__ import annotations

import html
import logging
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from govbot.extract.misread import corrected

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

PACKAGES: Final = "tesseract-ocr and tesseract-ocr-por"
_FRESH_S = 60.0  # how long an answer about what is installed holds
_ASK_S = 20.0
_MAX_ANSWER = 32 << 20
_POOR_WORD, _POOR_LINE, _POOR_SHORT_LINE = 25, 40, 60
_SURE = 60

_LINE = re.compile(r"<span class='ocr_(?:line|header|caption|textfloat)'[^>]*title=\"([^\"]*)\"")
_WORD = re.compile(
    r"<span class='ocrx_word'[^>]*title='bbox (\d+) (\d+) (\d+) (\d+);"
    r"[^']*x_wconf (\d+)[^']*'[^>]*>(.*?)</span>",
    re.DOTALL,
)
_BOX = re.compile(r"bbox (-?\d+) (-?\d+) (-?\d+) (-?\d+)")
_BASELINE = re.compile(r"baseline (-?[\d.]+) (-?[\d.]+)")
_SIZE = re.compile(r"x_size ([\d.]+); x_descenders (-?[\d.]+)")
_TAG = re.compile(r"<[^>]+>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ROTATE = re.compile(r"^Rotate: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Engine:
    """A Tesseract that has the wanted languages; `name` changes when its results may."""

    program: str
    name: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A recognised word, its box in pixels and the confidence of Tesseract, 0 to 100."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    sure: int


def find_engine(languages: str = "por", dpi: int = 300) -> Engine | None:
    """The Tesseract of this machine, or None without it or without data for `languages`."""
    program = shutil.which("tesseract")
    if program is None:
        return None
    return _asked(program, languages, dpi, int(time.monotonic() / _FRESH_S))


@lru_cache(maxsize=8)
def _asked(program: str, languages: str, dpi: int, _moment: int) -> Engine | None:
    try:
        version = _output([program, "--version"]).split("\n")[0].split()
        known = set(_output([program, "--list-langs"]).split("\n")[1:])
    except (OSError, subprocess.SubprocessError):
        logger.warning("Tesseract does not run", extra={"action": "ocr.broken"})
        return None
    if len(version) < 2 or not set(languages.split("+")) <= {name.strip() for name in known}:
        return None
    return Engine(program, f"tesseract {version[1].lstrip('v')} {languages} {dpi}")


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, timeout=_ASK_S, check=True, stdin=subprocess.DEVNULL
    )
    return (done.stdout or done.stderr).decode("utf-8", "replace")


def read_lines(
    picture: Image, program: str, languages: str, dpi: int, seconds: float
) -> list[list[Seen]]:
    """The lines of a grey picture in reading order, without what is surely rubbish.

    Raises subprocess.TimeoutExpired, or OSError when the program cannot do its work.
    """
    command = [program, "stdin", "stdout", "-l", languages, "--dpi", str(dpi), "--psm", "3", "hocr"]
    return lines_of(_run(command, picture, seconds))


def turn_of(picture: Image, program: str, dpi: int, seconds: float) -> int | None:
    """By how many quarter turns clockwise the picture stands upright; None when it cannot say."""
    command = [program, "stdin", "stdout", "-l", "osd", "--dpi", str(dpi), "--psm", "0"]
    try:
        found = _ROTATE.search(_run(command, picture, seconds))
    except OSError:  # too few letters on the page, or its data is not installed
        return None
    return int(found[1]) // 90 % 4 if found else None


def _run(command: list[str], picture: Image, seconds: float) -> str:
    head = b"P5\n%d %d\n255\n" % picture.size
    done = subprocess.run(
        [*_mortal(), *command],
        input=head + picture.tobytes(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=max(seconds, 0.1),
        check=False,
        env={**os.environ, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"},
    )
    if done.returncode != 0 or len(done.stdout) > _MAX_ANSWER:
        raise OSError(f"tesseract ended with status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


@lru_cache(maxsize=1)
def _mortal() -> tuple[str, ...]:
    """What makes a program end with the one that started it, however that one ends."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def lines_of(hocr: str) -> list[list[Seen]]:
    """The lines of an answer in hOCR that are worth keeping."""
    places = list(_LINE.finditer(hocr))
    found = []
    for index, place in enumerate(places):
        end = places[index + 1].start() if index + 1 < len(places) else len(hocr)
        words = _words(place[1], hocr[place.end() : end])
        if words and not _is_rubbish(words):
            found.append(_kept(words))
    return [line for line in found if line]


def _words(title: str, content: str) -> list[Seen]:
    """Boxes reach from the ascenders to the descenders of their line, whatever the letters."""
    box, slope, size = _BOX.search(title), _BASELINE.search(title), _SIZE.search(title)
    words = []
    for x0, y0, x1, y1, sure, marked in _WORD.findall(content):
        text = _CONTROL.sub("", html.unescape(_TAG.sub("", marked))).strip()
        left, top, right, bottom = float(x0), float(y0), float(x1), float(y1)
        if not text or right <= left or bottom <= top:
            continue
        if box and slope and size:
            high = min(float(size[1]), 1.6 * (float(box[4]) - float(box[2])))
            along = (left + right) / 2 - float(box[1])
            base = float(box[4]) + float(slope[2]) + float(slope[1]) * along
            deep = min(max(float(size[2]), 0.0), 0.4 * high)
            top, bottom = base + deep - high, base + deep
        words.append(Seen(text, left, right, top, bottom, int(sure)))
    texts = corrected([word.text for word in words])
    return [
        Seen(text, word.x0, word.x1, word.top, word.bottom, word.sure)
        for text, word in zip(texts, words, strict=True)
    ]


def _is_rubbish(words: list[Seen]) -> bool:
    """What logos, stamps, signatures and stains give: strokes taken for letters."""
    letters = sum(len(word.text) for word in words)
    sure = sum(word.sure * len(word.text) for word in words) / letters
    signs = sum(char.isalnum() for word in words for char in word.text)
    if signs == 0:
        return True
    short = letters <= 6 and len(words) <= 2
    return sure < (_POOR_SHORT_LINE if short else _POOR_LINE) or signs < 0.4 * letters


def _kept(words: list[Seen]) -> list[Seen]:
    """The line without words of no worth; one in the midst of good words is likely nearly right."""
    sure = sum(word.sure for word in words) / len(words)
    return [
        word
        for word in words
        if word.sure >= _SURE
        or (any(map(str.isalnum, word.text)) and (word.sure >= _POOR_WORD or sure >= 85))
        or (word.text in ("-", "–", "—", "§", "•", "I") and sure >= _SURE)
    ]


def is_poor(lines: list[list[Seen]]) -> bool:
    """Whether the page may stand on its head or its side: little of it was read with certainty."""
    words = [word for line in lines for word in line if len(word.text) > 2]
    good = sum(word.sure >= _SURE for word in words)
    return good < 12 or good < 0.6 * len(words)


def worth(lines: list[list[Seen]]) -> int:
    """How much was read with certainty, to choose between two readings of one page."""
    return sum(len(w.text) for line in lines for w in line if w.sure >= _SURE and len(w.text) > 2)
