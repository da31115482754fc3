"""Drawn pages for the viewer: from the disk, or drawn now and kept there.

Give it only versions that row-level security let through for this request: what lies on the disk
is found without asking anybody.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from govbot.db.access import Actor
from govbot.documents.types import Version
from govbot.errors import BadDocument
from govbot.extract.render import (
    MAX_AT_ONCE,
    THUMBNAIL,
    WIDTHS,
    PagePicture,
    PageRenderer,
    Rect,
    media_type_of,
    words_from,
)
from govbot.extract.words import Word
from govbot.web import rates

if TYPE_CHECKING:
    from govbot.app import App

PAGE_WIDTH: Final = WIDTHS[1]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as it is shown: its size in pixels at PAGE_WIDTH, and its words with their places."""

    width: int
    height: int
    words: tuple[Word, ...]


class Sheets:
    """The drawn pages of one site. A page that several ask for at once is drawn once."""

    def __init__(self, renderer: PageRenderer | None = None) -> None:
        self._renderer = renderer or PageRenderer()
        # Both texts of a comparison lie in memory: not many at once.
        self.comparing = asyncio.Semaphore(2)
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def sheet(self, app: App, actor: Actor, version: Version, number: int) -> Sheet:
        """Page `number` of a PDF with its words. Raises like PageRenderer.page, and RateLimited
        for who has had too many pages drawn."""
        found = await self._known(app, version, number)
        if found is None:
            async with self._lock((version.id, number, PAGE_WIDTH)):
                found = await self._known(app, version, number)
                if found is None:
                    found = await self._draw(app, actor, version, number)
        return found

    async def picture(
        self, app: App, actor: Actor, version: Version, number: int, width: int
    ) -> tuple[bytes, str]:
        """The picture of a page and its media type. Raises like `sheet`."""
        found = await self._kept(app, version, number, width)
        if found is not None:
            return found
        small = width == THUMBNAIL
        part = (number - 1) // MAX_AT_ONCE if small else number
        async with self._lock((version.id, part, width)):
            found = await self._kept(app, version, number, width)
            if found is not None:
                return found
            if small:
                return await self._draw_thumbnails(app, actor, version, number)
            await rates.count_picture(app, actor)
            path = app.files.path_of(version.sha256)
            drawn = await self._renderer.page(path, number, width=width)
            await _keep(app, version, drawn, width)
            return drawn.image, media_type_of(drawn.image)

    async def locate(self, quote: str, words: tuple[Word, ...]) -> tuple[Rect, ...]:
        """Where a quote stands among the words of a page; () also when nobody can tell."""
        try:
            return await self._renderer.locate(quote, words)
        except BadDocument:
            return ()

    async def _draw(self, app: App, actor: Actor, version: Version, number: int) -> Sheet:
        await rates.count_picture(app, actor)
        path = app.files.path_of(version.sha256)
        drawn = await self._renderer.page(path, number, width=PAGE_WIDTH, text=True)
        await _keep(app, version, drawn, PAGE_WIDTH, words=True)
        return Sheet(drawn.width, drawn.height, drawn.words)

    async def _draw_thumbnails(
        self, app: App, actor: Actor, version: Version, number: int
    ) -> tuple[bytes, str]:
        """The wanted page and its neighbours: one child for a row of them."""
        await rates.count_picture(app, actor)
        path = app.files.path_of(version.sha256)
        first = (number - 1) // MAX_AT_ONCE * MAX_AT_ONCE + 1
        numbers = range(first, min(first + MAX_AT_ONCE, max(version.pages, number) + 1))
        wanted = None
        try:
            for drawn in await self._renderer.pages(path, numbers, width=THUMBNAIL):
                await _keep(app, version, drawn, THUMBNAIL)
                wanted = drawn if drawn.number == number else wanted
        except BadDocument:  # one page that ends the child shall not hide the others
            wanted = None
        if wanted is None:
            wanted = await self._renderer.page(path, number, width=THUMBNAIL)
            await _keep(app, version, wanted, THUMBNAIL)
        return wanted.image, media_type_of(wanted.image)

    async def _known(self, app: App, version: Version, number: int) -> Sheet | None:
        content = await _get(app, version, f"{number}-words")
        if content is None:
            return None
        try:
            kept = json.loads(content)
            words = words_from(kept["words"])
            return Sheet(int(kept["width"]), int(kept["height"]), words)
        except (ValueError, TypeError, KeyError):  # a power cut, or another hand
            return None

    async def _kept(
        self, app: App, version: Version, number: int, width: int
    ) -> tuple[bytes, str] | None:
        content = await _get(app, version, f"{number}-{width}")
        if content is None:
            return None
        try:
            return content, media_type_of(content)
        except ValueError:
            return None

    def _lock(self, key: Hashable) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


async def _get(app: App, version: Version, name: str) -> bytes | None:
    drawn = app.files.drawn
    return await asyncio.to_thread(drawn.get, version.sha256, version.id, name)


async def _keep(
    app: App, version: Version, drawn: PagePicture, width: int, *, words: bool = False
) -> None:
    most = app.settings.documents.page_cache_mb * 1_000_000
    kept = {f"{drawn.number}-{width}": drawn.image}
    if words:
        sheet = {"width": drawn.width, "height": drawn.height, "words": drawn.words}
        kept[f"{drawn.number}-words"] = json.dumps(sheet, ensure_ascii=False).encode()
    for name, content in kept.items():
        await asyncio.to_thread(
            app.files.drawn.put, version.sha256, version.id, name, content, most_bytes=most
        )
