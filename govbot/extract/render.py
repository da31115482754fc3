"""A page of a PDF as a picture, with the place of a passage on it.

PDFium runs in a short-lived child process with limits on memory and time: a hostile file can end
the child, never the service.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govbot.errors import BadDocument, Busy, NotFound

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 20.0
MEMORY_MB: Final = 1024
MAX_QUOTE: Final = 20_000
WIDTHS: Final = (1000, 1600)
MAX_WAITING: Final = 40


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
    """A rendered page: the picture with its size in pixels, and where the passage stands."""

    image: bytes
    media_type: str
    width: int
    height: int
    pages: int
    rects: tuple[Rect, ...]


class PageRenderer:
    """Renders pages, at most `parallel` at a time, and keeps the last pictures in memory."""

    def __init__(self, *, parallel: int = 2, keep_mb: int = 48) -> None:
        self._slots = asyncio.Semaphore(parallel)
        self._waiting = 0
        self._kept: dict[tuple[str, int, int], PagePicture] = {}
        self._keep = keep_mb * 2**20

    async def page(
        self,
        path: Path,
        number: int,
        *,
        width: int,
        quote: str = "",
        words: Sequence[Placed] = (),
    ) -> PagePicture:
        """Page `number` (from 1), `width` pixels wide, one of WIDTHS.

        `quote` is looked for in the text of the page, or in the `words` recognised in its picture.
        Raises NotFound when the document has no such page, BadDocument when PDFium cannot show
        it, Busy when too many pages wait.
        """
        if width not in WIDTHS:
            raise ValueError(f"width must be one of {WIDTHS}")
        key = (str(path), number, width)
        if not quote and (kept := self._kept.get(key)):
            self._kept[key] = self._kept.pop(key)
            return kept
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._slots:
                picture = await _in_child(path, number, width, quote[:MAX_QUOTE], words)
        finally:
            self._waiting -= 1
        self._remember(key, picture)
        return picture

    def _remember(self, key: tuple[str, int, int], picture: PagePicture) -> None:
        self._kept.pop(key, None)
        self._kept[key] = picture
        size = sum(len(kept.image) for kept in self._kept.values())
        for oldest in list(self._kept):
            if size <= self._keep:
                break
            size -= len(self._kept.pop(oldest).image)


async def _in_child(
    path: Path, number: int, width: int, quote: str, words: Sequence[Placed]
) -> PagePicture:
    request = {
        "path": str(path),
        "number": number,
        "width": width,
        "quote": quote,
        "words": [list(word) for word in words],
        "memory_mb": MEMORY_MB,
        "seconds": int(TIMEOUT_S),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "govbot.extract.render_child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={key: os.environ[key] for key in ("LANG", "LC_ALL") if key in os.environ},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, _err = await child.communicate(json.dumps(request).encode())
    except TimeoutError as error:
        raise _unshowable("E-TEMPO") from error
    finally:
        if child.returncode is None:
            child.kill()
            assert child.stdout is not None  # noqa: S101 - it was asked for
            while await child.stdout.read(1 << 20):  # a paused pipe would never be seen to end
                pass
            await child.wait()
    return _picture(out, child.returncode)


def _picture(out: bytes, returncode: int | None) -> PagePicture:
    head, _newline, image = out.partition(b"\n")
    if returncode != 0 or not head:
        log.warning("A page could not be rendered", extra={"action": "page.failed"})
        raise _unshowable("E-CORROMPIDO")
    answer = json.loads(head)
    if "error" in answer:
        raise NotFound if answer["error"] == "no-page" else _unshowable("E-CORROMPIDO")
    return PagePicture(
        image=image,
        media_type=answer["media_type"],
        width=answer["width"],
        height=answer["height"],
        pages=answer["pages"],
        rects=tuple(Rect(*(float(side) for side in rect)) for rect in answer["rects"]),
    )


def _unshowable(code: str) -> BadDocument:
    return BadDocument("This page cannot be shown as a picture.", code=code)
