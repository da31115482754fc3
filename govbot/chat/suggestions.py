"""Questions to begin with, for those who may read the collection they belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor
from govbot.documents.rights import manages
from govbot.documents.types import Collection as CollectionRow
from govbot.errors import Denied, Invalid

Connection = AsyncConnection[DictRow]


MOST: Final = 12  # of a collection
LONGEST: Final = 300  # characters


async def suggested(
    conn: Connection, collections: Collection[int] = (), *, limit: int = 6
) -> list[str]:
    """Suggested questions that the actor's documents answer, taking turns between collections; of
    these collections alone where keys are given."""
    cursor = await conn.execute(
        """
        SELECT question
        FROM suggested_questions
        WHERE %(keys)s::integer[] = '{}' OR collection_key = ANY (%(keys)s::integer[])
        ORDER BY ord, collection_key
        LIMIT %(limit)s
        """,
        {"keys": list(collections), "limit": limit},
    )
    return [row["question"] for row in await cursor.fetchall()]


async def of_collection(conn: Connection, collection_key: int) -> list[str]:
    """The suggested questions of a collection, in their order."""
    cursor = await conn.execute(
        """
        SELECT question
        FROM suggested_questions
        WHERE collection_key = %(key)s
        ORDER BY ord
        """,
        {"key": collection_key},
    )
    return [row["question"] for row in await cursor.fetchall()]


async def change(
    conn: Connection, actor: Actor, collection: CollectionRow, questions: Sequence[str]
) -> None:
    """Gives a collection other suggested questions, in this order; doubles and empty lines go.

    Raises Denied for who does not manage it, Invalid for more than MOST or one above LONGEST.
    """
    if not await manages(conn, collection.key):
        raise Denied
    kept = list(dict.fromkeys(filter(None, (" ".join(each.split()) for each in questions))))
    if len(kept) > MOST or any(len(each) > LONGEST for each in kept):
        raise Invalid(
            "At most %(most)s questions of %(longest)s characters each.",
            code="E-SUGGESTIONS",
            most=MOST,
            longest=LONGEST,
        )
    await set_suggested(conn, collection.key, kept)
    await audit.record(
        conn,
        actor=actor,
        action="collection.questions",
        resource=str(collection.id),
        details={"questions": len(kept)},
    )


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
