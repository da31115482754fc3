"""`govbot jobs`: what the queue holds, and how to stop it, cancel in it and try again."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.db.pool import Pool
    from govbot.ids import CollectionId
    from govbot.ingest.estimate import Pace
    from govbot.ingest.work import Work

app = typer.Typer(no_args_is_help=True, help="See, pause, cancel and retry queued documents.")

Identifier = Annotated[
    UUID | None, typer.Argument(metavar="ID", help="Id of a document or of one of its versions.")
]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    collection: Collection = None,
    group: Annotated[
        str | None, typer.Option("--state", help="running, waiting, failed or cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most lines.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what runs, waits, failed and was cancelled, in the order of its turn."""
    run_async(_list, collection, group, limit, as_json)


@app.command()
def retry(
    identifier: Identifier = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Process a document again that failed or was cancelled, or all that failed."""
    run_async(_retry, identifier, failed, collection, as_json)


@app.command()
def cancel(
    identifier: Identifier = None,
    everything: Annotated[bool, typer.Option("--all", help="All that runs or waits.")] = False,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Cancel what waits at once and what runs within a second; it can be retried."""
    run_async(_cancel, identifier, everything, collection, as_json)


@app.command()
def pause(as_json: AsJson = False) -> None:
    """Finish what runs and take up nothing new, on all nodes, until `resume`."""
    run_async(_pause, True, as_json)


@app.command()
def resume(as_json: AsJson = False) -> None:
    """Go on after `pause`."""
    run_async(_pause, False, as_json)


async def _list(collection: str | None, group: str | None, limit: int, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.ingest.estimate import count_pages, measured_pace, queue_remaining
    from govbot.ingest.work import Group, count_work, list_work
    from govbot.jobs.control import paused

    wanted = _group(group)
    async with open_store(current_settings()) as pool:
        collection_id = await _collection(pool, collection)
        async with as_system(pool) as conn:
            found = await list_work(conn, wanted, collection_id=collection_id, limit=limit)
            counts = await count_work(conn, collection_id=collection_id)
            running = await list_work(conn, Group.RUNNING)
            pace = await measured_pace(conn)
            stopped = await paused(conn)
            now = datetime.now(UTC)
            left = queue_remaining(running, await count_pages(conn), pace, now)
    if as_json:
        output.print_json(
            {
                "paused_at": stopped.at if stopped else None,
                "counts": {str(group): number for group, number in counts.items()},
                "remaining_s": left.seconds,
                "unopened": left.unopened,
                "jobs": [_as_row(work, pace, now) for work in found],
            }
        )
        return
    output.print_table(
        ["id", "document", "collection", "state", "page", "attempts", "age", "left", "error"],
        [_cells(work, pace, now) for work in found],
    )
    if stopped:
        output.warn(f"the queue is paused since {stopped.at:%Y-%m-%d %H:%M} UTC by {stopped.by}")
    output.say(
        ", ".join(f"{number} {group}" for group, number in counts.items())
        + (f"; all done in {_about(left.seconds)}" if left.seconds else "")
        + (f" if the {left.unopened} unopened are like the last ones" if left.unopened else "")
    )


async def _retry(
    identifier: UUID | None, failed: bool, collection: str | None, as_json: bool
) -> None:
    from govbot.app import open_app
    from govbot.db.access import OPERATOR
    from govbot.ingest.retry import retry_failed

    _one_of(identifier, failed, "--failed", collection)
    async with open_app(current_settings()) as parts:
        if identifier is not None:
            done = int(await _retry_one(parts, identifier))
        else:
            chosen = await _collection(parts.pool, collection)
            done = await retry_failed(parts, OPERATOR, chosen)
    _tell(done, "queued again", "It did not fail and was not cancelled.", identifier, as_json)


async def _retry_one(parts: App, identifier: UUID) -> bool:
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import store
    from govbot.ingest.receive import retry
    from govbot.ingest.work import versions_named

    async with as_system(parts.pool) as conn:
        version = await store.get_version(conn, (await versions_named(conn, identifier))[0])
    return await retry(parts, OPERATOR, version.document_id)


async def _cancel(
    identifier: UUID | None, everything: bool, collection: str | None, as_json: bool
) -> None:
    from govbot.app import open_app
    from govbot.db.access import OPERATOR
    from govbot.ingest import cancel as cancelling

    _one_of(identifier, everything, "--all", collection)
    async with open_app(current_settings()) as parts:
        if identifier is not None:
            done = int(await cancelling.cancel(parts, OPERATOR, identifier))
        else:
            chosen = await _collection(parts.pool, collection)
            done = await cancelling.cancel_all(parts, OPERATOR, chosen)
    _tell(done, "cancelled", "It was at its end already.", identifier, as_json)


async def _pause(stop: bool, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.jobs import control

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        changed = await (control.pause if stop else control.resume)(conn, OPERATOR)
    if as_json:
        output.print_json({"paused": stop, "changed": changed})
    elif stop:
        print("The queue is paused: what runs is finished, nothing new is taken up.")
    else:
        print("The queue goes on." if changed else "The queue was not paused.")


def _group(name: str | None) -> Any:
    from govbot.errors import Invalid
    from govbot.ingest.work import Group

    if name is not None and name not in list(Group):
        raise Invalid("A state is running, waiting, failed or cancelled.")
    return Group(name) if name else None


async def _collection(pool: Pool, name: str | None) -> CollectionId | None:
    from govbot.db.access import as_system
    from govbot.documents import collections
    from govbot.errors import NotFound

    if name is None:
        return None
    async with as_system(pool) as conn:
        found = await collections.collection_by_name(conn, name)
    if found is None:
        raise NotFound('There is no collection named "%(name)s".', name=name)
    return found.id


def _one_of(identifier: UUID | None, everything: bool, option: str, collection: str | None) -> None:
    from govbot.errors import Invalid

    if (identifier is not None) == everything or (identifier is not None and collection):
        raise Invalid("Name one document by its id, or give %(option)s.", option=option)


def _tell(done: int, word: str, otherwise: str, identifier: UUID | None, as_json: bool) -> None:
    if as_json:
        output.print_json({"documents": done})
    elif identifier is not None and not done:
        print(otherwise)
    else:
        print(f"{done} {'document' if done == 1 else 'documents'} {word}")


def _as_row(work: Work, pace: Pace | None, now: datetime) -> dict[str, object]:
    from govbot.ingest.estimate import remaining_s

    left = remaining_s(work, pace, now)
    return {**asdict(work), "remaining_s": None if left is None else round(left)}


def _cells(work: Work, pace: Pace | None, now: datetime) -> list[object]:
    from govbot.ingest.estimate import remaining_s

    left = remaining_s(work, pace, now)
    return [
        work.document_id,
        work.filename,
        work.collection,
        work.state if work.group == "running" else work.group,
        f"{work.pages_done} of {work.pages}" if work.pages else "",
        work.attempts,
        _age((now - work.created_at).total_seconds()),
        "" if left is None else _about(left),
        work.error_code,
    ]


def _about(seconds: float) -> str:
    from govbot.ingest.estimate import rounded

    unit, number = rounded(seconds)
    return f"about {number} {unit}" if number else "less than a minute"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"
