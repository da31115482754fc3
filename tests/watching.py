"""Watched folders for tests: looks at moments that the test chooses, nothing waits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from govbot.config.table import Watch, WatchedFolder
from govbot.db.access import as_system
from govbot.documents import folders, store
from govbot.documents.folders import Folder, FolderFile
from govbot.documents.types import Document
from govbot.ingest.look import Look, related
from govbot.ingest.watch import configure
from tests.ingestion import Parts

SETTLE = 2.0


def with_folders(parts: Parts, *tables: Mapping[str, Any]) -> Parts:
    """The parts with these tables as [[watch.folders]]."""
    made = tuple(
        WatchedFolder.model_validate({"collection": "A", "settle_seconds": SETTLE, **table})
        for table in tables
    )
    return parts.with_settings(parts.settings.model_copy(update={"watch": Watch(folders=made)}))


class Watchers:
    """The looks of all folders of the settings, and a clock that only the test moves."""

    def __init__(self, parts: Parts):
        self.parts = parts
        self.now = 100.0
        self.looks: list[Look] = []

    async def start(self) -> None:
        """As the service begins: whatever was only in memory is forgotten."""
        await configure(self.parts)
        self.looks = [Look(self.parts, folder) for folder in self.parts.settings.watch.folders]
        related(self.looks)

    async def look(self, *, after: float = 0.0) -> bool:
        """One look at every folder; whether any of them wants to look again soon."""
        self.now += after
        return any([await look.compare(now=self.now) for look in self.looks])

    async def settle(self) -> None:
        """Looks until nothing is left to do."""
        if not self.looks:
            await self.start()
        await self.look()
        for _ in range(12):
            if not await self.look(after=SETTLE):
                return
        raise AssertionError("the looks do not come to an end")


async def documents(parts: Parts) -> dict[str, Document]:
    """The documents outside the trash, by path."""
    async with as_system(parts.pool) as conn:
        return {d.path: d for d in await store.list_documents(conn, limit=500)}


async def trash(parts: Parts) -> dict[str, Document]:
    """The documents in the trash, by path."""
    async with as_system(parts.pool) as conn:
        return {d.path: d for d in await store.list_documents(conn, limit=500, trashed=True)}


async def health(parts: Parts) -> list[Folder]:
    """How the watched folders do."""
    async with as_system(parts.pool) as conn:
        return await folders.list_folders(conn)


async def refused(parts: Parts, folder: Path) -> list[FolderFile]:
    """The refused files of a folder."""
    async with as_system(parts.pool) as conn:
        return await folders.list_refused(conn, str(folder))
