"""Questions to begin with, for those who may read the collection they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

Connection = AsyncConnection[DictRow]


async def suggested(conn: Connection, *, limit: int = 6) -> list[str]:
    """Suggested questions that the actor's documents answer, taking turns between collections."""
    cursor = await conn.execute(
        """
        SELECT question
        FROM suggested_questions
        ORDER BY ord, collection_key
        LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [row["question"] for row in await cursor.fetchall()]


async def set_suggested(conn: Connection, collection_key: int, questions: Sequence[str]) -> None:
    """Replace the suggested questions of a collection."""
    await conn.execute(
        "DELETE FROM suggested_questions WHERE collection_key = %(key)s", {"key": collection_key}
    )
    for ord_, question in enumerate(questions):
        await conn.execute(
            "INSERT INTO suggested_questions (collection_key, ord, question)"
            " VALUES (%(key)s, %(ord)s, %(question)s)",
            {"key": collection_key, "ord": ord_, "question": question},
        )
