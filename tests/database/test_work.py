"""The work in the queue: listed, cancelled at every moment, retried, put in order; urgency."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
import pytest

from govbot import audit
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Connection
from govbot.documents import content, progress, store
from govbot.documents.types import Source, State, Version
from govbot.errors import BadDocument, Denied, NotFound, Unavailable
from govbot.extract import sandbox
from govbot.ids import CollectionId, VersionId
from govbot.ingest import pipeline, receive, report
from govbot.ingest.cancel import cancel, cancel_all
from govbot.ingest.pipeline import process_version
from govbot.ingest.receive import Received
from govbot.ingest.retry import retry_failed
from govbot.ingest.upkeep import sweep
from govbot.ingest.work import Group, Waiting, Work, count_waiting, count_work, list_work
from govbot.jobs.queue import Job
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.ingestion import Cast, HashEmbedder, Parts, assert_consistent, count, document_of, take


@pytest.fixture
async def received(parts: Parts, cast: Cast) -> Received:
    return await take(parts, cast.curator, cast.a)


async def version_of(parts: Parts, received: Received) -> Version:
    async with as_system(parts.pool) as conn:
        return await store.get_version(conn, received.version_id)


async def many(
    parts: Parts, collection_id: CollectionId, number: int, source: Source = "cli"
) -> list[VersionId]:
    """Queued versions, as a bulk import leaves them; they have no originals."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            """
            WITH made AS (
                INSERT INTO documents (id, collection_key, path, filename, source)
                SELECT gen_random_uuid(), c.key, 'f' || n, 'f' || n, %(source)s
                FROM collections c, generate_series(1, %(number)s) n WHERE c.id = %(collection)s
                RETURNING id, key, collection_key
            )
            INSERT INTO document_versions (id, document_id, document_key, collection_key, number,
                                           sha256, size_bytes, mime)
            SELECT gen_random_uuid(), id, key, collection_key, 1, repeat('0', 64), 1, 'text/plain'
            FROM made RETURNING id
            """,
            {"number": number, "collection": collection_id, "source": source},
        )
        ids = [VersionId(row["id"]) for row in await cursor.fetchall()]
        jobs = [
            Job(receive.lock_of(i), {"version_id": str(i)}, receive.PRIORITIES[source]) for i in ids
        ]
        await parts.queue.defer_many(conn, receive.PROCESS, jobs)
    return ids


async def jobs_of(parts: Parts) -> list[tuple[str, str, int]]:
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT status, queue_name, priority FROM procrastinate_jobs ORDER BY id"
        )
        return [tuple(row.values()) for row in await cursor.fetchall()]


async def work_of(parts: Parts, actor: Actor | None, group: Group | None = None) -> list[Work]:
    if actor is None:
        async with as_system(parts.pool) as conn:
            return await list_work(conn, group)
    async with as_actor(parts.pool, actor) as conn:
        return await list_work(conn, group)


@asynccontextmanager
async def working(parts: Parts, concurrency: int = 1) -> AsyncIterator[None]:
    """A worker at work while the block runs."""
    worker = Worker(parts.queue, tasks(parts), concurrency=concurrency)  # type: ignore[arg-type]
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.02)


def at_embedding(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    """Runs `act` when passages are about to be embedded."""
    embed = HashEmbedder.embed_passages

    async def acting(self: HashEmbedder, texts: list[str]) -> list[list[float]]:
        await act()
        return await embed(self, texts)

    monkeypatch.setattr(HashEmbedder, "embed_passages", acting)


# Cancelling


async def test_a_queued_version_is_cancelled_at_once_and_its_job_is_gone(
    parts: Parts, cast: Cast, received: Received
) -> None:
    assert await cancel(parts, cast.writer, received.version_id)
    assert (await version_of(parts, received)).state == State.CANCELLED
    assert await jobs_of(parts) == []
    assert not await cancel(parts, cast.writer, received.version_id)
    async with as_system(parts.pool) as conn:
        (entry,) = await audit.entries(conn, action="document.cancelled")
    assert entry.resource == str(received.document_id)
    assert json.loads(entry.details) == {"filename": "lei.txt", "version": 1}


async def test_a_document_is_cancelled_by_its_own_id_too(
    parts: Parts, cast: Cast, received: Received
) -> None:
    assert await cancel(parts, cast.curator, received.document_id)
    assert (await version_of(parts, received)).state == State.CANCELLED


async def test_who_may_only_read_cannot_cancel_and_strangers_find_nothing(
    parts: Parts, cast: Cast, received: Received
) -> None:
    with pytest.raises(Denied):
        await cancel(parts, cast.reader, received.version_id)
    with pytest.raises(NotFound):
        await cancel(parts, cast.stranger, received.version_id)
    with pytest.raises(NotFound):
        await cancel(parts, cast.curator, uuid4())
    assert (await version_of(parts, received)).state == State.QUEUED


async def test_a_finished_version_cannot_be_cancelled(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await parts.work()
    assert not await cancel(parts, cast.curator, received.version_id)
    assert (await version_of(parts, received)).state == State.READY


async def test_a_cancelled_version_can_be_tried_again(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await cancel(parts, cast.curator, received.version_id)
    assert await receive.retry(parts, cast.curator, received.document_id)
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY
    await assert_consistent(parts)


async def test_cancelling_kills_the_reading_child_within_about_a_second(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = ["/bin/sh", "-c", "exec sleep 60"]
    monkeypatch.setattr(sandbox, "_command", lambda *_: sleeper)
    started: list[asyncio.subprocess.Process] = []
    start = sandbox._start

    async def noted(*arguments: object) -> asyncio.subprocess.Process:
        started.append(await start(*arguments))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(sandbox, "_start", noted)
    task = asyncio.create_task(process_version(parts, received.version_id))

    async def reading() -> bool:
        return bool(started)

    await until(reading)
    await cancel(parts, cast.curator, received.version_id)
    async with asyncio.timeout(report.REPORT_S + 1.5):
        await task
    assert started[0].returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)
    version = await version_of(parts, received)
    assert (version.state, version.error_code) == (State.CANCELLED, None)


async def test_cancelling_stops_the_embedding_between_two_batches(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "EMBED_AT_ONCE", 1)
    monkeypatch.setattr(report, "REPORT_S", 0.05)
    text = "\n\n".join(f"Art. {n}º O órgão {n} publicará o edital {n}." for n in range(1, 60))
    received = await take(parts, cast.curator, cast.a, "longa.txt", text)

    async def stop() -> None:
        await cancel(parts, cast.curator, received.version_id)
        await asyncio.sleep(0.2)

    at_embedding(monkeypatch, stop)
    await process_version(parts, received.version_id)
    assert parts.embedder.embedded <= 1
    assert (await version_of(parts, received)).state == State.CANCELLED
    assert await count(parts, "chunks") == 0


STEPS = ("_replace_pages", "_insert_chunks", "insert_vectors", "_supersede")


@pytest.mark.parametrize("step", STEPS)
async def test_a_version_cancelled_while_it_is_stored_is_never_ready(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    original = getattr(content, step)

    async def cancelled_meanwhile(conn: Connection, *arguments: object) -> object:
        # Another task: blocks of one task must not be nested.
        await asyncio.create_task(cancel(parts, cast.curator, received.version_id))
        return await original(conn, *arguments)

    monkeypatch.setattr(content, step, cancelled_meanwhile)
    await process_version(parts, received.version_id)
    assert (await version_of(parts, received)).state == State.CANCELLED
    assert await count(parts, "chunks") == await count(parts, "version_pages") == 0
    await assert_consistent(parts)


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
async def test_cancelling_at_any_moment_leaves_one_end_and_no_job(
    parts: Parts, cast: Cast, received: Received, delay_s: float
) -> None:
    async with working(parts):
        await asyncio.sleep(delay_s)
        cancelled = await cancel(parts, cast.curator, received.version_id)

        async def idle() -> bool:
            return await jobs_of(parts) == []

        await until(idle)
    state = (await version_of(parts, received)).state
    assert state == (State.CANCELLED if cancelled else State.READY)
    await assert_consistent(parts)


async def test_cancelled_and_retried_at_once_the_first_run_has_no_say(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def again() -> None:
        monkeypatch.undo()
        await cancel(parts, cast.curator, received.version_id)
        await receive.retry(parts, cast.curator, received.document_id)

    at_embedding(monkeypatch, again)
    await process_version(parts, received.version_id)
    assert (await version_of(parts, received)).state == State.QUEUED
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY
    assert await jobs_of(parts) == []


async def test_a_worker_taken_for_dead_cannot_fail_what_another_one_works_on(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overtaken() -> None:
        monkeypatch.undo()
        async with as_system(parts.pool) as conn:
            version = await store.get_version(conn, received.version_id)
            assert await progress.begin_attempt(conn, version)
        raise BadDocument("too late", code="E-TEMPO")

    at_embedding(monkeypatch, overtaken)
    await process_version(parts, received.version_id)
    version = await version_of(parts, received)
    assert (version.state, version.attempts) == (State.EXTRACTING, 2)


async def test_the_trash_breaks_off_the_work_and_restoring_takes_it_up(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "REPORT_S", 0.05)

    async def trash() -> None:
        monkeypatch.undo()
        async with as_actor(parts.pool, cast.curator, write=True) as conn:
            await store.trash_document(conn, cast.curator, received.document_id)
        await asyncio.Event().wait()

    at_embedding(monkeypatch, trash)
    async with asyncio.timeout(5):
        await process_version(parts, received.version_id)
    await parts.work()
    assert await jobs_of(parts) == []
    await receive.restore(parts, cast.curator, received.document_id)
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY


async def test_an_orderly_stop_is_not_taken_for_a_cancellation(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "REPORT_S", 0.01)
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    at_embedding(monkeypatch, hang)
    task = asyncio.create_task(process_version(parts, received.version_id))
    await begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await version_of(parts, received)).state == State.QUEUED


async def test_everything_that_one_may_write_is_cancelled_and_nothing_else(
    parts: Parts, cast: Cast
) -> None:
    await many(parts, cast.a, 1200)
    await many(parts, cast.b, 3)
    assert await cancel_all(parts, cast.reader) == 0
    assert await cancel_all(parts, cast.curator) == 1200
    assert len(await jobs_of(parts)) == 3
    assert await cancel_all(parts, None, cast.a) == 0
    assert await cancel_all(parts, cast.admin) == 3
    async with as_system(parts.pool) as conn:
        noted = await audit.entries(conn, action="queue.cancelled")
    assert sum(json.loads(e.details)["documents"] for e in noted) == 1203
    assert len(noted) == 4


# Trying again


async def failed(parts: Parts, cast: Cast, number: int) -> None:
    await many(parts, cast.a, number)
    await many(parts, cast.b, 1)
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "UPDATE document_versions SET state = 'failed', attempts = 3, finished_at = now()"
        )
        await conn.execute("DELETE FROM procrastinate_jobs")


async def test_all_failed_documents_that_one_may_write_are_queued_again_once(
    parts: Parts, cast: Cast
) -> None:
    await failed(parts, cast, 450)
    assert await retry_failed(parts, cast.reader) == 0
    assert await retry_failed(parts, cast.stranger) == 0
    assert await retry_failed(parts, cast.writer) == 450
    assert await retry_failed(parts, cast.writer) == 0
    assert await jobs_of(parts) == [("todo", "default", -10)] * 450
    assert await retry_failed(parts, None, cast.a) == 0
    assert await retry_failed(parts, None, cast.b) == 1


async def test_what_fails_again_while_all_are_retried_does_not_go_round_for_ever(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failed(parts, cast, 300)
    defer = parts.queue.defer_many

    async def failing_at_once(conn: Connection, *arguments: object) -> int:
        added = await defer(conn, *arguments)  # type: ignore[arg-type]
        await conn.execute(
            "UPDATE document_versions SET state = 'failed', finished_at = clock_timestamp()"
            " WHERE state = 'queued'"
        )
        return added

    monkeypatch.setattr(parts.queue, "defer_many", failing_at_once)
    assert await retry_failed(parts, cast.admin) == 301


async def test_an_old_version_that_failed_and_a_trashed_document_are_not_retried(
    parts: Parts, cast: Cast
) -> None:
    parts.embedder.failure = BadDocument("ruim")
    old = await take(parts, cast.curator, cast.a, "a.txt", "Art. 1º Um.")
    trashed = await take(parts, cast.curator, cast.a, "b.txt", "Art. 1º Dois.")
    await parts.work()
    parts.embedder.failure = None
    await take(parts, cast.curator, cast.a, "a.txt", "Art. 1º Três.")
    await parts.work()
    async with as_system(parts.pool) as conn:
        await store.trash_document(conn, None, trashed.document_id)
    assert await retry_failed(parts, None) == 0
    assert (await version_of(parts, old)).state == State.FAILED


async def test_two_who_retry_at_the_same_time_queue_one_job(
    parts: Parts, cast: Cast, received: Received
) -> None:
    parts.embedder.failure = BadDocument("ruim")
    await parts.work()
    done = await asyncio.gather(
        *(receive.retry(parts, cast.curator, received.document_id) for _ in range(3)),
        retry_failed(parts, None),
        return_exceptions=True,
    )
    assert [result for result in done if result not in (False, 0)]
    assert len(await jobs_of(parts)) == 1


# Urgency


async def test_each_way_in_has_its_urgency_and_a_retry_by_a_person_is_an_upload(
    parts: Parts, cast: Cast, received: Received
) -> None:
    assert await jobs_of(parts) == [("todo", "people", 20)]
    async with as_system(parts.pool) as conn:
        await conn.execute("UPDATE documents SET source = 'cli'")
        await conn.execute("DELETE FROM procrastinate_jobs")
        await receive.defer_version(parts, conn, received.version_id, source="cli")
    assert await jobs_of(parts) == [("todo", "default", -10)]
    await cancel(parts, None, received.version_id)
    await receive.retry(parts, None, received.document_id)
    assert await jobs_of(parts) == [("todo", "people", 20)]


async def test_a_more_urgent_request_moves_the_waiting_job_forward(
    parts: Parts, cast: Cast, received: Received
) -> None:
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "UPDATE procrastinate_jobs SET priority = -10, queue_name = 'default',"
            " scheduled_at = now() + interval '1 hour'"
        )
    async with as_system(parts.pool) as conn:
        assert not await receive.defer_version(parts, conn, received.version_id, source="upload")
    assert await jobs_of(parts) == [("todo", "people", 20)]
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY


@pytest.mark.timeout(120)
async def test_an_upload_overtakes_ten_thousand_waiting_files_while_one_of_them_runs(
    parts: Parts, cast: Cast
) -> None:
    ids = await many(parts, cast.a, 10_000)
    bulk, free = asyncio.Event(), asyncio.Event()
    ready: list[str] = []

    async def process(*, version_id: str) -> None:
        if version_id in waiting:
            bulk.set()
            await free.wait()
        else:
            ready.append(version_id)

    waiting = {str(version_id) for version_id in ids}
    worker = Worker(parts.queue, {receive.PROCESS: process})
    task = asyncio.create_task(worker.run())
    await asyncio.wait_for(bulk.wait(), 20)
    uploaded = await take(parts, cast.curator, cast.a)
    async with asyncio.timeout(10):  # the running file of the import is not waited for
        while not ready:
            await asyncio.sleep(0.02)
    assert ready == [str(uploaded.version_id)]
    free.set()
    task.cancel()
    await asyncio.wait([task])


# Lists


async def test_the_list_shows_what_runs_waits_and_failed_in_the_order_of_its_turn(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await many(parts, cast.a, 2)
    parts.embedder.failure = BadDocument("ruim", code="E-VAZIO")
    await process_version(parts, received.version_id)
    upload = await take(parts, cast.curator, cast.a, "b.txt", "Art. 2º Outro.")
    found = await work_of(parts, cast.curator)
    assert [w.group for w in found] == [Group.WAITING] * 3 + [Group.FAILED]
    assert found[0].version_id == upload.version_id
    assert [w.priority for w in found] == [20, -10, -10, 20]
    last = found[-1]
    assert (last.filename, last.collection, last.error_code) == ("lei.txt", "A", "E-VAZIO")
    assert [w.version_id for w in await work_of(parts, None, Group.FAILED)] == [received.version_id]
    async with as_system(parts.pool) as conn:
        counted = await count_work(conn)
        assert await count_waiting(conn) == [Waiting("A", 20, 1), Waiting("A", -10, 2)]
    assert counted == {
        Group.RUNNING: 0, Group.WAITING: 3, Group.FAILED: 1, Group.CANCELLED: 0,
    }  # fmt: skip


async def test_one_sees_only_the_work_of_collections_that_one_may_write(
    parts: Parts, cast: Cast, received: Received
) -> None:
    for actor, seen in (
        (cast.admin, 1), (cast.curator, 1), (cast.writer, 1), (cast.reader, 0), (cast.stranger, 0),
    ):  # fmt: skip
        assert len(await work_of(parts, actor)) == seen
        async with as_actor(parts.pool, actor) as conn:
            assert (await count_work(conn))[Group.WAITING] == seen


async def test_what_a_worker_holds_is_shown_as_running(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        held.set()
        await go.wait()

    at_embedding(monkeypatch, hold)
    async with working(parts):
        await asyncio.wait_for(held.wait(), 20)
        (found,) = await work_of(parts, cast.curator)
        assert (found.group, found.attempts) == (Group.RUNNING, 1)
        go.set()

        async def done() -> bool:
            return not await work_of(parts, None)

        await until(done)


async def test_work_that_waits_for_a_part_says_when_it_is_tried_again(
    parts: Parts, cast: Cast, received: Received
) -> None:
    parts.embedder.failure = Unavailable("fora do ar", code="E-MODEL")
    await parts.work()
    (found,) = await work_of(parts, cast.curator)
    assert (found.group, found.error_code) == (Group.WAITING, "E-MODEL")
    assert found.again_at is not None


# Keeping order


async def test_versions_without_a_job_are_queued_again(
    parts: Parts, cast: Cast, received: Received
) -> None:
    trashed = await take(parts, cast.curator, cast.a, "lixo.txt", "Art. 2º Lixo.")
    async with as_system(parts.pool) as conn:
        await store.trash_document(conn, None, trashed.document_id)
        await conn.execute("DELETE FROM procrastinate_jobs")
        await conn.execute("UPDATE document_versions SET state = 'embedding', attempts = 2")
    assert (await sweep(parts)).requeued == 1
    assert await jobs_of(parts) == [("todo", "people", 20)]
    version = await version_of(parts, received)
    assert (version.state, version.attempts) == (State.QUEUED, 2)
    assert (await sweep(parts)).requeued == 0
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY


async def test_jobs_that_nobody_needs_are_dropped(
    parts: Parts, cast: Cast, received: Received
) -> None:
    gone = VersionId(uuid4())
    async with as_system(parts.pool) as conn:
        await receive.defer_version(parts, conn, gone, source="upload")  # its version was deleted
        await conn.execute(  # a second job of the same version, and one that a fault ended
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args, status)"
            " SELECT queue_name, task_name, priority, lock, args, s::procrastinate_job_status"
            " FROM procrastinate_jobs, unnest(ARRAY['todo', 'failed']) s WHERE lock = %(lock)s",
            {"lock": receive.lock_of(received.version_id)},
        )
    swept = await sweep(parts)
    assert (swept.requeued, swept.dropped) == (0, 3)
    assert await jobs_of(parts) == [("todo", "people", 20)]


async def test_the_job_of_a_finished_version_is_dropped(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await process_version(parts, received.version_id)
    assert len(await jobs_of(parts)) == 1
    assert (await sweep(parts)).dropped == 1
    assert await jobs_of(parts) == []


async def test_two_nodes_that_put_in_order_at_the_same_time_queue_one_job(
    parts: Parts, cast: Cast
) -> None:
    await many(parts, cast.a, 700)
    async with as_system(parts.pool) as conn:
        await conn.execute("DELETE FROM procrastinate_jobs")
    swept = await asyncio.gather(*(sweep(parts) for _ in range(3)))
    assert sum(s.requeued for s in swept) == 700
    assert len(await jobs_of(parts)) == 700


async def test_a_running_job_and_its_version_are_left_alone(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        held.set()
        await go.wait()

    at_embedding(monkeypatch, hold)
    async with working(parts):
        await asyncio.wait_for(held.wait(), 20)
        swept = await sweep(parts)
        assert (swept.requeued, swept.dropped) == (0, 0)
        assert (await version_of(parts, received)).state in (State.EXTRACTING, State.EMBEDDING)
        go.set()


# Disk full


async def test_a_full_disk_of_the_database_costs_no_attempt_and_fails_nothing(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    monkeypatch.setattr(content, "_replace_pages", full)
    for _ in range(parts.settings.ingest.max_attempts + 1):
        with pytest.raises(Unavailable) as caught:
            await process_version(parts, received.version_id)
        assert caught.value.error_code == "E-DATABASE-FULL"
    version = await version_of(parts, received)
    assert (version.state, version.attempts) == (State.QUEUED, 0)
    assert version.error_code == "E-DATABASE-FULL"
    monkeypatch.undo()
    await parts.work()
    assert (await document_of(parts, received)).version.state == State.READY
