"""Words recognised in the pictures of pages, kept page by page, and what is still to be read."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from govbot.db.pool import Connection
from govbot.documents.types import Version
from govbot.ids import VersionId

# text, x, y, width, height (fractions of the page from its top left corner), line
Placed = tuple[str, float, float, float, float, int]


async def save_words(
    conn: Connection, version: Version, number: int, engine: str, words: Sequence[Placed]
) -> None:
    """Keeps the words of a page, in place of those it had; nothing when the version is gone."""
    await conn.execute(
        """
        INSERT INTO page_words (version_id, document_key, collection_key, number, engine, words)
        SELECT v.id, v.document_key, v.collection_key, %(number)s, %(engine)s, %(words)s
        FROM document_versions v
        WHERE v.id = %(version_id)s
        ON CONFLICT (version_id, number)
        DO UPDATE SET engine = excluded.engine, words = excluded.words
        """,
        {
            "version_id": version.id,
            "number": number,
            "engine": engine,
            "words": Jsonb([list(word) for word in words]),
        },
    )


async def copy_words(conn: Connection, version: Version, engine: str) -> None:
    """Takes over the pages that another version of the very same content has had recognised."""
    await conn.execute(
        """
        INSERT INTO page_words (version_id, document_key, collection_key, number, engine, words)
        SELECT DISTINCT ON (w.number) %(id)s, %(document_key)s, %(collection_key)s, w.number,
               w.engine, w.words
        FROM document_versions v
        JOIN page_words w ON w.version_id = v.id
        WHERE v.sha256 = %(sha256)s AND v.id <> %(id)s AND w.engine = %(engine)s
        ORDER BY w.number
        ON CONFLICT (version_id, number) DO NOTHING
        """,
        {
            "id": version.id,
            "document_key": version.document_key,
            "collection_key": version.collection_key,
            "sha256": version.sha256,
            "engine": engine,
        },
    )


async def words_of(
    conn: Connection, version_id: VersionId, engine: str
) -> dict[int, tuple[str, list[Placed]]]:
    """The pages recognised by `engine`, or with "" by any: engine and words by page number."""
    cursor = await conn.execute(
        """
        SELECT number, engine, words FROM page_words
        WHERE version_id = %(id)s AND (%(engine)s = '' OR engine = %(engine)s)
        ORDER BY number
        """,
        {"id": version_id, "engine": engine},
    )
    return {
        int(row["number"]): (row["engine"], [_placed(word) for word in row["words"]])
        for row in await cursor.fetchall()
    }


async def page_words(conn: Connection, version_id: VersionId, number: int) -> list[Placed]:
    """The words of one page; none for a page that was not recognised or is not to be seen."""
    cursor = await conn.execute(
        "SELECT words FROM page_words WHERE version_id = %(id)s AND number = %(number)s",
        {"id": version_id, "number": number},
    )
    row = await cursor.fetchone()
    return [_placed(word) for word in row["words"]] if row else []


async def set_engine(conn: Connection, version_id: VersionId, engine: str) -> None:
    """Notes what was there to recognise the pages that stayed unread; "" for nothing."""
    await conn.execute(
        "UPDATE document_versions SET ocr_engine = %(engine)s WHERE id = %(id)s",
        {"id": version_id, "engine": engine},
    )


async def requeue_unread(conn: Connection, engine: str, limit: int) -> list[VersionId]:
    """Puts up to `limit` versions with unread pages back in state queued, and returns them.

    Only those that `engine` has not tried, that are not overtaken by a newer version, and whose
    document is not in the trash.
    """
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            started_at = NULL, finished_at = NULL
        WHERE id IN (
            SELECT v.id FROM document_versions v
            JOIN documents d ON d.id = v.document_id
            WHERE (v.unread_pages <> '{}' OR v.error_code = 'E-DIGITALIZADO')
              AND v.ocr_engine <> %(engine)s
              AND (v.state = 'ready' OR v.state = 'failed')
              AND d.trashed_at IS NULL
              AND NOT EXISTS (SELECT FROM document_versions n
                              WHERE n.document_id = v.document_id AND n.number > v.number
                                AND n.state NOT IN ('failed', 'cancelled'))
            ORDER BY v.id
            LIMIT %(limit)s
            FOR UPDATE OF v SKIP LOCKED
        )
        RETURNING id
        """,
        {"engine": engine, "limit": limit},
    )
    return [VersionId(row["id"]) for row in await cursor.fetchall()]


def _placed(values: list[object]) -> Placed:
    text, x, y, width, height, line = values
    return str(text), _number(x), _number(y), _number(width), _number(height), int(_number(line))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
