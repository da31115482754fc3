"""Where documents are in their life, as lists filter and count them."""

from __future__ import annotations

from enum import StrEnum

from govbot.db.pool import Connection
from govbot.ids import CollectionId


class Life(StrEnum):
    """What a list may be narrowed to, by the newest version and by today's date."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    ENDED = "ended"


# A condition over documents d and their newest version v.
CONDITION = """
    CASE %(life)s
        WHEN 'draft' THEN v.review IN ('draft', 'rejected')
        WHEN 'in_review' THEN v.review = 'in_review'
        WHEN 'ended' THEN coalesce(d.valid_to < current_date, false)
                          OR coalesce(d.revoked_on <= current_date, false)
        ELSE true
    END
"""


async def count_lives(
    conn: Connection, collection_id: CollectionId | None = None
) -> dict[Life, int]:
    """How many documents a list narrowed to each Life shows, trash excluded."""
    cursor = await conn.execute(
        """
        SELECT count(*) FILTER (WHERE v.review IN ('draft', 'rejected')) AS draft,
               count(*) FILTER (WHERE v.review = 'in_review') AS in_review,
               count(*) FILTER (WHERE d.valid_to < current_date
                                   OR d.revoked_on <= current_date) AS ended
        FROM documents d
        LEFT JOIN collections c ON c.key = d.collection_key
        JOIN LATERAL (
            SELECT n.review FROM document_versions n
            WHERE n.document_id = d.id
            ORDER BY n.number DESC
            LIMIT 1
        ) v ON true
        WHERE d.trashed_at IS NULL
          AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
        """,
        {"collection_id": collection_id},
    )
    row = await cursor.fetchone()
    return {life: int(row[life.value]) if row else 0 for life in Life}
