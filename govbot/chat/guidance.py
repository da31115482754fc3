"""The instructions of the collections that passages come from, where the asker may read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.chat.prompt import Guidance
from govbot.retrieval.passages import Passage


@dataclass(frozen=True, slots=True)
class Instructions:
    """What one collection asks for, and the keys of the documents of it that were found."""

    text: str
    documents: frozenset[int]

    def on(self, passages: Sequence[Passage]) -> Guidance:
        """For a prompt whose sources are these passages, numbered from 1."""
        numbers = (
            number
            for number, passage in enumerate(passages, 1)
            if passage.document_key in self.documents
        )
        return Guidance(self.text, frozenset(numbers))


async def instructions_for(
    conn: AsyncConnection[DictRow], passages: Sequence[Passage]
) -> tuple[Instructions, ...]:
    """Of each collection with instructions that the actor of `conn` (inside `as_actor`) reads.

    Who was granted a single document does not read its collection, and gets none.
    """
    cursor = await conn.execute(
        """
        SELECT c.instructions, array_agg(d.key) AS documents
        FROM documents d
        JOIN collections c ON c.key = d.collection_key
        WHERE d.key = ANY (%(documents)s) AND c.instructions <> ''
        GROUP BY c.key, c.instructions
        ORDER BY c.key
        """,
        {"documents": sorted({passage.document_key for passage in passages})},
    )
    return tuple(
        Instructions(row["instructions"], frozenset(row["documents"]))
        for row in await cursor.fetchall()
    )
