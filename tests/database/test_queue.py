"""The job queue: in the caller's transaction, one at a time per lock, taken over from the dead."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import procrastinate
import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from govbot import audit, logs, metrics
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool
from govbot.errors import Denied, Unavailable
from govbot.jobs import control
from govbot.jobs import worker as worker_module
from govbot.jobs.queue import Job, Queue, drop, open_queue
from govbot.jobs.worker import Worker, requeue_dead, worker_lives
from govbot.resources import migrations_dir
from tests.troupe import Troupe

MARKER = "-- Everything above is procrastinate's own schema, unchanged"


async def defer(queue: Queue, pool: Pool, task: str = "note", **options: str) -> bool:
    async with as_system(pool) as conn:
        return await queue.defer_in(conn, task, **options)


async def job_rows(pool: Pool) -> list[dict[str, object]]:
    async with as_system(pool) as conn:
        return await job_rows_in(conn)


async def job_rows_in(conn: Connection) -> list[dict[str, object]]:
    cursor = await conn.execute("SELECT id, status, attempts FROM procrastinate_jobs ORDER BY id")
    return await cursor.fetchall()


class Notes:
    """A task that writes down what it was called with."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failure: BaseException | None = None

    async def __call__(self, *, version_id: str) -> None:
        self.taken.append(version_id)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def notes() -> Notes:
    return Notes()


def test_the_migration_holds_the_schema_of_the_pinned_procrastinate() -> None:
    shipped = (migrations_dir() / "sql" / "0006_job_queue.sql").read_text(encoding="utf-8")
    original = Path(procrastinate.__file__).parent / "sql" / "schema.sql"
    ours, marker, _ = shipped.partition(MARKER)
    assert marker
    assert ours.strip() == original.read_text(encoding="utf-8").strip()


async def test_a_job_runs_with_its_ids_and_leaves_no_row(
    queue: Queue, pool: Pool, notes: Notes
) -> None:
    await defer(queue, pool, version_id="v1")
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == ["v1"]
    assert await job_rows(pool) == []


@pytest.mark.parametrize("failure", [None, Unavailable()])
async def test_a_job_whose_end_cannot_be_written_is_done_again(
    queue: Queue, pool: Pool, notes: Notes, monkeypatch: pytest.MonkeyPatch,
    failure: Exception | None,
) -> None:  # fmt: skip
    monkeypatch.setattr(worker_module, "LOOK_S", 0.05)
    for name in ("finish_job", "retry_job"):
        monkeypatch.setattr(worker_module.PausableManager, name, _disk_full(notes, name))
    notes.failure = failure
    await defer(queue, pool, version_id="v1")
    working = asyncio.create_task(Worker(queue, {"note": notes}).run())
    async with asyncio.timeout(20):
        while await job_rows(pool):
            await asyncio.sleep(0.05)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert notes.taken == ["v1", "v1"]


def _disk_full(notes: Notes, name: str) -> Callable[..., Awaitable[None]]:
    """The method, which fails once, and after which the task does no more."""
    original = getattr(worker_module.PausableManager, name)

    async def method(self: object, **options: object) -> None:
        if len(notes.taken) == 1:
            notes.failure = None
            raise ConnectorException from psycopg.errors.DiskFull("no space left")
        await original(self, **options)

    return method


async def test_a_job_exists_only_when_its_transaction_commits(
    queue: Queue, pool: Pool, notes: Notes
) -> None:
    async with as_system(pool) as conn:
        await queue.defer_in(conn, "note", version_id="v1")
        assert await job_rows_in(conn) != []
        await conn.rollback()
    assert await job_rows(pool) == []


async def test_a_second_job_with_a_lock_that_waits_is_not_added(queue: Queue, pool: Pool) -> None:
    assert await defer(queue, pool, lock="version:1", version_id="v1")
    assert not await defer(queue, pool, lock="version:1", version_id="v1")
    assert await defer(queue, pool, lock="version:2", version_id="v2")
    assert (await queue.counts())["todo"] == 2


async def test_a_job_for_later_waits(queue: Queue, pool: Pool, notes: Notes) -> None:
    async with as_system(pool) as conn:
        await queue.defer_in(conn, "note", after=timedelta(minutes=5), version_id="v1")
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == []


