"""One look at a watched folder: compares it with what is known of it and acts on the differences.

What counts only for a while (since when a file is as it is) is kept between looks; all else is in
the database, so that a look may break off anywhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from govbot.config.table import WatchedFolder
from govbot.db.access import as_system
from govbot.documents import folders, mirrored
from govbot.documents.folders import Difference, FolderFile
from govbot.errors import GovBotError, Unavailable
from govbot.ids import DocumentId
from govbot.ingest.folder import Changed, Found, Mark, Scan
from govbot.ingest.mirror import RETRIED, Mirror, Pending
from govbot.ingest.receive import App

logger = logging.getLogger(__name__)

AT_ONCE = 500  # files that one look takes, or a tenth of the folder where that is more
MAX_WAITING = 20_000  # files whose settling is followed at a time
PAGE = 2000
SLICE = 100
PATIENCE_S = 60.0  # a deletion waits this long for files that are still being written
_Item = TypeVar("_Item")
REST_S = 0.05  # longest pause after a file: what people ask for comes in between


class FolderTrouble(OSError):
    """The folder is not what it was: nothing in it counts as deleted."""

    def __init__(self, code: str, words: str):
        super().__init__(words)
        self.code = code


@dataclass(slots=True)
class _Waiting:
    """A file that is not complete yet, or not dealt with: as it is `since`, seen `first`."""

    mark: Mark
    since: float
    first: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A complete file that is not as its row says."""

    found: Found
    row: Difference


