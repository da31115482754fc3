"""What the queue holds, as its documents: running, waiting, failed, cancelled.

Row-level security decides: an actor sees the work on documents that they may write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

from govbot.db.access import found
from govbot.db.pool import Connection
from govbot.documents.rights import WRITABLE
from govbot.documents.types import Source, State
from govbot.errors import Invalid, NotFound
from govbot.ids import CollectionId, DocumentId, VersionId

PAGE = 50
MAX_PAGE = 1000


class Group(StrEnum):
    """Where the work on a version stands."""

    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Work:
    """The work on one version. `priority` and `again_at` (the time of the next attempt, when it
    has to wait for one) are those of its job, None without one."""

    version_id: VersionId
    document_id: DocumentId
    filename: str
    title: str
    collection_id: CollectionId | None
    collection: str
    version: int
    source: Source
    group: Group
    state: State
    pages: int
    pages_done: int
    ocr_pages: int
    size_bytes: int
    attempts: int
    error_code: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    priority: int | None
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many documents of a collection wait with the same priority."""

    collection: str
    priority: int
    documents: int


_REACHED: Final[LiteralString] = f"""
    d.trashed_at IS NULL AND {WRITABLE}
    AND (%(collection_id)s::uuid IS NULL
         OR d.collection_key = (SELECT c.key FROM collections c
                                WHERE c.id = %(collection_id)s::uuid))"""  # noqa: S608 - constants

# A version that is worked on, the newest of its document or not.
_RUNNING: Final[LiteralString] = f"""
    SELECT v.id, q.priority, q.id AS place
    FROM procrastinate_jobs q
    JOIN document_versions v
        ON v.id = CASE WHEN q.lock LIKE 'version:%%' THEN substr(q.lock, 9)::uuid END
    JOIN documents d ON d.key = v.document_key
    WHERE q.status = 'doing' AND v.state IN ('extracting', 'embedding') AND {_REACHED}
"""  # noqa: S608 - constants
# What is neither done nor worked on, with the job that will; a job that was lost is made again.
_WAITING: Final[LiteralString] = f"""
    SELECT d.newest_id AS id, d.collection_key, coalesce(r.priority, q.priority) AS priority,
           coalesce(r.id, q.id) AS place
    FROM document_listings d
    LEFT JOIN procrastinate_jobs r
        ON r.lock = 'version:' || d.newest_id AND r.status = 'doing'
    LEFT JOIN procrastinate_jobs q
        ON q.lock = 'version:' || d.newest_id AND q.status = 'todo'
    WHERE d.newest_state IN ('queued', 'extracting', 'embedding')
      AND (d.newest_state = 'queued' OR r.id IS NULL) AND {_REACHED}
"""  # noqa: S608 - constants
_ORDERED: Final[LiteralString] = """
    SELECT w.id FROM ({}) w ORDER BY w.priority DESC NULLS LAST, w.place, w.id LIMIT %(limit)s
"""
_ENDED: Final[LiteralString] = f"""
    SELECT d.newest_id AS id
    FROM document_listings d
    WHERE d.newest_state = %(group)s AND {_REACHED}
    ORDER BY d.finished_at DESC NULLS LAST, d.id DESC
    LIMIT %(limit)s
"""  # noqa: S608 - constants
_FIRST: Final[dict[Group, LiteralString]] = {
    Group.RUNNING: _ORDERED.replace("{}", _RUNNING),
    Group.WAITING: _ORDERED.replace("{}", _WAITING),
    Group.FAILED: _ENDED,
    Group.CANCELLED: _ENDED,
}


async def list_work(
    conn: Connection,
    group: Group | None = None,
    *,
    collection_id: CollectionId | None = None,
    limit: int = PAGE,
) -> list[Work]:
    """The first of the queue (up to 1000): what runs, then what waits in the order of its turn,
    then what failed or was cancelled, the latest first. Each document with its newest version, but
    for an older one that runs."""
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid("A list holds from 1 to %(most)d documents.", most=MAX_PAGE)
    listed: list[Work] = []
    for each in [group] if group else Group:
        if left := limit - len(listed):
            listed += await _first(conn, each, collection_id, left)
    return listed


