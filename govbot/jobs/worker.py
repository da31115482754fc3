"""Works off the queue inside this event loop, for as long as it is told to.

Beside the workers that take every job by its priority stands one that takes only what somebody
waits for: an upload starts at once while long jobs of a bulk import run. While the queue is paused
nobody takes anything. It survives a restart of the database, gives running jobs back when it is
stopped, and takes over the jobs of workers that died: a worker that lives holds an advisory lock,
so a dead one is known within seconds and a slow one is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import procrastinate
import psycopg
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from govbot import logs, metrics, tracing
from govbot.errors import GovBotError, Unavailable
from govbot.jobs.hold import Hold
from govbot.jobs.queue import PEOPLE, Queue

logger = logging.getLogger(__name__)

Task = Callable[..., Awaitable[None]]

HEARTBEAT_S = 2.0
SILENT_S = 6.0  # without lock and heartbeat for this long: dead
LOST_S = 120.0  # without heartbeat for this long: dead, whatever locks the server still holds
LOOK_S = 5.0
GRACE_S = 5.0
PAUSE_S = 2.0
WAITS_S = (30, 120, 480, 1800)
_LOCK = 7165


class Retry(BaseRetryStrategy):
    """An orderly stop puts a job back at once, an unavailable part later and later."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()
        if isinstance(exception, (Unavailable, psycopg.OperationalError)):
            wait = WAITS_S[min(job.attempts, len(WAITS_S) - 1)]
            return RetryDecision(retry_in={"seconds": wait})
        return None


class PausableManager(JobManager):
    """Hands out no job while the queue is paused."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if await self.paused():
            return None
        return await super().fetch_job(queues, worker_id)

    async def paused(self) -> bool:
        """Whether somebody paused the queue."""
        rows = await self.connector.execute_query_all_async(
            "SELECT paused_at FROM queue_control WHERE paused_at IS NOT NULL"
        )
        return bool(rows)


class Worker:
    """Runs the given tasks; `concurrency` jobs at the same time, and one more of those that
    somebody waits for.

    A task takes ids and returns nothing. It may run twice for one job (a worker can die after
    the work and before saying so), so it must be idempotent.
    """

    def __init__(self, queue: Queue, tasks: Mapping[str, Task], *, concurrency: int = 1):
        self._queue = queue
        self._concurrency = concurrency
        self._strategy = Retry()
        self._hold = Hold()
        self._app = procrastinate.App(connector=queue.app.connector)
        self._manager = PausableManager(queue.app.connector)
        self._app.job_manager = self._manager
        for name, task in tasks.items():
            self._app.task(name=name, retry=self._strategy)(_watched(name, task))

    async def run(self) -> None:
        """Works until cancelled; running jobs get a few seconds, then go back to the queue."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_around(), name="queue watch")
            group.create_task(self._work_for_ever(), name="queue worker")
            group.create_task(self._work_for_ever(people=True), name="queue worker for people")

    async def run_until_empty(self) -> None:
        """Works off what can be done now, the jobs of dead workers included, and returns."""
        await requeue_dead(self._queue)
        await hasten_future(self._queue)
        async with _LivenessLock(self._queue.dsn) as locks:
            await self._work(locks, wait=False)

    async def _work_for_ever(self, *, people: bool = False) -> None:
        """A lost database ends procrastinate's worker, sometimes without an exception."""
        while True:
            try:
                async with _LivenessLock(self._queue.dsn) as locks:
                    await self._work(locks, wait=True, people=people)
                logger.warning("Queue worker ended; starting again", extra={"action": "worker.end"})
            except (ConnectorException, psycopg.Error, OSError) as error:
                logger.warning(
                    "Queue worker lost the database; starting again",
                    extra={"action": "worker.lost", "reason": type(error).__name__},
                )
            _stop_if_asked()
            await asyncio.sleep(PAUSE_S)

    async def _work(self, locks: _LivenessLock, *, wait: bool, people: bool = False) -> None:
        only: dict[str, Any] = {"queues": [PEOPLE]} if people else {}
        await self._app.run_worker_async(
            **only,
            wait=wait,
            concurrency=1 if people else self._concurrency,
            install_signal_handlers=False,
            delete_jobs="successful",
            shutdown_graceful_timeout=GRACE_S,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=LOST_S,
            worker_middleware=[self._holding, locks.middleware],  # held from the first moment
        )

    async def _holding(
        self, call_next: Callable[[], Awaitable[Any]], context: Any, worker: Any
    ) -> Any:
        with self._hold.at(context.job.id, worker.worker_id):
            return await call_next()

    async def _look_around(self) -> None:
        """Takes over the jobs of the dead and counts the queue, every few seconds."""
        while True:
            try:
                await requeue_dead(self._queue)
                await self._hold.put_back(self._queue)
                await hasten_future(self._queue)
                metrics.set_jobs(await self._queue.counts(), paused=await self._manager.paused())
            except (Unavailable, ConnectorException, psycopg.Error, OSError) as error:
                logger.warning(
                    "The job queue does not answer",
                    extra={"action": "queue.unavailable", "reason": type(error).__name__},
                )
            await asyncio.sleep(LOOK_S)