async def test_higher_priority_goes_first(queue: Queue, pool: Pool, notes: Notes) -> None:
    async with as_system(pool) as conn:
        await queue.defer_in(conn, "note", version_id="low")
        await queue.defer_in(conn, "note", priority=5, version_id="high")
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == ["high", "low"]


async def test_log_lines_of_a_job_carry_its_id(queue: Queue, pool: Pool) -> None:
    seen: list[str] = []

    async def look(*, version_id: str) -> None:
        seen.append(logs.job_id.get())

    await defer(queue, pool, version_id="v1")
    await Worker(queue, {"note": look}).run_until_empty()
    assert seen == ["v1"]
    assert logs.job_id.get() == ""


async def test_waits_grow_with_the_attempts(queue: Queue, pool: Pool, notes: Notes) -> None:
    notes.failure = Unavailable()
    await defer(queue, pool, version_id="v1")
    waits = []
    for _ in range(3):
        await Worker(queue, {"note": notes}).run_until_empty()
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                "SELECT extract(epoch FROM scheduled_at - now())::float AS wait"
                " FROM procrastinate_jobs"
            )
            row = await cursor.fetchone()
            assert row is not None
            waits.append(row["wait"])
            await conn.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    assert waits == pytest.approx([30, 120, 480], abs=15)


async def test_a_job_that_a_bug_ends_is_kept_as_failed(
    queue: Queue, pool: Pool, notes: Notes
) -> None:
    notes.failure = KeyError("x")
    await defer(queue, pool, version_id="v1")
    await Worker(queue, {"note": notes}).run_until_empty()
    assert await queue.counts() == {"todo": 0, "doing": 0, "failed": 1}


async def test_a_running_job_goes_back_to_the_queue_when_the_worker_is_stopped(
    queue: Queue, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "GRACE_S", 0.05)
    running = asyncio.Event()

    async def hang(*, version_id: str) -> None:
        running.set()
        await asyncio.Event().wait()

    await defer(queue, pool, version_id="v1")
    task = asyncio.create_task(Worker(queue, {"note": hang}).run())
    await running.wait()
    assert await worker_lives(queue)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row["status"] for row in await job_rows(pool)] == ["todo"]
    assert not await worker_lives(queue)


