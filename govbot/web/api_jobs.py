"""The queue of documents in the API, as far as the person may write them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar.params import FromPath, FromQuery, QueryParameter

from govbot.db.access import as_actor, as_system
from govbot.documents import store
from govbot.ids import CollectionId, DocumentId, VersionId
from govbot.ingest import cancel as cancelling
from govbot.ingest import receive
from govbot.ingest.retry import retry_failed
from govbot.ingest.work import MAX_PAGE, Group, Work, count_work, list_work
from govbot.jobs import control
from govbot.web.api_admin_types import Done, JobItem, JobPage
from govbot.web.api_call import PAGE, CurrentCall, Cursor, Limit, bad_cursor, cursor_of, place_of


async def list_jobs(
    call: CurrentCall,
    group: Annotated[Group | None, QueryParameter(description="Only what stands there.")] = None,
    collection_id: FromQuery[UUID | None] = None,
    cursor: Cursor = "",
    limit: Limit = PAGE,
) -> JobPage:
    """What is being read, waits, failed or was cancelled. The queue moves: an entry may come twice
    or not at all on the pages of one walk."""
    start = _start(cursor)
    only = CollectionId(collection_id) if collection_id else None
    async with as_actor(call.app.pool, call.actor) as conn:
        most = min(start + limit + 1, MAX_PAGE)
        found = await list_work(conn, group, collection_id=only, limit=most)
        counts = await count_work(conn, collection_id=only)
    async with as_system(call.app.pool) as conn:  # that it is paused is no secret
        paused = await control.paused(conn) is not None
    end = start + limit
    more = cursor_of(f"jobs {end}") if end < len(found) else None
    counted = {str(name): number for name, number in counts.items()}
    return JobPage([_job(each) for each in found[start:end]], more, counted, paused)


async def cancel_job(call: CurrentCall, version_id: FromPath[UUID]) -> Done:
    """Ends the work on a version, which can be tried again; 0 where it was over."""
    return Done(int(await cancelling.cancel(call.app, call.actor, version_id)))


async def retry_job(call: CurrentCall, version_id: FromPath[UUID]) -> Done:
    """Processes a document again whose newest version failed or was cancelled; else 0."""
    async with as_actor(call.app.pool, call.actor) as conn:
        version = await store.get_version(conn, VersionId(version_id))
    again = await receive.retry(call.app, call.actor, DocumentId(version.document_id))
    return Done(int(again))


async def retry_all(call: CurrentCall, collection_id: FromQuery[UUID | None] = None) -> Done:
    """Processes every document again that failed and that the person may write."""
    only = CollectionId(collection_id) if collection_id else None
    return Done(await retry_failed(call.app, call.actor, only))


async def pause(call: CurrentCall) -> None:
    """Nothing new is taken up, on all nodes; for administrators."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await control.pause(conn, call.actor)


async def resume(call: CurrentCall) -> None:
    """The work goes on; for administrators."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await control.resume(conn, call.actor)


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    kind, _space, number = place_of(cursor).partition(" ")
    if kind != "jobs" or not (number.isascii() and number.isdigit() and len(number) <= 4):
        raise bad_cursor()
    return min(int(number), MAX_PAGE)


def _job(work: Work) -> JobItem:
    return JobItem(
        **{name: getattr(work, name) for name in JobItem.__struct_fields__ if name != "group"},
        group=work.group.value,
    )
