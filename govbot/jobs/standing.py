"""How the queue stands: how many jobs of which kind, and how long the oldest of them has waited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govbot.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """`counts` by (kind, state); `oldest_s` by kind, of those that could have begun."""

    counts: Mapping[tuple[str, str], int]
    oldest_s: Mapping[str, float]


async def standing(conn: Connection) -> Standing:
    """The queue now. A job waits since it was queued, put back, or since the time it was set for,
    whichever is the latest; the first in the queue stands for the oldest of its kind."""
    cursor = await conn.execute(
        """
        SELECT j.task_name AS kind, j.status::text AS state, count(*) AS n
        FROM procrastinate_jobs j
        GROUP BY j.task_name, j.status
        """
    )
    counts = {(row["kind"], row["state"]): int(row["n"]) for row in await cursor.fetchall()}
    cursor = await conn.execute(
        """
        SELECT f.kind, extract(epoch FROM now() - greatest(j.scheduled_at, (
                   SELECT max(e.at) FROM procrastinate_events e
                   WHERE e.job_id = f.id
                     AND e.type IN ('deferred', 'deferred_for_retry', 'retried'))))::float AS age
        FROM (
            SELECT w.task_name AS kind, min(w.id) AS id
            FROM procrastinate_jobs w
            WHERE w.status = 'todo' AND (w.scheduled_at IS NULL OR w.scheduled_at <= now())
            GROUP BY w.task_name
        ) f
        JOIN procrastinate_jobs j ON j.id = f.id
        """
    )
    oldest = {row["kind"]: max(0.0, row["age"] or 0.0) for row in await cursor.fetchall()}
    return Standing(counts, oldest)
