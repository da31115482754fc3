"""Puts jobs in the queue, in the transaction of whoever asks for them; procrastinate keeps it.

A job is the name of a task and ids, nothing else: its tables are not under row-level security and
its arguments appear in logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import procrastinate
from procrastinate.exceptions import ConnectorException
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout

from govbot.db.pool import Connection
from govbot.errors import Unavailable

POOL_SIZE = 6
# Jobs that somebody waits for have a worker of their own beside those that take everything.
PEOPLE: Final = "people"
BULK: Final = "default"
_LOCK = 7166


@dataclass(frozen=True, slots=True)
class Job:
    """A job to be queued: what it is about, and the ids that its task is called with."""

    lock: str
    ids: Mapping[str, str]
    priority: int = 0


class Queue:
    """The queue of one database, over a small pool of its own."""

    def __init__(self, dsn: str):
        self.dsn = dsn
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=dsn,
                min_size=1,
                max_size=POOL_SIZE,
                kwargs={"application_name": "govbot-queue"},
            )
        )

    async def defer_in(
        self,
        conn: Connection,
        task: str,
        *,
        lock: str | None = None,
        priority: int = 0,
        after: timedelta | None = None,
        **ids: str,
    ) -> bool:
        """Queues a job that exists when the caller's transaction commits.

        `lock` names what the job is about: of jobs with the same lock only one runs at a time,
        and none is added while one waits (False then; the one that waits is moved forward when
        the new one is more urgent). Higher `priority` goes first; above 0, somebody waits for it.
        """
        if lock is not None:
            if after is None:
                return await self.defer_many(conn, task, [Job(lock, ids, priority)]) > 0
            if await _hasten(conn, [Job(lock, ids, priority)]):
                return False
        await self.app.configure_task(
            task,
            queue=lane(priority),
            lock=lock,
            priority=priority,
            schedule_in={"seconds": int(after.total_seconds())} if after else None,
            connection=conn,
        ).defer_async(**ids)
        return True

    async def defer_many(self, conn: Connection, task: str, jobs: Sequence[Job]) -> int:
        """Queues those of the jobs that do not wait already; returns how many were added."""
        waiting = await _hasten(conn, jobs)
        added = {job.lock: job for job in jobs if job.lock not in waiting}
        if added:
            await conn.execute(
                """
                SELECT procrastinate_defer_jobs_v1(array_agg(
                    ROW(j.queue, %(task)s, j.priority, j.lock, NULL, j.args, NULL)
                    ::procrastinate_job_to_defer_v1 ORDER BY j.place))
                FROM unnest(%(queues)s::text[], %(priorities)s::int[], %(locks)s::text[],
                            %(args)s::jsonb[])
                     WITH ORDINALITY AS j (queue, priority, lock, args, place)
                """,
                {
                    "task": task,
                    "queues": [lane(job.priority) for job in added.values()],
                    "priorities": [job.priority for job in added.values()],
                    "locks": list(added),
                    "args": [Jsonb(dict(job.ids)) for job in added.values()],
                },
            )
        return len(added)

    async def counts(self) -> dict[str, int]:
        """Jobs by state (todo, doing, failed...); those that succeeded are not kept."""
        try:
            rows = await self.app.connector.execute_query_all_async(
                "SELECT status, count(*) AS n FROM procrastinate_jobs GROUP BY status"
            )
        except ConnectorException as error:
            raise Unavailable("The job queue does not answer.") from error
        counted = {str(row["status"]): int(row["n"]) for row in rows}
        return {"todo": 0, "doing": 0, "failed": 0} | counted


def lane(priority: int) -> str:
    """Which workers take up a job of this priority."""
    return PEOPLE if priority > 0 else BULK


async def drop(conn: Connection, locks: Sequence[str]) -> int:
    """Takes the jobs with these locks out of the queue, those that run excepted."""
    cursor = await conn.execute(
        """
        DELETE FROM procrastinate_jobs
        WHERE lock = ANY(%(locks)s::text[]) AND status = 'todo'
        RETURNING id
        """,
        {"locks": list(locks)},
    )
    return len(await cursor.fetchall())


async def wake(conn: Connection) -> None:
    """Makes the workers of all nodes look for jobs when the caller's transaction commits."""
    await conn.execute(
        """
        SELECT pg_notify(channel, '{"type": "job_inserted", "job_id": 0}')
        FROM unnest(ARRAY['procrastinate_any_queue_v1', 'procrastinate_queue_v1#' || %(lane)s])
             AS channel
        """,
        {"lane": PEOPLE},
    )


@asynccontextmanager
async def open_queue(dsn: str, *, timeout_s: float = 30) -> AsyncIterator[Queue]:
    """The queue while the block runs. Raises Unavailable when the database does not answer."""
    queue = Queue(dsn)
    try:
        async with asyncio.timeout(timeout_s):
            await queue.app.open_async()
    except (ConnectorException, PoolTimeout, TimeoutError) as error:
        await queue.app.close_async()
        raise Unavailable("The job queue does not answer.") from error
    try:
        yield queue
    finally:
        await queue.app.close_async()


async def _hasten(conn: Connection, jobs: Sequence[Job]) -> set[str]:
    """The locks for which a job waits already; the more urgent of the two priorities counts.

    Not procrastinate's queueing lock: a running job that has to be tried again could not go back
    to a queue in which another one with its lock waits, and would stay running for ever. The
    advisory locks, always taken in the same order, make two transactions that queue the same thing
    wait for each other.
    """
    values = {
        "kind": _LOCK,
        "locks": [job.lock for job in jobs],
        "priorities": [job.priority for job in jobs],
        "people": PEOPLE,
        "bulk": BULK,
    }
    await conn.execute(
        """
        SELECT pg_advisory_xact_lock(%(kind)s, l.hash)
        FROM (SELECT DISTINCT hashtext(lock) AS hash FROM unnest(%(locks)s::text[]) AS lock
              ORDER BY hash) l
        """,
        values,
    )
    cursor = await conn.execute(
        """
        UPDATE procrastinate_jobs j
        SET priority = greatest(j.priority, w.priority), scheduled_at = NULL,
            queue_name = CASE WHEN greatest(j.priority, w.priority) > 0
                              THEN %(people)s ELSE %(bulk)s END
        FROM unnest(%(locks)s::text[], %(priorities)s::int[]) AS w (lock, priority)
        WHERE j.lock = w.lock AND j.status = 'todo'
        RETURNING j.lock
        """,
        values,
    )
    return {str(row["lock"]) for row in await cursor.fetchall()}
