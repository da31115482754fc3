"""What the queue holds, as its documents: running, waiting, failed, cancelled.

Row-level security decides: an actor sees the work on documents that they may write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

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


_WORK = (
    """
    WITH work AS (
        SELECT v.id AS version_id, d.id AS document_id, d.filename, d.title, c.id AS collection_id,
               coalesce(c.name, '') AS collection, v.number AS version, d.source,
               CASE WHEN v.state IN ('failed', 'cancelled') THEN v.state
                    WHEN v.state <> 'queued' AND j.status = 'doing' THEN 'running'
                    ELSE 'waiting' END AS "group",
               v.state, v.pages, v.pages_done, cardinality(v.ocr_pages) AS ocr_pages, v.size_bytes,
               v.attempts, v.error_code, v.error, v.created_at, v.started_at, v.finished_at,
               j.priority, CASE WHEN j.scheduled_at > now() THEN j.scheduled_at END AS again_at,
               j.id AS place
        FROM document_versions v
        JOIN documents d ON d.key = v.document_key AND d.trashed_at IS NULL
        LEFT JOIN collections c ON c.key = v.collection_key
        LEFT JOIN LATERAL (
            SELECT q.id, q.status, q.priority, q.scheduled_at
            FROM procrastinate_jobs q
            WHERE q.lock = 'version:' || v.id AND q.status IN ('todo', 'doing')
            ORDER BY q.status DESC, q.priority DESC, q.id
            LIMIT 1
        ) j ON true
        WHERE v.state NOT IN ('ready', 'superseded')
          AND """  # noqa: S608 - constants
    + WRITABLE
    + """
          AND (v.state NOT IN ('failed', 'cancelled')
               OR NOT EXISTS (SELECT FROM document_versions n
                              WHERE n.document_id = v.document_id AND n.number > v.number))
          AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
    )
"""
)


async def list_work(
    conn: Connection,
    group: Group | None = None,
    *,
    collection_id: CollectionId | None = None,
    limit: int = PAGE,
) -> list[Work]:
    """The first of the queue (up to 1000): what runs, then what waits in the order of its turn,
    then what failed or was cancelled, the latest first."""
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid("A list holds from 1 to %(most)d documents.", most=MAX_PAGE)
    cursor = await conn.execute(
        _WORK  # noqa: S608 - constants
        + """
        SELECT version_id, document_id, filename, title, collection_id, collection, version, source,
               "group", state, pages, pages_done, ocr_pages, size_bytes, attempts, error_code,
               error, created_at, started_at, finished_at, priority, again_at
        FROM work
        WHERE %(group)s = '' OR "group" = %(group)s
        ORDER BY array_position(ARRAY['running', 'waiting', 'failed', 'cancelled'], "group"),
                 priority DESC NULLS LAST, place,
                 finished_at DESC NULLS LAST, version_id DESC
        LIMIT %(limit)s
        """,
        {"group": group or "", "collection_id": collection_id, "limit": limit},
    )
    return [_work_of(row) for row in await cursor.fetchall()]


async def count_work(
    conn: Connection, *, collection_id: CollectionId | None = None
) -> dict[Group, int]:
    """How many documents stand where."""
    cursor = await conn.execute(
        _WORK + """ SELECT "group", count(*) AS n FROM work GROUP BY "group" """,  # noqa: S608
        {"collection_id": collection_id},
    )
    counted = {Group(row["group"]): int(row["n"]) for row in await cursor.fetchall()}
    return dict.fromkeys(Group, 0) | counted


async def count_waiting(conn: Connection) -> list[Waiting]:
    """What waits, by priority and collection, in the order of its turn."""
    cursor = await conn.execute(
        _WORK  # noqa: S608 - constants
        + """
        SELECT collection, coalesce(priority, 0) AS priority, count(*) AS documents
        FROM work
        WHERE "group" = 'waiting'
        GROUP BY 1, 2
        ORDER BY 2 DESC, 1
        """,
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


def _work_of(row: Mapping[str, Any]) -> Work:
    return Work(**{**row, "group": Group(row["group"]), "state": State(row["state"])})
