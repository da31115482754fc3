"""The clock is set back or runs ahead: nobody is kept out for it, nothing is deleted for it."""

from __future__ import annotations

from typing import LiteralString

import pytest

from govbot import audit
from govbot.auth import attempts, limits, sessions
from govbot.auth.attempts import Door, TooManyAttempts
from govbot.auth.limits import Rate, RateLimited
from govbot.auth.sessions import Method
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.installation.clock import DOUBT_S, Clock
from govbot.jobs.queue import Queue
from govbot.jobs.worker import hasten_future, requeue_dead
from tests.database.test_attempts import Limits
from tests.troupe import Troupe

DOOR = Door("account:x", 5)


async def change(pool: Pool, query: LiteralString) -> None:
    async with as_system(pool) as conn:
        await conn.execute(query)


async def test_a_rate_that_was_counted_in_the_future_counts_anew(pool: Pool) -> None:
    rate = Rate("a", 2)
    for _ in range(2):
        await limits.admit(pool, rate)
    await change(pool, "UPDATE rate_buckets SET full_at = full_at + interval '400 days'")
    for _ in range(2):
        await limits.admit(pool, rate)
    with pytest.raises(RateLimited) as refused:
        await limits.admit(pool, rate)
    assert refused.value.retry_after_s <= 60


async def test_a_wait_that_began_in_the_future_is_none(pool: Pool) -> None:
    for _ in range(6):
        try:
            await attempts.take(pool, [DOOR], window_minutes=15)
        except TooManyAttempts:
            break
    await change(
        pool,
        "UPDATE sign_in_failures SET last_at = last_at + interval '400 days',"
        " blocked_until = blocked_until + interval '400 days'",
    )
    await attempts.take(pool, [DOOR], window_minutes=15)
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT failures FROM sign_in_failures")
        row = await cursor.fetchone()
    assert row is not None
    assert row["failures"] <= 7  # the time that never was has added none


async def test_a_dead_worker_whose_heartbeat_lies_in_the_future_is_dead(
    pool: Pool, queue: Queue
) -> None:
    async with as_system(pool) as conn:
        await queue.defer_in(conn, "note", lock="version:1", version_id="1")
        await conn.execute(
            """
            WITH dead AS (
                INSERT INTO procrastinate_workers (last_heartbeat)
                VALUES (now() + interval '2 hours') RETURNING id
            )
            UPDATE procrastinate_jobs j SET status = 'doing', worker_id = dead.id FROM dead
            """
        )
    assert await requeue_dead(queue) == 1


async def test_a_job_that_was_put_back_while_the_clock_was_ahead_begins_when_it_is_right(
    pool: Pool, queue: Queue
) -> None:
    async with as_system(pool) as conn:
        await queue.defer_in(conn, "note", lock="version:1", version_id="1")
        await queue.defer_in(conn, "note", lock="version:2", version_id="2")
    await change(
        pool,
        "UPDATE procrastinate_jobs SET scheduled_at = now() + CASE lock"
        " WHEN 'version:1' THEN interval '40 days' ELSE interval '30 minutes' END",
    )
    assert await hasten_future(queue) == 1
    assert await hasten_future(queue) == 0
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT lock FROM procrastinate_jobs"
            " WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
        )
        assert await cursor.fetchall() == [{"lock": "version:1"}]


async def test_a_session_from_the_future_opens_nothing(pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        opened = await sessions.open_session(
            conn, troupe.reader, method=Method.PASSWORD, user_agent="", settings=Limits()
        )
    await change(pool, "UPDATE sessions SET created_at = created_at + interval '30 minutes'")
    assert await _open(pool, opened.token)
    await change(pool, "UPDATE sessions SET created_at = created_at + interval '1 day'")
    assert not await _open(pool, opened.token)


async def _open(pool: Pool, token: str) -> bool:
    async with as_system(pool) as conn:
        return await sessions.session_of(conn, token, ip="", settings=Limits()) is not None


@pytest.mark.parametrize("jump", [7200, -7200])
async def test_a_clock_that_jumps_is_not_believed_for_a_day(pool: Pool, jump: float) -> None:
    wall, steady = [1e9], [50.0]
    clock = Clock(lambda: wall[0], lambda: steady[0])
    async with as_system(pool) as conn:
        assert await clock.believed(conn)
        wall[0], steady[0] = wall[0] + 3600 + 30, steady[0] + 3600  # a correction of seconds
        assert await clock.believed(conn)
        wall[0] += jump
        assert not await clock.believed(conn)
        steady[0], wall[0] = steady[0] + DOUBT_S, wall[0] + DOUBT_S
        assert await clock.believed(conn)


@pytest.mark.parametrize(("days", "believed"), [(-2, True), (-30, False), (30, False)])
async def test_a_start_far_from_the_last_entry_of_the_audit_log_deletes_nothing(
    pool: Pool, owner_pool: Pool, days: int, believed: bool
) -> None:
    async with as_system(pool) as conn:
        await audit.record(conn, actor=None, action="service.started")
    async with owner_pool.connection() as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await conn.execute(
            "UPDATE audit_log SET at = at + make_interval(days => %(days)s)", {"days": days}
        )
    async with as_system(pool) as conn:
        assert await Clock().believed(conn) is believed


@pytest.mark.parametrize(("days", "believed"), [((-40,), False), ((-40, -2), True), ((), True)])
async def test_a_start_after_one_under_the_wrong_clock_deletes_nothing_either(
    pool: Pool, owner_pool: Pool, days: tuple[int, ...], believed: bool
) -> None:
    """What that one wrote is of today: it must not make this day look like any other."""
    for _ in range(len(days) + 2):
        async with as_system(pool) as conn:
            await audit.record(conn, actor=None, action="service.started")
    async with owner_pool.connection() as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        for place, each in enumerate(days):
            await conn.execute(
                "UPDATE audit_log SET at = at + make_interval(days => %(days)s)"
                " WHERE seq = (SELECT seq FROM audit_log ORDER BY seq OFFSET %(place)s LIMIT 1)",
                {"days": each, "place": place},
            )
    async with as_system(pool) as conn:
        assert await Clock().believed(conn) is believed
