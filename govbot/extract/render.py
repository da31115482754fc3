"""Pages of a PDF as pictures with their words, and the place of a passage among words.

PDFium runs in a short-lived child process with limits on memory and time: a hostile file can end
the child, never the service.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import govbot
from govbot.errors import BadDocument, Busy, NotFound
from govbot.extract.place import exactly
from govbot.extract.words import Word

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 20.0
MEMORY_MB: Final = 1024
MAX_QUOTE: Final = 20_000
THUMBNAIL: Final = 200
WIDTHS: Final = (THUMBNAIL, 1000, 1600, 2400)
MAX_WAITING: Final = 40
MAX_AT_ONCE: Final = 12  # pages of one child
MAX_WORDS: Final = 6_000
_ROOT: Final = str(Path(govbot.__file__).resolve().parent.parent)
_MAX_ANSWER: Final = 64 << 20
_MAX_SIDE: Final = 100_000
_MAX_WORD: Final = 200
_PICTURES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))

# text, x, y, width, height (fractions of the page from its top left corner), line
Placed = tuple[str, float, float, float, float, int]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in fractions of the page, from the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A drawn page: the picture with its size in pixels, and its words if they were asked for."""

    number: int
    image: bytes
    width: int
    height: int
    pages: int
    words: tuple[Word, ...]


class PageRenderer:
    """Draws pages and locates passages, at most `parallel` children at a time."""

    def __init__(self, *, parallel: int = 2) -> None:
        self._slots = asyncio.Semaphore(parallel)
        self._waiting = 0

    async def page(self, path: Path, number: int, *, width: int, text: bool = False) -> PagePicture:
        """Page `number` (from 1), `width` pixels wide, one of WIDTHS; its words with `text`.

        Raises NotFound when the document has no such page, BadDocument when PDFium cannot show
        it, Busy when too many pages wait.
        """
        heads = await self._drawn(path, [number], width, text=text)
        if number not in heads:
            raise _unshowable("E-CORROMPIDO")
        return _picture(*heads[number])

    async def pages(self, path: Path, numbers: Sequence[int], *, width: int) -> list[PagePicture]:
        """Those of up to MAX_AT_ONCE pages that can be shown, drawn by one child. Raises like
        `page` when none of them can."""
        found = []
        heads = await self._drawn(path, list(numbers)[:MAX_AT_ONCE], width, text=False)
        for head, image in heads.values():
            if "error" not in head:
                found.append(_picture(head, image))
        return found

    async def locate(self, quote: str, words: Sequence[Word]) -> tuple[Rect, ...]:
        """Where `quote` stands among the words of a page, one rectangle per line; empty when it
        does not. Looking for a quote that the page does not hold word for word may take seconds,
        so a child does it. Raises BadDocument, Busy."""
        quote, words = quote[:MAX_QUOTE], words[:MAX_WORDS]
        rects = exactly(words, quote)
        if not rects and quote.strip() and words:
            request = {"quote": quote, "words": [list(word) for word in words]}
            answers = await self._ask(request)
            rects = answers[0][0]["rects"] if answers else []
        return tuple(Rect(*(_fraction(side) for side in rect)) for rect in rects)

    async def _drawn(
        self, path: Path, numbers: list[int], width: int, *, text: bool
    ) -> dict[int, tuple[dict[str, Any], bytes]]:
        if width not in WIDTHS:
            raise ValueError(f"width must be one of {WIDTHS}")
        request = {"path": str(path), "numbers": numbers, "width": width, "text": text}
        answers = await self._ask(request)
        if answers and "number" not in answers[0][0]:
            raise _unshowable("E-CORROMPIDO")
        return {int(head["number"]): (head, image) for head, image in answers}

    async def _ask(self, request: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._slots:
                return await _in_child(request)
        finally:
            self._waiting -= 1


async def _in_child(request: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
    limits = {"memory_mb": MEMORY_MB, "seconds": int(TIMEOUT_S)}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", "-s", "-m", "govbot.extract.render_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        cwd=_ROOT,
        # Nothing of ours: the environment may hold passwords and keys.
        env={key: os.environ[key] for key in ("LANG", "LC_ALL") if key in os.environ},
    )
    assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out = await _talk(child.stdin, child.stdout, json.dumps(request | limits).encode())
            status = await child.wait() if out is not None else None
    except TimeoutError as error:
        raise _unshowable("E-TEMPO") from error
    finally:
        if child.returncode is None:
            child.kill()
            while await child.stdout.read(1 << 20):  # a paused pipe would never be seen to end
                pass
            await child.wait()
    if out is None or status != 0:
        log.warning("A page could not be rendered", extra={"action": "page.failed"})
        raise _unshowable("E-CORROMPIDO")
    return _answers(out)


async def _talk(
    stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, request: bytes
) -> bytes | None:
    """What the child answers; None when that is longer than anything it was asked for."""
    try:
        stdin.write(request)
        await stdin.drain()
        stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return None
    parts, size = [], 0
    while part := await stdout.read(1 << 20):
        size += len(part)
        if size > _MAX_ANSWER:
            return None
        parts.append(part)
    return b"".join(parts)


def _answers(out: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Heads and pictures; the child may have been taken over, so nothing is trusted."""
    found = []
    at = 0
    try:
        while at < len(out):
            (length,) = struct.unpack_from(">I", out, at)
            head = json.loads(out[at + 4 : at + 4 + length])
            at += 4 + length
            size = int(head.get("bytes", 0))
            if not 0 <= size <= len(out) - at:
                raise ValueError(size)
            found.append((head, out[at : at + size]))
            at += size
    except (ValueError, AttributeError, struct.error) as error:
        raise _unshowable("E-CORROMPIDO") from error
    return found


def _picture(head: dict[str, Any], image: bytes) -> PagePicture:
    if "error" in head:
        raise NotFound if head["error"] == "no-page" else _unshowable("E-CORROMPIDO")
    try:
        media_type_of(image)
        words = words_from(head.get("words", []))
        width, height, pages = (int(head[key]) for key in ("width", "height", "pages"))
        if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE and pages > 0):
            raise ValueError(width, height, pages)
    except (ValueError, TypeError, KeyError) as error:
        raise _unshowable("E-CORROMPIDO") from error
    return PagePicture(int(head["number"]), image, width, height, pages, words)


def media_type_of(image: bytes) -> str:
    """The kind of picture, by its first bytes. Raises ValueError for any other than ours."""
    for magic, media_type in _PICTURES:
        if image.startswith(magic):
            return media_type
    raise ValueError("not a picture of ours")


def words_from(values: Any) -> tuple[Word, ...]:
    """Words with their places, whoever wrote them down. Raises ValueError, TypeError."""
    found = []
    for text, *box, line in values[:MAX_WORDS]:
        x, y, width, height = (_fraction(side) for side in box)
        clean = "".join(char for char in str(text)[:_MAX_WORD] if char.isprintable())
        found.append(Word(clean, x, y, width, height, int(line)))
    return tuple(found)


def _fraction(value: Any) -> float:
    return min(1.0, max(0.0, float(value)))


def _unshowable(code: str) -> BadDocument:
    return BadDocument("This page cannot be shown as a picture.", code=code)
