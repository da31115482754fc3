"""What the worker writes about a version on its way; each call is a short transaction's work."""

from __future__ import annotations

from govbot.db.pool import Connection
from govbot.documents.types import State
from govbot.ids import VersionId


async def begin_attempt(conn: Connection, version_id: VersionId) -> int:
    """Counts an attempt, moves the version to extracting and returns the number of this attempt."""
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'extracting', attempts = attempts + 1, pages_done = 0, error_code = NULL,
            error = NULL, started_at = clock_timestamp(), finished_at = NULL
        WHERE id = %(id)s
        RETURNING attempts
        """,
        {"id": version_id},
    )
    row = await cursor.fetchone()
    return int(row["attempts"]) if row else 0


async def set_progress(
    conn: Connection, version_id: VersionId, state: State, pages_done: int, pages: int
) -> None:
    """Shows how far the work is; a version that has come to its end is left alone."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = %(state)s, pages_done = %(pages_done)s, pages = %(pages)s
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version_id, "state": state, "pages_done": pages_done, "pages": pages},
    )


async def set_failed(conn: Connection, version_id: VersionId, code: str, message: str) -> None:
    """The version stays failed until someone asks for another try."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'failed', error_code = %(code)s, error = %(message)s,
            finished_at = clock_timestamp()
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version_id, "code": code, "message": message},
    )


async def set_waiting(
    conn: Connection, version_id: VersionId, code: str, message: str, *, uncount: bool = False
) -> None:
    """Back to queued, with the reason; `uncount` takes this attempt back (an orderly stop)."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', pages_done = 0, error_code = nullif(%(code)s, ''),
            error = nullif(%(message)s, ''),
            attempts = CASE WHEN %(uncount)s THEN greatest(attempts - 1, 0) ELSE attempts END
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version_id, "code": code, "message": message, "uncount": uncount},
    )


async def set_superseded(conn: Connection, version_id: VersionId) -> None:
    """A newer version made this one pointless before it was done."""
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'superseded', finished_at = clock_timestamp()
        WHERE id = %(id)s AND state IN ('queued', 'extracting', 'embedding')
        """,
        {"id": version_id},
    )
