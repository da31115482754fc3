"""Tries all that failed again, after the cause is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.rights import WRITABLE, acting
from govbot.ids import CollectionId, VersionId
from govbot.ingest.receive import PRIORITIES, PROCESS, App, lock_of
from govbot.jobs.queue import Job

AT_ONCE = 200


async def retry_failed(
    app: App, actor: Actor | None, collection_id: CollectionId | None = None
) -> int:
    """Queues every document again whose newest version failed, as far as the actor may write it.

    Some hundred per transaction; returns how many. What fails again meanwhile is left alone, what
    was cancelled too. Nobody's upload waits for it: it is no more urgent than a watched folder.
    """
    total = 0
    until: datetime | None = None
    while True:
        async with acting(app.pool, actor, write=True) as conn:
            until = until or await _now(conn)
            rows = await _requeue_some(conn, collection_id, until)
            await app.queue.defer_many(conn, PROCESS, [_job(row) for row in rows])
            if rows:
                await audit.record(
                    conn,
                    actor=actor,
                    action="queue.retried",
                    resource=str(collection_id or ""),
                    details={"documents": len(rows)},
                )
        if not rows:
            return total
        total += len(rows)


async def _now(conn: Connection) -> datetime:
    row = await (await conn.execute("SELECT clock_timestamp() AS now")).fetchone()
    assert row is not None  # noqa: S101 - one row without a table
    now: datetime = row["now"]
    return now


async def _requeue_some(
    conn: Connection, collection_id: CollectionId | None, until: datetime
) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        """
        UPDATE document_versions v
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            started_at = NULL, finished_at = NULL
        FROM (
            SELECT f.id, d.source
            FROM document_versions f
            JOIN documents d ON d.key = f.document_key AND d.trashed_at IS NULL
            LEFT JOIN collections c ON c.key = f.collection_key
            WHERE f.state = 'failed' AND f.finished_at <= %(until)s
              AND """  # noqa: S608 - constants
        + WRITABLE
        + """
              AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
              AND NOT EXISTS (SELECT FROM document_versions n
                              WHERE n.document_id = f.document_id AND n.number > f.number)
            ORDER BY f.id
            LIMIT %(limit)s
        ) w
        WHERE v.id = w.id AND v.state = 'failed'
        RETURNING v.id, w.source
        """,
        {"collection_id": collection_id, "until": until, "limit": AT_ONCE},
    )
    return await cursor.fetchall()


def _job(row: Mapping[str, Any]) -> Job:
    version_id = VersionId(row["id"])
    return Job(
        lock_of(version_id),
        {"version_id": str(version_id)},
        min(0, PRIORITIES[row["source"]]),
    )
