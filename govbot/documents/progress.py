"""What the worker writes about a version on its way; each call is a short transaction's work.

`started_at` names an attempt: once a newer attempt has begun, or somebody cancelled, what an older
one writes has no effect. So a worker that was taken for dead, or that did not notice yet, cannot
bring a version to an end that nobody expects.
"""

from __future__ import annotations

from dataclasses import replace

from govbot.db.pool import Connection
from govbot.documents.types import State, Version
from govbot.errors import Conflict
from govbot.ids import DocumentId, VersionId


class Withdrawn(Conflict):
    """Nobody waits for this result any more: it was cancelled, or another worker took it over."""


async def begin_attempt(conn: Connection, version: Version) -> Version | None:
    """Counts an attempt and moves the version to extracting; returns it as it stands then.

    None when the version came to its end meanwhile, or somebody cancelled it.
    """
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'extracting', attempts = attempts + 1, pages_done = 0, error_code = NULL,
            error = NULL, started_at = clock_timestamp(), finished_at = NULL
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        RETURNING attempts, started_at, review
        """,
        {"id": version.id},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return replace(
        version,
        state=State.EXTRACTING,
        attempts=int(row["attempts"]),
        started_at=row["started_at"],
        review=type(version.review)(row["review"]),
    )


async def is_current(conn: Connection, version: Version) -> bool:
    """Whether the attempt that `version` stands for is still the one that counts."""
    cursor = await conn.execute(
        """
        SELECT id FROM document_versions
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version.id, "started_at": version.started_at},
    )
    return await cursor.fetchone() is not None


async def set_progress(
    conn: Connection, version: Version, state: State, pages_done: int, pages: int
) -> bool:
    """Shows how far the work is; False when this attempt does not count any more."""
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = %(state)s, pages_done = %(pages_done)s, pages = %(pages)s
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state IN ('queued', 'extracting', 'embedding')
        RETURNING id
        """,
        {
            "id": version.id,
            "started_at": version.started_at,
            "state": state,
            "pages_done": pages_done,
            "pages": pages,
        },
    )
    return await cursor.fetchone() is not None


async def set_failed(conn: Connection, version: Version, code: str, message: str) -> bool:
    """The version stays failed until someone asks for another try; False when it was withdrawn."""
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'failed', error_code = %(code)s, error = %(message)s,
            finished_at = clock_timestamp()
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state IN ('queued', 'extracting', 'embedding')
        RETURNING id
        """,
        {"id": version.id, "started_at": version.started_at, "code": code, "message": message},
    )
    return await cursor.fetchone() is not None


async def set_waiting(
    conn: Connection, version: Version, code: str, message: str, *, uncount: bool = False
) -> None:
    """Back to queued, with the reason; `uncount` takes this attempt back (an orderly stop)."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', pages_done = 0, error_code = nullif(%(code)s, ''),
            error = nullif(%(message)s, ''),
            attempts = CASE WHEN %(uncount)s THEN greatest(attempts - 1, 0) ELSE attempts END
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state IN ('queued', 'extracting', 'embedding')
        """,
        {
            "id": version.id,
            "started_at": version.started_at,
            "code": code,
            "message": message,
            "uncount": uncount,
        },
    )


async def set_superseded(conn: Connection, version: Version) -> None:
    """A newer version made this one pointless before it was done."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'superseded', finished_at = clock_timestamp()
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version.id, "started_at": version.started_at},
    )


async def cancel_version(conn: Connection, version_id: VersionId) -> bool:
    """Stops the work on a version until it is retried; False when it is at its end, or not the
    actor's to stop.

    Whoever works on it notices within about a second, and cannot make it ready any more.
    """
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'cancelled', pages_done = 0, error_code = NULL, error = NULL,
            finished_at = clock_timestamp()
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        RETURNING id
        """,
        {"id": version_id},
    )
    return await cursor.fetchone() is not None


async def withdraw_document(conn: Connection, document_id: DocumentId) -> None:
    """Breaks off the work on a document that goes to the trash; taking it out queues it again."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', pages_done = 0, attempts = 0, started_at = NULL
        WHERE document_id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": document_id},
    )
