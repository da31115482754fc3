"""Puts jobs in the queue, in the transaction of whoever asks for them; procrastinate keeps it.

A job is the name of a task and ids, nothing else: its tables are not under row-level security and
its arguments appear in logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import procrastinate
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout

from govbot.db.pool import Connection
from govbot.errors import Unavailable

POOL_SIZE = 4


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
        and none is added while one waits (False then). Higher `priority` goes first.
        """
        if lock is not None and await _waits(conn, lock):
            return False
        await self.app.configure_task(
            task,
            lock=lock,
            priority=priority,
            schedule_in={"seconds": int(after.total_seconds())} if after else None,
            connection=conn,
        ).defer_async(**ids)
        return True

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


async def _waits(conn: Connection, lock: str) -> bool:
    """Not procrastinate's queueing lock: a running job that has to be tried again could not go
    back to a queue in which another one with its lock waits, and would stay running for ever."""
    cursor = await conn.execute(
        "SELECT id FROM procrastinate_jobs WHERE lock = %(lock)s AND status = 'todo' LIMIT 1",
        {"lock": lock},
    )
    return await cursor.fetchone() is not None
