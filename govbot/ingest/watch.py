"""Keeps a collection like a folder: new files come in, changes are new versions, what is deleted
goes to the trash. File system events only say when to look; a look compares everything."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from govbot.db.access import as_system
from govbot.documents import collections, intake, store
from govbot.documents.types import Document
from govbot.errors import GovBotError, Unavailable
from govbot.ids import CollectionId
from govbot.ingest.folder import Found, files_below, sha256_of
from govbot.ingest.receive import App, receive

logger = logging.getLogger(__name__)

_CHANGES = (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
)
TROUBLE_S = 30.0
CALM = 5.0  # pause of this many times the length of the last look


async def watch(app: App) -> None:
    """Watches the folder of the settings until cancelled."""
    folder = Path(app.settings.watch.folder)
    settle = app.settings.watch.settle_seconds
    look = Look(app, folder)
    changed = asyncio.Event()
    async with _events(folder, changed):
        while True:
            started = time.monotonic()
            try:
                unsettled = await look.compare()
                pause = settle if unsettled else app.settings.watch.rescan_minutes * 60.0
            except (OSError, Unavailable) as error:
                logger.warning(
                    "The watched folder cannot be taken in now: %s",
                    error,
                    extra={"action": "watch.failed"},
                )
                unsettled, pause = True, max(TROUBLE_S, settle)
            if unsettled:
                await asyncio.sleep(pause)
                changed.clear()
                continue
            calm = min(60.0, CALM * (time.monotonic() - started))
            await _change_or_timeout(changed, pause)
            await asyncio.sleep(min(calm, pause))
            changed.clear()


class Look:
    """Compares the folder with the collection, and remembers what it saw between two looks."""

    def __init__(self, app: App, folder: Path):
        self._app = app
        self._folder = folder
        self._settle = app.settings.watch.settle_seconds
        self._seen: dict[str, tuple[tuple[int, int, int], float]] = {}
        self._gone: dict[str, float] = {}
        self._hashes: dict[tuple[int, int, int], str] = {}
        self._refused: dict[str, tuple[int, int, int]] = {}

    async def compare(self, *, now: float | None = None) -> bool:
        """One look; True when something is still changing and has to be looked at again soon.

        Raises OSError when the folder cannot be read, Unavailable.
        """
        now = time.monotonic() if now is None else now
        found = await asyncio.to_thread(lambda: list(files_below(self._folder)))
        collection_id = await self._collection()
        async with as_system(self._app.pool) as conn:
            collection = await collections.get_collection(conn, collection_id)
            known = {d.path: d for d in await intake.folder_documents(conn, collection.key)}
        if known and not found:
            logger.warning(
                "The watched folder is empty: nothing is deleted, as it may be a lost mount",
                extra={"action": "watch.empty"},
            )
            return False
        settled = [file for file in found if self._is_settled(file, now)]
        places = {file.place for file in found}
        gone = {place: d for place, d in known.items() if place not in places}
        lost = self._lost(gone, now)
        for file in settled:
            await self._take(collection_id, file, known, gone, lost)
        for document in lost.values():
            await self._trash(document)
        self._forget(places)
        return len(settled) < len(found) or len(lost) < len(gone)

    def _is_settled(self, file: Found, now: float) -> bool:
        """Unchanged since a look that was long enough ago."""
        mark, since = self._seen.get(file.place, (None, now))
        if mark != file.mark:
            since = now
        self._seen[file.place] = (file.mark, since)
        return now - since >= self._settle

    def _lost(self, gone: dict[str, Document], now: float) -> dict[str, Document]:
        """Programs that save a file may delete it for a moment."""
        self._gone = {place: self._gone.get(place, now) for place in gone}
        return {p: d for p, d in gone.items() if now - self._gone[p] >= self._settle}

    async def _take(
        self,
        collection_id: CollectionId,
        file: Found,
        known: dict[str, Document],
        gone: dict[str, Document],
        lost: dict[str, Document],
    ) -> None:
        if self._refused.get(file.place) == file.mark:
            return
        document = known.get(file.place)
        try:
            sha256 = await self._hash(file)
            if document is not None and document.version.sha256 == sha256:
                return
            if document is None and (
                await self._move(file, sha256, gone, lost)
                or await self._is_copy(collection_id, sha256)
            ):
                return
            received = await receive(
                self._app,
                None,
                collection_id=collection_id,
                filename=file.path.name,
                path=file.path,
                place=file.place,
                source="folder",
            )
            if received.duplicate:
                self._refused[file.place] = file.mark
        except Unavailable:
            raise
        except (GovBotError, OSError) as error:
            self._refused[file.place] = file.mark
            logger.warning(
                "A file of the watched folder was refused: %s",
                error,
                extra={
                    "action": "watch.refused",
                    "path": file.place,
                    "code": getattr(error, "error_code", "E-READ"),
                },
            )

    async def _hash(self, file: Found) -> str:
        if file.mark not in self._hashes:
            self._hashes[file.mark] = await asyncio.to_thread(sha256_of, file.path)
        return self._hashes[file.mark]

    async def _move(
        self, file: Found, sha256: str, gone: dict[str, Document], lost: dict[str, Document]
    ) -> bool:
        """A file that went away and one that came with its content are one that was renamed."""
        old = next((d for d in gone.values() if d.version.sha256 == sha256), None)
        if old is None:
            return False
        async with as_system(self._app.pool) as conn:
            await intake.move_document(conn, old.id, path=file.place, filename=file.path.name)
        gone.pop(old.path)
        lost.pop(old.path, None)
        logger.info("Document renamed", extra={"action": "document.moved", "document": str(old.id)})
        return True

    async def _is_copy(self, collection_id: CollectionId, sha256: str) -> bool:
        """The same content under a second name stays out, as long as the first is there."""
        async with as_system(self._app.pool) as conn:
            collection = await collections.get_collection(conn, collection_id)
            return await intake.same_content(conn, collection.key, sha256) is not None

    async def _trash(self, document: Document) -> None:
        async with as_system(self._app.pool) as conn:
            await store.trash_document(conn, None, document.id)
        logger.info(
            "Document went to the trash with its file",
            extra={"action": "document.deleted", "document": str(document.id)},
        )

    async def _collection(self) -> CollectionId:
        name = self._app.settings.watch.collection
        async with as_system(self._app.pool) as conn:
            collection = await collections.collection_by_name(conn, name)
            if collection is not None:
                return collection.id
            return await collections.create_collection(conn, None, name=name)

    def _forget(self, places: set[str]) -> None:
        self._seen = {place: seen for place, seen in self._seen.items() if place in places}
        self._refused = {place: mark for place, mark in self._refused.items() if place in places}
        marks = {mark for mark, _ in self._seen.values()}
        self._hashes = {mark: sha for mark, sha in self._hashes.items() if mark in marks}


@asynccontextmanager
async def _events(folder: Path, changed: asyncio.Event) -> AsyncIterator[None]:
    """Sets `changed` from a thread that listens to the file system; without it rescans do."""
    observer = Observer()
    try:
        observer.schedule(_Handler(asyncio.get_running_loop(), changed), folder, recursive=True)
        observer.start()
    except OSError as error:
        logger.warning(
            "No events for the watched folder, only regular looks: %s",
            error,
            extra={"action": "watch.no-events"},
        )
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        await asyncio.to_thread(observer.join, 10)


class _Handler(FileSystemEventHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, changed: asyncio.Event):
        self._loop = loop
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _CHANGES and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)


async def _change_or_timeout(changed: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await changed.wait()
    except TimeoutError:
        pass