async def test_a_new_job_wakes_a_waiting_worker(queue: Queue, pool: Pool) -> None:
    ran = asyncio.Event()

    async def run(*, version_id: str) -> None:
        ran.set()

    task = asyncio.create_task(Worker(queue, {"note": run}).run())
    while not await worker_lives(queue):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    await defer(queue, pool, version_id="v1")
    async with asyncio.timeout(4):  # less than procrastinate's polling interval
        await ran.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_worker_survives_the_loss_of_all_its_connections(
    queue: Queue, pool: Pool, dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PAUSE_S", 0.05)
    monkeypatch.setattr(worker_module, "HEARTBEAT_S", 0.05)
    ran = asyncio.Event()

    async def run(*, version_id: str) -> None:
        ran.set()

    task = asyncio.create_task(Worker(queue, {"note": run}).run())
    while not await worker_lives(queue):
        await asyncio.sleep(0.02)
    async with await psycopg.AsyncConnection.connect(dsns.superuser, autocommit=True) as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name IN"
            " ('govbot-queue', 'govbot-worker')"
        )
    await defer(queue, pool, version_id="v1")
    async with asyncio.timeout(30):
        await ran.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stop_while_the_database_is_lost_stops(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What procrastinate does then: the error takes the place of the cancellation."""
    begun = asyncio.Event()

    async def work(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectorException

    monkeypatch.setattr(worker_module, "PAUSE_S", 0.05)
    monkeypatch.setattr(Worker, "_work", work)
    task = asyncio.create_task(Worker(queue, {}).run())
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    task.cancel()
    assert done
    assert task.cancelled()


async def _doing_job(pool: Pool, queue: Queue, *, silent_s: float) -> int:
    """A job that a worker took, whose last sign of life was some seconds ago."""
    await defer(queue, pool, lock="version:1", version_id="v1")
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => %(s)s)) RETURNING id",
            {"s": silent_s},
        )
        row = await cursor.fetchone()
        assert row is not None
        await conn.execute(
            "SELECT procrastinate_fetch_job_v2(NULL, %(id)s::bigint)", {"id": row["id"]}
        )
    return int(row["id"])


async def test_the_job_of_a_dead_worker_is_put_back(queue: Queue, pool: Pool) -> None:
    await _doing_job(pool, queue, silent_s=worker_module.SILENT_S + 1)
    assert await requeue_dead(queue) == 1
    assert [(r["status"], r["attempts"]) for r in await job_rows(pool)] == [("todo", 1)]
    assert await requeue_dead(queue) == 0


async def test_the_job_of_a_worker_with_a_recent_heartbeat_is_left_alone(
    queue: Queue, pool: Pool
) -> None:
    await _doing_job(pool, queue, silent_s=1)
    assert await requeue_dead(queue) == 0


@pytest.mark.parametrize(("silent_s", "requeued"), [(60, 0), (worker_module.LOST_S + 1, 1)])
async def test_a_slow_worker_that_holds_its_lock_keeps_its_job_for_two_minutes(
    queue: Queue, pool: Pool, dsns: Dsns, silent_s: float, requeued: int
) -> None:
    worker_id = await _doing_job(pool, queue, silent_s=silent_s)
    async with await psycopg.AsyncConnection.connect(dsns.app, autocommit=True) as conn:
        await conn.execute(
            "SELECT pg_advisory_lock(%(kind)s::int, %(id)s::int)",
            {"kind": worker_module._LOCK, "id": worker_id},
        )
        assert await requeue_dead(queue) == requeued


async def test_a_job_whose_worker_was_removed_is_put_back(queue: Queue, pool: Pool) -> None:
    await _doing_job(pool, queue, silent_s=0)
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM procrastinate_workers")
    assert await requeue_dead(queue) == 1


async def test_a_waiting_job_of_the_same_lock_does_not_stop_the_takeover(
    queue: Queue, pool: Pool
) -> None:
    await _doing_job(pool, queue, silent_s=60)
    await defer(queue, pool, lock="version:1", version_id="v1")
    assert await requeue_dead(queue) == 1
    assert (await queue.counts())["todo"] == 2


async def test_a_worker_killed_in_the_middle_of_a_job_is_known_to_be_dead(
    queue: Queue, pool: Pool, dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    await defer(queue, pool, version_id="v1")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, dsns.app, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"running\n"
    monkeypatch.setattr(worker_module, "SILENT_S", 0.0)  # only the lock tells
    assert await requeue_dead(queue) == 0
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with asyncio.timeout(10):
        while await requeue_dead(queue) == 0:
            await asyncio.sleep(0.05)
    assert [row["status"] for row in await job_rows(pool)] == ["todo"]


async def test_the_queue_says_when_the_database_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        async with open_queue(f"host={tmp_path} dbname=nada connect_timeout=1", timeout_s=1):
            pass


# Pausing


@asynccontextmanager
async def working(
    queue: Queue, task: worker_module.Task, concurrency: int = 1
) -> AsyncIterator[None]:
    """A worker at work while the block runs."""
    running = asyncio.create_task(Worker(queue, {"note": task}, concurrency=concurrency).run())
    try:
        while not await worker_lives(queue):
            await asyncio.sleep(0.02)
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_paused_worker_finishes_what_runs_and_takes_nothing_new(
    queue: Queue, pool: Pool
) -> None:
    taken: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def note(*, version_id: str) -> None:
        taken.append(version_id)
        begun.set()
        await go.wait()

    await defer(queue, pool, version_id="v1")
    async with working(queue, note):
        await asyncio.wait_for(begun.wait(), 10)
        async with as_system(pool) as conn:
            assert await control.pause(conn, None)
            assert not await control.pause(conn, None)
        await defer(queue, pool, version_id="v2")
        async with as_system(pool) as conn:
            await queue.defer_in(conn, "note", priority=20, version_id="v3")
        go.set()
        async with asyncio.timeout(10):
            while len(await job_rows(pool)) > 2:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert taken == ["v1"]
        async with as_system(pool) as conn:
            assert await control.resume(conn, None)
            assert not await control.resume(conn, None)
        async with asyncio.timeout(4):  # less than the interval in which workers look anyway
            while len(taken) < 3:
                await asyncio.sleep(0.02)


async def test_a_pause_outlives_the_worker_and_says_who_made_it(
    queue: Queue, pool: Pool, notes: Notes, troupe: Troupe
) -> None:
    async with as_actor(pool, troupe.admin, write=True) as conn:
        await control.pause(conn, troupe.admin)
    await defer(queue, pool, version_id="v1")
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == []
    async with as_actor(pool, troupe.reader) as conn:
        paused = await control.paused(conn)
    assert paused is not None
    assert paused.by == "admin"
    async with as_system(pool) as conn:
        await control.resume(conn, None)
        assert await control.paused(conn) is None
        assert [e.action for e in await audit.entries(conn, limit=2)] == [
            "queue.resumed",
            "queue.paused",
        ]
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == ["v1"]


@pytest.mark.parametrize("who", ["curator", "reader", "auditor"])
async def test_only_administrators_pause_and_resume(pool: Pool, troupe: Troupe, who: str) -> None:
    for act in (control.pause, control.resume):
        with pytest.raises(Denied):
            async with as_actor(pool, troupe[who], write=True) as conn:
                await act(conn, troupe[who])


async def test_the_figures_say_that_the_queue_is_paused(queue: Queue, pool: Pool) -> None:
    async with as_system(pool) as conn:
        await control.pause(conn, None)

    async def shown(value: float) -> None:
        async with asyncio.timeout(10):
            while metrics.registry.get_sample_value("govbot_queue_paused") != value:
                await asyncio.sleep(0.02)

    async with working(queue, Notes()):
        await shown(1.0)
    async with as_system(pool) as conn:
        await control.resume(conn, None)
    async with working(queue, Notes()):
        await shown(0.0)


# Lanes


async def test_what_somebody_waits_for_runs_beside_full_workers_and_the_rest_does_not(
    queue: Queue, pool: Pool
) -> None:
    taken: list[str] = []
    go = asyncio.Event()

    async def note(*, version_id: str) -> None:
        taken.append(version_id)
        await go.wait()

    for name in ("b1", "b2", "b3"):
        await defer(queue, pool, version_id=name)
    async with working(queue, note, concurrency=2):
        async with asyncio.timeout(10):
            while len(taken) < 2:
                await asyncio.sleep(0.02)
        async with as_system(pool) as conn:
            await queue.defer_in(conn, "note", priority=20, version_id="upload")
        async with asyncio.timeout(4):
            while len(taken) < 3:
                await asyncio.sleep(0.02)
        assert taken == ["b1", "b2", "upload"]
        go.set()


async def test_the_job_of_a_dead_worker_goes_behind_its_equals(
    queue: Queue, pool: Pool, notes: Notes
) -> None:
    await _doing_job(pool, queue, silent_s=60)
    await defer(queue, pool, version_id="v2")
    assert await requeue_dead(queue) == 1
    await Worker(queue, {"note": notes}).run_until_empty()
    assert notes.taken == ["v2", "v1"]


# Many jobs


async def test_many_jobs_are_queued_at_once_and_none_twice(queue: Queue, pool: Pool) -> None:
    jobs = [Job(f"version:{n}", {"version_id": str(n)}, n % 3 - 1) for n in range(50)]
    async with as_system(pool) as conn:
        assert await queue.defer_many(conn, "note", jobs[:20]) == 20
        assert await queue.defer_many(conn, "note", [*jobs, *jobs]) == 30
        assert await queue.defer_many(conn, "note", []) == 0
    assert (await queue.counts())["todo"] == 50


async def test_two_transactions_that_queue_the_same_thing_add_one_job(
    queue: Queue, pool: Pool
) -> None:
    async def slowly() -> int:
        async with as_system(pool) as conn:
            added = await queue.defer_many(conn, "note", [Job("version:1", {"version_id": "1"})])
            await asyncio.sleep(0.1)
            return added

    assert sorted(await asyncio.gather(slowly(), slowly(), slowly())) == [0, 0, 1]


async def test_jobs_are_dropped_unless_they_run(queue: Queue, pool: Pool) -> None:
    await _doing_job(pool, queue, silent_s=1)
    await defer(queue, pool, lock="version:2", version_id="v2")
    async with as_system(pool) as conn:
        assert await drop(conn, ["version:1", "version:2", "version:3"]) == 1
    assert [row["status"] for row in await job_rows(pool)] == ["doing"]


CHILD = """
import asyncio, sys
from govbot.jobs.queue import open_queue
from govbot.jobs.worker import Worker

async def hang(*, version_id):
    print("running", flush=True)
    await asyncio.sleep(60)

async def main():
    async with open_queue(sys.argv[1]) as queue:
        await Worker(queue, {"note": hang}).run()

asyncio.run(main())
"""
