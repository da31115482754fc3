"""Brings the queue and the states of the documents together again, whatever tore them apart."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from govbot.db.access import as_system
from govbot.db.pool import Connection
from govbot.ids import VersionId
from govbot.ingest.receive import PRIORITIES, PROCESS, App, lock_of
from govbot.jobs.queue import Job

logger = logging.getLogger(__name__)

AT_ONCE = 500


@dataclass(slots=True)
class Swept:
    """Versions that were queued again; jobs that were dropped because nobody needs them."""

    requeued: int = 0
    dropped: int = 0


async def sweep(app: App) -> Swept:
    """Versions under way without a job are queued again, jobs without such a version dropped.

    Several nodes may do it at the same time. Attempts go on counting, so that what always breaks
    comes to an end.
    """
    swept = Swept()
    async with as_system(app.pool) as conn:
        swept.dropped += await _drop_ended(conn)
        swept.dropped += await _drop_doubled(conn)
        swept.dropped += await _drop_idle(conn)
        await _tell_waiting(conn)
    while True:
        async with as_system(app.pool) as conn:
            rows = await _requeue(conn)
            jobs = [Job(lock_of(i), {"version_id": str(i)}, p) for i, p in rows]
            swept.requeued += await app.queue.defer_many(conn, PROCESS, jobs)
        if len(rows) < AT_ONCE:
            break
    if swept.requeued or swept.dropped:
        logger.warning(
            "The queue was put in order",
            extra={
                "action": "queue.swept",
                "requeued": swept.requeued,
                "dropped": swept.dropped,
            },
        )
    return swept


async def _drop_ended(conn: Connection) -> int:
    """Jobs that a fault ended: the log tells of it, and their versions are queued again."""
    cursor = await conn.execute(
        """
        DELETE FROM procrastinate_jobs
        WHERE status IN ('failed', 'cancelled', 'aborted', 'succeeded')
        RETURNING id
        """
    )
    return len(await cursor.fetchall())


async def _drop_doubled(conn: Connection) -> int:
    """Of several waiting jobs of a version the first stays."""
    cursor = await conn.execute(
        """
        DELETE FROM procrastinate_jobs j
        USING procrastinate_jobs first
        WHERE first.lock = j.lock AND j.status = 'todo' AND first.status = 'todo'
          AND (first.priority, -first.id) > (j.priority, -j.id)
        RETURNING j.id
        """
    )
    return len(await cursor.fetchall())


async def _drop_idle(conn: Connection) -> int:
    """Waiting jobs whose version is gone, or has come to its end."""
    cursor = await conn.execute(
        """
        DELETE FROM procrastinate_jobs j
        WHERE j.task_name = %(task)s AND j.status = 'todo'
          AND NOT EXISTS (
              SELECT FROM document_versions v
              WHERE v.id = (j.args ->> 'version_id')::uuid
                AND v.state IN ('queued', 'extracting', 'embedding'))
        RETURNING j.id
        """,
        {"task": PROCESS},
    )
    return len(await cursor.fetchall())


async def _tell_waiting(conn: Connection) -> None:
    """A version whose worker died and whose job waits again is not being read."""
    await conn.execute(
        """
        UPDATE document_versions v
        SET state = 'queued', pages_done = 0
        WHERE v.state IN ('extracting', 'embedding')
          AND EXISTS (SELECT FROM procrastinate_jobs j
                      WHERE j.lock = 'version:' || v.id AND j.status = 'todo')
          AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                          WHERE j.lock = 'version:' || v.id AND j.status = 'doing')
        """
    )


async def _requeue(conn: Connection) -> list[tuple[VersionId, int]]:
    """Puts versions without a job in state queued; returns them with their priorities."""
    cursor = await conn.execute(
        """
        UPDATE document_versions v
        SET state = 'queued', pages_done = 0
        FROM (
            SELECT u.id, d.source
            FROM document_versions u
            JOIN documents d ON d.key = u.document_key AND d.trashed_at IS NULL
            WHERE u.state IN ('queued', 'extracting', 'embedding')
              AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                              WHERE j.lock = 'version:' || u.id AND j.status IN ('todo', 'doing'))
            ORDER BY u.id
            LIMIT %(limit)s
            FOR UPDATE OF u SKIP LOCKED
        ) w
        WHERE v.id = w.id
        RETURNING v.id, w.source
        """,
        {"limit": AT_ONCE},
    )
    rows = await cursor.fetchall()
    return [(VersionId(row["id"]), PRIORITIES[row["source"]]) for row in rows]