def _stop_if_asked() -> None:
    """procrastinate ends with what the database raised when it is stopped at that moment: the stop
    would be forgotten. Raises CancelledError."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def worker_lives(queue: Queue) -> bool:
    """Whether some process works off this queue right now."""
    rows = await queue.app.connector.execute_query_all_async(
        """
        SELECT id FROM procrastinate_workers
        WHERE last_heartbeat > now() - make_interval(secs => %(silent)s)
        LIMIT 1
        """,
        silent=SILENT_S,
    )
    return bool(rows)


async def requeue_dead(queue: Queue) -> int:
    """Puts the running jobs of dead workers back in the queue; returns how many.

    They go behind the others of their kind: what kills its worker does not hold up the rest. One
    statement decides and acts, so that two nodes cannot take the same job. A heartbeat from the
    future is none: the clock was set back after it.
    """
    rows = await queue.app.connector.execute_query_all_async(
        """
        SELECT j.id, procrastinate_retry_job_v2(j.id, NULL, j.priority - 1, NULL, NULL)
        FROM (
            SELECT d.id, d.priority
            FROM procrastinate_jobs d
            LEFT JOIN procrastinate_workers w ON w.id = d.worker_id
            WHERE d.status = 'doing'
              AND (w.id IS NULL
                   OR w.last_heartbeat < now() - make_interval(secs => %(lost)s)
                   OR ((w.last_heartbeat < now() - make_interval(secs => %(silent)s)
                        OR w.last_heartbeat > now() + make_interval(secs => %(silent)s))
                       AND NOT EXISTS (
                           SELECT FROM pg_locks l
                           WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                             AND l.database = (SELECT oid FROM pg_database
                                               WHERE datname = current_database())
                             AND l.classid = %(kind)s
                             AND l.objid = (w.id %% 2147483647)::oid)))
            FOR UPDATE OF d SKIP LOCKED
        ) j
        """,
        lost=LOST_S,
        silent=SILENT_S,
        kind=_LOCK,
    )
    if rows:
        logger.warning(
            "Jobs of a worker that died were put back",
            extra={"action": "queue.requeued", "jobs": len(rows)},
        )
    return len(rows)


async def hasten_future(queue: Queue) -> int:
    """Lets jobs begin now that wait for a time further away than any wait is; returns how many.

    The clock was ahead when they were put back, and was set right since.
    """
    rows = await queue.app.connector.execute_query_all_async(
        """
        UPDATE procrastinate_jobs SET scheduled_at = NULL
        WHERE status = 'todo' AND scheduled_at > now() + make_interval(secs => %(longest)s)
        RETURNING id
        """,
        longest=2 * WAITS_S[-1],
    )
    if rows:
        logger.warning(
            "Jobs that wait for a wrong time begin now",
            extra={"action": "queue.hastened", "jobs": len(rows)},
        )
    return len(rows)


class _LivenessLock:
    """A session-level advisory lock per worker id: PostgreSQL frees it when the process dies."""

    def __init__(self, dsn: str):
        self._dsn = dsn
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._taking = asyncio.Lock()

    async def __aenter__(self) -> _LivenessLock:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._conn is not None:
            await self._conn.close()

    async def middleware(
        self, call_next: Callable[[], Awaitable[Any]], _context: Any, worker: Any
    ) -> Any:
        """Runs around every job, and takes the lock again in case its connection was lost."""
        async with self._taking:
            try:
                await self._take(worker.worker_id)
            except psycopg.OperationalError:
                await self._take(worker.worker_id)
        return await call_next()

    async def _take(self, worker_id: int) -> None:
        if self._conn is None or self._conn.closed:
            self._conn = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="govbot-worker"
            )
        await self._conn.execute(
            "SELECT pg_try_advisory_lock(%(kind)s, (%(id)s %% 2147483647)::int)",
            {"kind": _LOCK, "id": worker_id},
        )


def _watched(name: str, task: Task) -> Task:
    """Log lines of a job carry what it is about; it is traced, and its error is counted."""

    async def run(**ids: str) -> None:
        token = logs.job_id.set(",".join(ids.values()))
        try:
            with tracing.span("job", kind=name):
                await task(**ids)
        except Exception as error:
            known = error if isinstance(error, GovBotError) else GovBotError()
            metrics.observe_error("job", known.error_code)
            raise
        finally:
            logs.job_id.reset(token)

    return run