async def _first(
    conn: Connection, group: Group, collection_id: CollectionId | None, limit: int
) -> list[Work]:
    cursor = await conn.execute(
        _FIRST[group], {"group": group, "collection_id": collection_id, "limit": limit}
    )
    ids = [row["id"] for row in await cursor.fetchall()]
    if not ids:
        return []
    cursor = await conn.execute(
        """
        SELECT v.id AS version_id, d.id AS document_id, d.filename, d.title, c.id AS collection_id,
               coalesce(c.name, '') AS collection, v.number AS version, d.source,
               v.state, v.pages, v.pages_done, cardinality(v.ocr_pages) AS ocr_pages, v.size_bytes,
               v.attempts, v.error_code, v.error, v.created_at, v.started_at, v.finished_at,
               j.priority, CASE WHEN j.scheduled_at > now() THEN j.scheduled_at END AS again_at
        FROM document_versions v
        JOIN documents d ON d.key = v.document_key
        LEFT JOIN collections c ON c.key = v.collection_key
        LEFT JOIN LATERAL (
            SELECT q.priority, q.scheduled_at
            FROM procrastinate_jobs q
            WHERE q.lock = 'version:' || v.id AND q.status IN ('todo', 'doing')
            ORDER BY q.status DESC, q.priority DESC, q.id
            LIMIT 1
        ) j ON true
        WHERE v.id = ANY (%(ids)s::uuid[])
        """,
        {"ids": ids},
    )
    rows = {row["version_id"]: row for row in await cursor.fetchall()}
    return [_work_of(group, rows[each]) for each in ids if each in rows]


async def count_work(
    conn: Connection, *, collection_id: CollectionId | None = None
) -> dict[Group, int]:
    """How many documents stand where."""
    cursor = await conn.execute(
        f"""
        WITH running AS MATERIALIZED (SELECT w.id FROM ({_RUNNING}) w),
        listed AS (
            SELECT d.newest_state AS state, count(*) AS n,
                   count(*) FILTER (WHERE d.newest_id IN (SELECT r.id FROM running r)) AS running
            FROM document_listings d
            WHERE d.newest_state IN ('queued', 'extracting', 'embedding', 'failed', 'cancelled')
              AND {_REACHED}
            GROUP BY 1
        )
        SELECT (SELECT count(*) FROM running) AS running,
               coalesce(sum(l.n - l.running) FILTER (WHERE l.state NOT IN ('failed', 'cancelled')),
                        0) AS waiting,
               coalesce(sum(l.n) FILTER (WHERE l.state = 'failed'), 0) AS failed,
               coalesce(sum(l.n) FILTER (WHERE l.state = 'cancelled'), 0) AS cancelled
        FROM listed l
        """,  # noqa: S608 - constants
        {"collection_id": collection_id},
    )
    row = found(await cursor.fetchone())
    return {group: int(row[group.value]) for group in Group}


async def count_waiting(conn: Connection) -> list[Waiting]:
    """What waits, by priority and collection, in the order of its turn."""
    cursor = await conn.execute(
        f"""
        SELECT coalesce(c.name, '') AS collection, w.priority, w.documents
        FROM (SELECT w.collection_key, coalesce(w.priority, 0) AS priority, count(*) AS documents
              FROM ({_WAITING}) w
              GROUP BY 1, 2) w
        LEFT JOIN collections c ON c.key = w.collection_key
        ORDER BY 2 DESC, 1
        """,  # noqa: S608 - constants
        {"collection_id": None},
    )
    return [
        Waiting(row["collection"], row["priority"], row["documents"])
        for row in await cursor.fetchall()
    ]


async def versions_named(conn: Connection, identifier: UUID) -> list[VersionId]:
    """The version with this id, or those of the document with this id, the newest first.

    Raises NotFound when there is none that the actor may see.
    """
    cursor = await conn.execute(
        """
        SELECT v.id FROM document_versions v
        WHERE v.id = %(id)s OR v.document_id = %(id)s
        ORDER BY v.number DESC
        """,
        {"id": identifier},
    )
    rows = await cursor.fetchall()
    if not rows:
        raise NotFound
    return [VersionId(row["id"]) for row in rows]


def _work_of(group: Group, row: Mapping[str, Any]) -> Work:
    return Work(**{**row, "group": group, "state": State(row["state"])})