class Look:
    """Looks at one folder, again and again. `siblings` look at folders of the same collection."""

    def __init__(self, app: App, folder: WatchedFolder):
        self.folder = folder
        self.siblings: Sequence[Look] = ()
        self.wanted = asyncio.Event()
        self.more = False
        self._app = app
        self._mirror = Mirror(app, folder)
        self._waiting: dict[str, _Waiting] = {}
        self._uncounted = 0
        self._missing: dict[str, float] = {}
        self._orphans: dict[DocumentId, float] = {}
        self._held: set[str | DocumentId] = set()
        self._looked_at: float | None = None
        self._trouble: str | None = None

    async def compare(self, *, now: float | None = None) -> bool:
        """One look; True when something has to be looked at again as soon as it has settled.

        `now` is in seconds of a clock that never goes back. Afterwards `more` says whether work was
        left for another look at once. Raises OSError when the folder cannot be read, Unavailable.
        """
        now = time.monotonic() if now is None else now
        self.more = False
        self._mirror.begin()
        try:
            scan, ready = await self._scan(now)
        except OSError as error:
            await self._note_trouble(error)
            raise
        self._trouble = None
        reopened = await self._reopen_copies()
        await self._take(scan.root, ready)
        self._looked_at = now
        await self._lose(scan, now)
        waiting = len(self._waiting) + self._uncounted
        async with as_system(self._app.pool) as conn:
            await folders.record_look(conn, self.folder.path, files=len(scan.seen), waiting=waiting)
        going = (self._missing.keys() | self._orphans.keys()) - self._held
        return bool(self.more or reopened or self._waiting or going)

    def accounts_for(self, moment: float, now: float) -> bool:
        """Whether all that lay here complete at `moment` has been dealt with.

        A file that grows for long was not complete then, and a folder that cannot be reached must
        not keep the documents of others from going.
        """
        if self._trouble:
            return True
        if self._looked_at is None or self._looked_at < moment or self.more:
            return False
        if now - moment < PATIENCE_S:
            return not self._waiting
        return not any(w.first == w.since or w.since <= moment for w in self._waiting.values())

    async def _scan(self, now: float) -> tuple[Scan, list[_Candidate]]:
        """Walks the folder; what is complete and differs, at most as much as one look takes."""
        scan = await asyncio.to_thread(Scan, Path(self.folder.path))
        batches = scan.batches()
        waiting: dict[str, _Waiting] = {}
        ready: list[_Candidate] = []
        known = self._uncounted = 0
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            async with as_system(self._app.pool) as conn:
                differing = await folders.differences(
                    conn,
                    self.folder.path,
                    [found.place for found in batch],
                    [found.mark for found in batch],
                    retried=RETRIED,
                )
            known += len(batch)
            for row in differing:
                known -= row.state is None
                found = batch[row.number]
                if row.same or self._is_settled(found, now, waiting):
                    ready.append(_Candidate(found, row))
        self._waiting = waiting
        await self._note_missing(scan, known, now)
        limit = max(AT_ONCE, len(scan.seen) // 10)
        self.more = len(ready) > limit
        return scan, ready[:limit]

    def _is_settled(self, found: Found, now: float, waiting: dict[str, _Waiting]) -> bool:
        """Unchanged since a look that was long enough ago; an empty file is not complete."""
        before = self._waiting.get(found.place)
        if (found.size == 0 and not found.leaves) or len(waiting) >= MAX_WAITING:
            self._uncounted += 1
            return False
        if before is None or before.mark != found.mark:
            before = _Waiting(found.mark, now, before.first if before else now)
        waiting[found.place] = before
        return now - before.since >= self.folder.settle_seconds

    async def _note_missing(self, scan: Scan, known: int, now: float) -> None:
        """Finds the rows whose files were not seen. Raises FolderTrouble when none was."""
        async with as_system(self._app.pool) as conn:
            rows = await folders.count_rows(conn, self.folder.path)
            if not scan.seen and (
                rows or await mirrored.orphans(conn, self.folder.path, kept=False)
            ):
                raise FolderTrouble(
                    "E-FOLDER-EMPTY",
                    "The watched folder is empty: nothing is deleted, as it may be a lost mount.",
                )
        gone = await self._unseen(scan) if rows > known else {}
        fresh = [place for place, state in gone.items() if state != "missing"]
        for start in range(0, len(fresh), PAGE):
            async with as_system(self._app.pool) as conn:
                await folders.set_missing(conn, self.folder.path, fresh[start : start + PAGE])
        self._missing = {place: self._missing.get(place, now) for place in gone}

    async def _unseen(self, scan: Scan) -> dict[str, str]:
        gone: dict[str, str] = {}
        after = ""
        while True:
            async with as_system(self._app.pool) as conn:
                page = await folders.list_places(conn, self.folder.path, after=after, limit=PAGE)
            for place, state in page:
                if hash(place) not in scan.seen and not scan.hides(place):
                    gone[place] = state
            if len(page) < PAGE:
                return gone
            after = page[-1][0]

    async def _reopen_copies(self) -> int:
        async with as_system(self._app.pool) as conn:
            return await mirrored.reopen_copies(conn, self.folder.path)

    async def _take(self, root: Path, ready: Sequence[_Candidate]) -> None:
        """Reads the complete files, then finds each content's document: what moved comes before
        what is new, so that a document is still there to go with its content."""
        pending: list[Pending] = []
        for start in range(0, len(ready), SLICE):
            part = ready[start : start + SLICE]
            rows = [row for c in part if (row := await self._examine(root, c)) is not None]
            async with as_system(self._app.pool) as conn:
                await folders.put_files(conn, self.folder.path, rows)
            sums = {row.place: row.sha256 for row in rows if row.state == "pending"}
            pending += [
                Pending(c.found, sums[c.found.place]) for c in part if c.found.place in sums
            ]
        new = [item for item in pending if not await self._decide(root, item, moved=True)]
        for item in new:
            await self._decide(root, item, moved=False)

    async def _examine(self, root: Path, candidate: _Candidate) -> FolderFile | None:
        """The new row of a file, None when there is nothing to note."""
        found, before = candidate.found, candidate.row
        started = time.monotonic()
        try:
            row = await self._mirror.examine(root, found, before.sha256 if before.same else "")
        except Changed:
            return None
        await _rest(time.monotonic() - started)
        if row.state == "refused":
            self._waiting.pop(found.place, None)
            if before.same and before.state == "refused":
                return None
            self._warn(row)
        elif before.state in ("taken", "copy") and before.sha256 == row.sha256:
            self._waiting.pop(found.place, None)
            async with as_system(self._app.pool) as conn:
                await folders.touch_file(conn, self.folder.path, found.place, found.mark)
            return None
        return replace(row, document_id=None if found.leaves else before.document_id)

    async def _decide(self, root: Path, item: Pending, *, moved: bool) -> bool:
        """Finds a document that has the content (`moved`), or takes the content in; False when
        there is no such document."""
        started = time.monotonic()
        try:
            if moved and not await self._mirror.place_content(item):
                return False
            if not moved and (refused := await self._mirror.take(root, item)) is not None:
                self._warn(refused)
        except Changed:
            return True
        except Unavailable:
            raise
        except GovBotError as error:
            self._warn(await self._mirror.refuse(item.found, error))
        self._waiting.pop(item.found.place, None)
        await _rest(time.monotonic() - started)
        return True

    async def _lose(self, scan: Scan, now: float) -> None:
        """What is gone for good leaves, when nothing can be on its way elsewhere any more."""
        async with as_system(self._app.pool) as conn:
            unclaimed = await mirrored.orphans(
                conn, self.folder.path, kept=self.folder.deleted == "keep"
            )
        left = [held.id for held in unclaimed if not scan.hides(held.path)]
        self._orphans = {found: self._orphans.get(found, now) for found in left}
        self._held &= self._missing.keys() | self._orphans.keys()
        places = [place for place, since in self._missing.items() if self._is_lost(since, now)]
        for place in self._bounded(places):
            try:
                await self._mirror.lose(place)
                del self._missing[place]
            except Unavailable:
                raise
            except GovBotError as error:
                self._held.add(place)
                await self._mirror.hold(place, error)
        documents = [found for found, since in self._orphans.items() if self._is_lost(since, now)]
        for document in self._bounded(documents):
            try:
                await self._mirror.lose_document(document)
                del self._orphans[document]
            except Unavailable:
                raise
            except GovBotError:
                self._held.add(document)

    def _is_lost(self, since: float, now: float) -> bool:
        if now - since < self.folder.settle_seconds:
            return False
        busy = [look for look in self.siblings if not look.accounts_for(since, now)]
        for look in busy:
            look.wanted.set()
        return not busy and self.accounts_for(since, now)

    def _bounded(self, items: list[_Item]) -> list[_Item]:
        """As many as one look handles; the rest comes in the next one."""
        self.more = self.more or len(items) > AT_ONCE
        return items[:AT_ONCE]

    async def _note_trouble(self, error: OSError) -> None:
        code = error.code if isinstance(error, FolderTrouble) else "E-FOLDER"
        words = str(error) if isinstance(error, FolderTrouble) else _words(error)
        self._missing.clear()
        self._orphans.clear()
        if code != self._trouble:
            logger.warning(
                "%s",
                words,
                extra={"action": "watch.failed", "path": self.folder.path, "code": code},
            )
        self._trouble = code
        async with as_system(self._app.pool) as conn:
            await folders.record_look(
                conn, self.folder.path, files=0, waiting=0, error_code=code, error=words
            )

    def _warn(self, row: FolderFile) -> None:
        logger.warning(
            "A file of the watched folder was refused: %s",
            row.error,
            extra={"action": "watch.refused", "path": row.place, "code": row.error_code},
        )


def related(looks: Iterable[Look]) -> None:
    """Tells looks of each other whose folders feed the same collection, or one below it."""
    everyone = list(looks)
    for look in everyone:
        look.siblings = [
            other for other in everyone if other is not look and _meet(look.folder, other.folder)
        ]


def _meet(one: WatchedFolder, other: WatchedFolder) -> bool:
    a, b = one.collection.casefold(), other.collection.casefold()
    return a == b or a.startswith(f"{b} / ") or b.startswith(f"{a} / ")


def _words(error: OSError) -> str:
    return f"The watched folder cannot be read ({error.strerror or error})."


async def _rest(seconds: float) -> None:
    await asyncio.sleep(min(REST_S, seconds))
