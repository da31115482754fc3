"""`govbot ingest`: puts files and folders into a collection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.ids import CollectionId, DocumentId, VersionId

LOOK_S = 0.3


@dataclass(slots=True)
class Result:
    """What became of one file, as `--json` prints it."""

    path: str
    document_id: DocumentId | None = None
    state: str = "failed"
    pages: int = 0
    chunks: int = 0
    error_code: str | None = None
    error: str | None = None


def command(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Collection to fill.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Take sub-folders too.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Stay until every file is ready or failed.")] = False,
    create: Annotated[
        bool,
        typer.Option("--create/--no-create", help="Create the collection if there is none."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file.")] = False,
) -> None:
    """Put files into a collection. Files that it has already are not taken twice."""
    if not run_async(_ingest, paths, collection, recursive, wait, create, as_json):
        raise typer.Exit(1)


async def _ingest(
    paths: list[Path], collection: str, recursive: bool, wait: bool, create: bool, as_json: bool
) -> bool:
    from govbot.app import open_app

    files = list(_files(paths, recursive))
    async with open_app(current_settings()) as app:
        collection_id = await _collection(app, collection, create)
        waiting: dict[VersionId, list[Result]] = {}
        results: list[Result] = []
        with output.progress("files", total=len(files)) as bar:
            for path, place in files:
                result = Result(str(path))
                await _receive(app, collection_id, path, place, result, waiting)
                results.append(result)
                bar.advance()
                if as_json and not wait:
                    output.print_json(result, line=True)
        if wait:
            await _wait(app, waiting, len(files))
    if as_json and wait:
        for result in results:
            output.print_json(result, line=True)
    if not as_json:
        _show(results)
    return all(r.error_code is None and (not wait or r.state == "ready") for r in results)


def _files(paths: list[Path], recursive: bool) -> Iterator[tuple[Path, str]]:
    """Each file with its place in the collection: its path from the folder that was named on."""
    from govbot.errors import NotFound
    from govbot.ingest.folder import files_below

    for path in paths:
        if path.is_dir():
            base = path.resolve()
            for found in files_below(base):
                if not recursive and found.path.parent != base:
                    continue
                yield path / found.path.relative_to(base), f"{base.name}/{found.place}"
        elif path.exists():
            yield path, path.name
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


async def _receive(
    app: App,
    collection_id: CollectionId,
    path: Path,
    place: str,
    result: Result,
    waiting: dict[VersionId, list[Result]],
) -> None:
    from govbot.db.access import OPERATOR
    from govbot.errors import GovBotError, Unavailable
    from govbot.ingest.receive import receive

    try:
        received = await receive(
            app,
            OPERATOR,
            collection_id=collection_id,
            filename=path.name,
            path=path,
            place=place,
            source="cli",
            retry_failed=True,
        )
    except Unavailable:
        raise
    except GovBotError as error:
        result.error_code, result.error = error.error_code, str(error)
        return
    result.document_id = received.document_id
    result.state = received.state
    waiting.setdefault(received.version_id, []).append(result)
    await _refresh(app, waiting, [received.version_id])


async def _wait(app: App, waiting: dict[VersionId, list[Result]], total: int) -> None:
    """Until all are finished; works off the queue here when no other process does."""
    from govbot import tasks
    from govbot.jobs.worker import worker_lives

    worker: asyncio.Task[None] | None = None
    try:
        with output.progress("ready", total=total) as bar:
            while open_ := [v for v, r in waiting.items() if r[0].state not in _ENDS]:
                bar.update(done=total - len(open_))
                if worker is not None and worker.done():
                    worker.result()
                if worker is None and not await worker_lives(app.queue):
                    worker = asyncio.create_task(tasks.worker(app).run(), name="worker")
                await asyncio.sleep(LOOK_S)
                await _refresh(app, waiting, open_)
            bar.update(done=total)
    finally:
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])


_ENDS = ("ready", "failed", "superseded")


async def _refresh(
    app: App, waiting: dict[VersionId, list[Result]], version_ids: list[VersionId]
) -> None:
    from govbot.db.access import as_system
    from govbot.documents import store

    async with as_system(app.pool) as conn:
        versions = await store.get_versions(conn, version_ids)
    for version in versions:
        for result in waiting[version.id]:
            result.state, result.pages, result.chunks = version.state, version.pages, version.chunks
            result.error_code, result.error = version.error_code, version.error


def _show(results: list[Result]) -> None:
    output.print_table(
        ["file", "state", "pages", "chunks", "error"],
        [[r.path, r.state, r.pages, r.chunks, r.error] for r in results],
    )
