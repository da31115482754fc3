"""What a search looks through: the part of the statement that says what the actor may read.

The policies decide; naming the collections here lets the indexes skip what they would refuse.
A scope is what a person chose of that: it narrows, and never widens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection

from govbot.ids import ConversationId

SQL: Final = """
-- Passages of documents that a grant of their own opens, beside the collections.
granted AS MATERIALIZED (
    SELECT c.id, c.collection_key, c.length
    FROM govbot_documents_from(1) d (key)
    CROSS JOIN LATERAL (
        SELECT o.id, o.collection_key, o.length FROM chunks o WHERE o.document_key = d.key OFFSET 0
    ) c
),
-- The totals of collections hold what is refused to the actor one by one.
refused AS MATERIALIZED (
    SELECT x.lexeme, x.chunks, x.length
    FROM govbot_refused_statistics(ARRAY[]::text[]) x
    WHERE EXISTS (SELECT FROM govbot_documents_below(1))
),
scope AS MATERIALIZED (
    SELECT k.chunks::float8 AS chunks, k.length::float8 / nullif(k.chunks, 0) AS mean_length
    FROM (
        SELECT sum(n.chunks) AS chunks, sum(n.length) AS length
        FROM (
            SELECT s.chunks, s.length FROM collection_stats s
            UNION ALL
            SELECT 1, g.length FROM granted g
            UNION ALL
            SELECT -x.chunks, -x.length FROM refused x WHERE x.lexeme IS NULL
        ) n
    ) k
),
withheld AS MATERIALIZED (
    SELECT w.key FROM govbot_unsearched_documents() w (key)
),
-- Naming the collections lets the indexes skip what is not readable; the policies still decide.
readable AS MATERIALIZED (
    SELECT k.key FROM collections k
    WHERE %(only)s::integer[] IS NULL OR k.key = ANY (%(only)s::integer[])
),
-- Documents searched one by one: those granted so, or else those chosen beside whole collections,
-- and the files of the conversation.
singles AS MATERIALIZED (
    SELECT d.key FROM govbot_documents_from(1) d (key)
    WHERE %(only)s::integer[] IS NULL
    UNION ALL
    SELECT d.key FROM documents d
    WHERE %(only)s::integer[] IS NOT NULL
      AND (d.key = ANY (%(single)s::integer[])
           OR d.conversation_id = (SELECT govbot_conversation()))
      AND d.collection_key <> ALL (%(only)s::integer[])
      AND d.key NOT IN (SELECT w.key FROM withheld w)
),
placed AS MATERIALIZED (
    SELECT g.id FROM granted g WHERE %(only)s::integer[] IS NULL
    UNION ALL
    SELECT c.id
    FROM singles s
    CROSS JOIN LATERAL (SELECT o.id FROM chunks o WHERE o.document_key = s.key OFFSET 0) c
    WHERE %(only)s::integer[] IS NOT NULL
),
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the readable is searched: `collections` by key (None: all) and, beside them, single
    `documents` by key. Files of `conversation` are searched too, by their owner."""

    collections: tuple[int, ...] | None = None
    documents: tuple[int, ...] = ()
    conversation: ConversationId | None = None


EVERYTHING: Final = Scope()


def within(collection_key: int | None) -> Scope:
    """One collection; everything without a key."""
    return EVERYTHING if collection_key is None else Scope((collection_key,))


async def enter(conn: AsyncConnection[Any], scope: Scope) -> None:
    """Makes the files of the scope's conversation readable as passages, for the transaction."""
    if scope.conversation is not None:
        await conn.execute(
            "SELECT set_config('govbot.conversation', %(id)s, true)",
            {"id": str(scope.conversation)},
        )


def parameters(scope: Scope) -> dict[str, Any]:
    """What the statement needs of it."""
    only = None if scope.collections is None else list(scope.collections)
    return {"only": only, "single": list(scope.documents)}
