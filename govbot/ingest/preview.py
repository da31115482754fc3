"""What a look at a watched folder would do now, without doing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from govbot.config import Settings
from govbot.config.table import WatchedFolder
from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import collections, folders, intake, mirrored
from govbot.documents.folders import Difference
from govbot.errors import GovBotError
from govbot.ingest.folder import Found, Scan
from govbot.ingest.mirror import RETRIED, collection_name, read_content, subfolder_of

Act = Literal["new", "changed", "moved", "copy", "back", "refused", "waiting", "gone"]


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of one file; `words` say from where, or why not."""

    act: Act
    place: str
    words: str = ""


class Preview:
    """One folder, looked at without a change. `unchanged` counts the files that stay as they are.

    New files are taken for complete.
    """

    def __init__(self, pool: Pool, settings: Settings, folder: WatchedFolder):
        self.unchanged = 0
        self._pool = pool
        self._settings = settings
        self._folder = folder
        self._new: dict[tuple[str, str], str] = {}

    async def steps(self) -> AsyncIterator[Step]:
        """The steps as they are found. Raises OSError when the folder cannot be read."""
        scan = await asyncio.to_thread(Scan, Path(self._folder.path))
        differing: list[tuple[Found, Difference]] = []
        batches = scan.batches()
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            async with as_system(self._pool) as conn:
                rows = await folders.differences(
                    conn,
                    self._folder.path,
                    [found.place for found in batch],
                    [found.mark for found in batch],
                    retried=RETRIED,
                )
            self.unchanged += len(batch) - len(rows)
            differing += [(batch[row.number], row) for row in rows]
        gone = await self._gone(scan)
        for found, row in differing:
            step = await self._step(scan.root, found, row, gone)
            if step is not None:
                yield step
        for place in sorted(gone) if scan.seen else ():
            yield Step("gone", place)

    async def _gone(self, scan: Scan) -> set[str]:
        gone: set[str] = set()
        after = ""
        while True:
            async with as_system(self._pool) as conn:
                page = await folders.list_places(conn, self._folder.path, after=after, limit=2000)
            gone |= {p for p, _ in page if hash(p) not in scan.seen and not scan.hides(p)}
            if len(page) < 2000:
                return gone
            after = page[-1][0]

    async def _step(self, root: Path, found: Found, row: Difference, gone: set[str]) -> Step | None:
        if found.size == 0 and not found.leaves:
            return Step("waiting", found.place, "empty")
        limit = self._settings.ingest.max_file_mb
        try:
            sha256 = await asyncio.to_thread(read_content, root, found, limit)
        except (GovBotError, OSError) as error:
            return Step("refused", found.place, str(error))
        if row.state in ("taken", "copy") and row.sha256 == sha256:
            self.unchanged += 1
            return None
        async with as_system(self._pool) as conn:
            return await self._document_for(conn, found, row, sha256, gone)

    async def _document_for(
        self, conn: Connection, found: Found, row: Difference, sha256: str, gone: set[str]
    ) -> Step | None:
        name = collection_name(self._folder, subfolder_of(self._folder, found.place))
        collection = await collections.collection_by_name(conn, name)
        if collection is not None:
            same = await intake.same_content(conn, collection.key, sha256)
            if same is not None and same.folder == self._folder.path and same.path == found.place:
                self.unchanged += 1
                return None
            if same is not None and same.folder == self._folder.path and same.path in gone:
                gone.discard(same.path)
                return Step("moved", found.place, f"from {same.path}")
            if same is not None:
                return Step("copy", found.place, f"of {same.path}")
            if row.document_id is None and await mirrored.in_trash(conn, collection.key, sha256):
                return Step("back", found.place, "from the trash")
        first = self._new.setdefault((name, sha256), found.place)
        if first != found.place:
            return Step("copy", found.place, f"of {first}")
        return Step("new" if row.document_id is None else "changed", found.place)
