"""Keeps collections like folders: new files come in, changes are new versions, what is deleted goes
to the trash. File system events only say when to look; a look compares everything."""

from __future__ import annotations

import asyncio
import logging
import time
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
from watchdog.observers.api import BaseObserver

from govbot.db.access import as_system
from govbot.documents import folders
from govbot.documents.folders import Configured
from govbot.errors import GovBotError, Unavailable
from govbot.ingest.look import Look, related
from govbot.ingest.receive import App

logger = logging.getLogger(__name__)

_CHANGES = (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
)
TROUBLE_S = 30.0
ASKED_S = 3.0
AT_ONCE_S = 0.1
CALM = 5.0  # pause of this many times the length of the last look


async def watch(app: App) -> None:
    """Watches the folders of the settings until cancelled; each goes its own way."""
    looks = [Look(app, folder) for folder in app.settings.watch.folders]
    related(looks)
    await configure(app)
    async with asyncio.TaskGroup() as group:
        for look in looks:
            group.create_task(_follow(look), name=f"watcher {look.folder.path}")
        if looks:
            group.create_task(_answer_asks(app, looks), name="watcher asks")


async def configure(app: App) -> None:
    """Tells the database which folders are watched; waits until it answers."""
    wanted = [
        Configured(folder.path, folder.collection, folder.subfolders)
        for folder in app.settings.watch.folders
    ]
    while True:
        try:
            async with as_system(app.pool) as conn:
                await folders.configure(conn, wanted)
        except Unavailable as error:
            logger.warning("The watchers wait: %s", error, extra={"action": "watch.failed"})
            await asyncio.sleep(TROUBLE_S)
        else:
            return


async def _follow(look: Look) -> None:
    """Looks whenever something changed, and regularly; trouble of one folder stays its own."""
    events = _Events(look)
    try:
        while True:
            started = time.monotonic()
            soon = await _look(look, events)
            if soon is not None:
                await asyncio.sleep(soon)
                continue
            calm = min(60.0, CALM * (time.monotonic() - started))
            regular = _regular(look)
            await _wanted_or_timeout(look, regular)
            await asyncio.sleep(min(calm, regular))
    finally:
        await events.stop()


async def _look(look: Look, events: _Events) -> float | None:
    """One look; seconds until the next one, None when it may wait for a change."""
    try:
        await events.listen()
        look.wanted.clear()
        soon = await look.compare()
    except OSError:  # it was logged and stored where it was found
        await events.stop()
        return TROUBLE_S
    except GovBotError as error:
        logger.warning(
            "The watched folder cannot be taken in now: %s",
            error,
            extra={"action": "watch.failed", "path": look.folder.path, "code": error.error_code},
        )
        return TROUBLE_S
    except Exception:
        logger.exception(
            "The watcher of a folder stumbled",
            extra={"action": "watch.failed", "path": look.folder.path},
        )
        return TROUBLE_S
    if look.more:
        return AT_ONCE_S
    return look.folder.settle_seconds if soon else None


def _regular(look: Look) -> float:
    """Seconds between two looks when nothing tells of a change."""
    folder = look.folder
    return folder.poll_seconds if folder.mode == "poll" else folder.rescan_minutes * 60.0


async def _wanted_or_timeout(look: Look, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await look.wanted.wait()
    except TimeoutError:
        pass


async def _answer_asks(app: App, looks: list[Look]) -> None:
    """Somebody may ask for a look from a page or the command line, through the database."""
    while True:
        await asyncio.sleep(ASKED_S)
        try:
            async with as_system(app.pool) as conn:
                asked = await folders.looks_asked(conn)
        except Exception as error:
            logger.warning(
                "Nobody can ask for a look now: %s", error, extra={"action": "watch.failed"}
            )
            await asyncio.sleep(TROUBLE_S)
            continue
        for look in looks:
            if look.folder.path in asked:
                look.wanted.set()


class _Events:
    """A thread that listens to the file system; without it the regular looks do."""

    def __init__(self, look: Look):
        self._look = look
        self._observer: BaseObserver | None = None
        self._told = False

    async def listen(self) -> None:
        """Starts listening, if that is wanted and not so already."""
        if self._look.folder.mode == "poll" or self._observer is not None:
            return
        observer = Observer()
        handler = _Handler(asyncio.get_running_loop(), self._look.wanted)
        try:
            await asyncio.to_thread(self._start, observer, handler)
        except OSError as error:
            if not self._told:
                logger.warning(
                    "No events for the watched folder, only regular looks: %s",
                    error,
                    extra={"action": "watch.no-events", "path": self._look.folder.path},
                )
            self._told = True
            return
        self._observer, self._told = observer, False

    async def stop(self) -> None:
        """Ends the thread; a folder that comes back is listened to anew."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            await asyncio.to_thread(observer.join, 10)

    def _start(self, observer: BaseObserver, handler: FileSystemEventHandler) -> None:
        observer.schedule(handler, str(Path(self._look.folder.path).resolve()), recursive=True)
        observer.start()


class _Handler(FileSystemEventHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, wanted: asyncio.Event):
        self._loop = loop
        self._wanted = wanted

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Ten thousand files are many events, and one is enough.
        if (
            event.event_type in _CHANGES
            and not self._wanted.is_set()
            and not self._loop.is_closed()
        ):
            self._loop.call_soon_threadsafe(self._wanted.set)
