"""`govbot ingest`: puts files and folders into a collection, however many, and can go on later."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.documents.types import Version
    from govbot.ids import CollectionId, VersionId
    from govbot.ingest.journal import Entry, Journal

LOOK_S = 0.3
SHOWN = 100  # files in the table; all of them stand in the report
_ENDS = ("ready", "failed", "cancelled", "superseded")


@dataclass(frozen=True, slots=True)
class File:
    """A file to take in; `place` tells files of one name apart."""

    path: Path
    place: str


def command(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Collection to fill.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Take sub-folders too.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Stay until every file is ready or failed.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="CSV file with a row per file. With the report of an earlier import, what that "
            "brought to its end is not looked at again."
        ),
    ] = None,
    create: Annotated[
        bool,
        typer.Option("--create/--no-create", help="Create the collection if there is none."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file.")] = False,
) -> None:
    """Put files into a collection. Files that it has already are not taken twice."""
    try:
        good = run_async(_ingest, paths, collection, recursive, wait, report, create, as_json)
    except KeyboardInterrupt:
        output.warn("interrupted; the same command goes on where it was")
        raise typer.Exit(130) from None
    if not good:
        raise typer.Exit(1)


async def _ingest(
    paths: list[Path],
    collection: str,
    recursive: bool,
    wait: bool,
    report: Path | None,
    create: bool,
    as_json: bool,
) -> bool:
    from govbot.app import open_app
    from govbot.ingest.journal import Journal

    files = list(_files(paths, recursive))
    with Journal(report) as journal:
        async with open_app(current_settings()) as app:
            collection_id = await _collection(app, collection, create)
            bulk = Import(app, collection_id, journal, keep_queued=not wait)
            await bulk.take(files)
            if wait:
                await bulk.wait()
        entries = [journal.entries[str(file.path)] for file in files]
    if as_json:
        for entry in entries:
            output.print_json(entry, line=True)
    else:
        _show(entries)
    return not any(
        e.error_code or (wait and e.state not in ("ready", "duplicate")) for e in entries
    )


def _files(paths: list[Path], recursive: bool) -> Iterator[File]:
    """Each file with its place in the collection: its path from the folder that was named on."""
    from govbot.errors import NotFound
    from govbot.ingest.folder import Scan

    for path in paths:
        if path.is_dir():
            scan = Scan(path)
            for found in (found for batch in scan.batches() for found in batch):
                inside = "/".join(found.parts)
                if found.leaves:
                    output.warn(f"{path / inside}: left out, it is a link out of the folder")
                elif recursive or "/" not in found.place:
                    yield File(path / inside, f"{scan.root.name}/{found.place}")
            if scan.blind:
                output.warn(f"{path}: {len(scan.blind)} places below it cannot be read")
        elif path.exists():
            yield File(path, path.name)
        else:
            raise NotFound(f"{path}: there is no such file")


async def _collection(app: App, name: str, create: bool) -> CollectionId:
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import collections
    from govbot.errors import NotFound

    async with as_system(app.pool) as conn:
        found = await collections.collection_by_name(conn, name)
        if found is not None:
            return found.id
        if not create:
            raise NotFound('There is no collection named "%(name)s".', name=name)
        output.warn(f'created the collection "{name}"; grant access with `govbot collection grant`')
        return await collections.create_collection(conn, OPERATOR, name=name)


class Import:
    """Files on their way into one collection."""

    def __init__(
        self, app: App, collection_id: CollectionId, journal: Journal, *, keep_queued: bool
    ):
        self._app = app
        self._collection_id = collection_id
        self._journal = journal
        self._keep_queued = keep_queued
        self._waiting: dict[VersionId, list[Entry]] = {}
        self._total = 0

    async def take(self, files: list[File]) -> None:
        """Takes in every file that an earlier import has not brought to its end."""
        from govbot.ingest.journal import Entry

        self._total = len(files)
        with output.progress("files", total=len(files)) as bar:
            for file in files:
                info = file.path.stat()
                if not self._journal.is_done(str(file.path), info.st_size, info.st_mtime_ns):
                    entry = Entry(str(file.path), info.st_size, info.st_mtime_ns)
                    await self._receive(file, entry)
                bar.advance()

    async def _receive(self, file: File, entry: Entry) -> None:
        from govbot.db.access import OPERATOR
        from govbot.errors import GovBotError, Unavailable
        from govbot.ingest.receive import receive

        try:
            received = await receive(
                self._app,
                OPERATOR,
                collection_id=self._collection_id,
                filename=file.path.name,
                path=file.path,
                place=file.place,
                source="cli",
                retry_failed=True,
            )
        except Unavailable:
            raise
        except GovBotError as error:
            entry.state, entry.error_code, entry.error = "failed", error.error_code, str(error)
            self._journal.add(entry)
            return
        entry.document, entry.version = str(received.document_id), str(received.version_id)
        entry.state = str(received.state)
        entry.duplicate = "yes" if received.duplicate else ""
        if self._keep_queued:
            self._journal.add(entry)
        self._waiting.setdefault(received.version_id, []).append(entry)
        if received.state in _ENDS:
            await self._refresh([received.version_id])

    async def wait(self) -> None:
        """Until all are at their end; works off the queue here when no other process does."""
        from govbot import tasks
        from govbot.jobs.worker import worker_lives

        await self._warn_when_paused()
        worker: asyncio.Task[None] | None = None
        try:
            with output.progress("ready", total=self._total) as bar:
                while self._waiting:
                    bar.update(done=self._total - len(self._waiting))
                    if worker is not None and worker.done():
                        worker.result()
                    if worker is None and not await worker_lives(self._app.queue):
                        worker = asyncio.create_task(tasks.worker(self._app).run(), name="worker")
                    await asyncio.sleep(max(LOOK_S, len(self._waiting) / 5000))
                    await self._refresh(list(self._waiting))
                bar.update(done=self._total)
        finally:
            if worker is not None:
                worker.cancel()
                await asyncio.wait([worker])

    async def _warn_when_paused(self) -> None:
        from govbot.db.access import as_system
        from govbot.jobs import control

        async with as_system(self._app.pool) as conn:
            if self._waiting and await control.paused(conn):
                output.warn("the queue is paused: nothing is processed before `govbot jobs resume`")

    async def _refresh(self, version_ids: list[VersionId]) -> None:
        """Writes down the fate of those that are at their end."""
        from govbot.db.access import as_system
        from govbot.documents import store

        async with as_system(self._app.pool) as conn:
            versions = await store.get_versions(conn, version_ids)
        gone = set(version_ids) - {version.id for version in versions}
        for version in versions:
            if version.state in _ENDS:
                for entry in self._waiting.pop(version.id):
                    self._journal.add(_with_fate(entry, version))
        for version_id in gone:  # deleted for good by somebody meanwhile
            for entry in self._waiting.pop(version_id):
                self._journal.add(replace(entry, state="failed", error_code="E-NOT-FOUND"))


def _with_fate(entry: Entry, version: Version) -> Entry:
    seconds = 0.0
    if version.started_at is not None and version.finished_at is not None:
        seconds = max(0.0, (version.finished_at - version.started_at).total_seconds())
    return replace(
        entry,
        state=str(version.state),
        pages=version.pages,
        ocr_pages=len(version.ocr_pages),
        unread_pages=len(version.unread_pages),
        passages=version.chunks,
        seconds=seconds,
        error_code=version.error_code or "",
        error=version.error or "",
    )


def _show(entries: list[Entry]) -> None:
    """The table of the files; of very many only those that need a look."""
    shown = entries
    if len(entries) > SHOWN and os.isatty(1):
        shown = [entry for entry in entries if entry.error_code]
    output.print_table(
        ["file", "state", "pages", "passages", "error"],
        [[e.file, e.state, e.pages, e.passages, e.error] for e in shown],
    )
    if shown is not entries:
        output.say(f"{len(entries)} files, {len(shown)} of them with an error")
