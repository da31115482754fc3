"""What a conversation is answered from: the collections and documents that its person chose.

A choice only narrows what the person reads. What was chosen and is gone or out of reach stays
chosen: it gives nothing, and the conversation does not widen by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor
from govbot.errors import Conflict
from govbot.ids import ConversationId
from govbot.retrieval.scope import Scope

Connection = AsyncConnection[DictRow]
ChosenKind = Literal["collection", "document"]

MOST: Final = 20  # collections and documents of one conversation


@dataclass(frozen=True, slots=True)
class Chosen:
    """A collection or document that was chosen; `id` is None and `name` empty where it is gone or
    out of reach. `key` tells it apart within the conversation."""

    kind: ChosenKind
    key: int
    id: UUID | None
    name: str


async def scope_of(conn: Connection, conversation_id: ConversationId) -> Scope:
    """Where the answers of a conversation are looked for."""
    cursor = await conn.execute(
        """
        SELECT collection_key, document_key
        FROM conversation_scope
        WHERE conversation_id = %(id)s
        """,
        {"id": conversation_id},
    )
    rows = await cursor.fetchall()
    if not rows:
        return Scope(conversation=conversation_id)
    return Scope(
        tuple(sorted(row["collection_key"] for row in rows if row["collection_key"] is not None)),
        tuple(sorted(row["document_key"] for row in rows if row["document_key"] is not None)),
        conversation_id,
    )


async def chosen(conn: Connection, conversation_id: ConversationId) -> list[Chosen]:
    """What was chosen, in that order, with the names that the actor may see."""
    cursor = await conn.execute(
        """
        SELECT CASE WHEN s.collection_key IS NULL THEN 'document' ELSE 'collection' END AS kind,
               coalesce(s.collection_key, s.document_key) AS key, coalesce(c.id, d.id) AS id,
               coalesce(c.name, nullif(d.title, ''), d.filename, '') AS name
        FROM conversation_scope s
        LEFT JOIN collections c ON c.key = s.collection_key
        LEFT JOIN documents d ON d.key = s.document_key
        WHERE s.conversation_id = %(id)s
        ORDER BY s.created_at, kind, name
        """,
        {"id": conversation_id},
    )
    return [Chosen(**row) for row in await cursor.fetchall()]


async def shelves(conn: Connection) -> list[Chosen]:
    """The collections that the actor may choose from, by name; at most 500."""
    cursor = await conn.execute(
        """
        SELECT 'collection' AS kind, c.key, c.id, c.name
        FROM collections c
        ORDER BY lower(c.name)
        LIMIT 500
        """
    )
    return [Chosen(**row) for row in await cursor.fetchall()]


async def named(
    conn: Connection, collections: Sequence[UUID] = (), documents: Sequence[UUID] = ()
) -> list[Chosen]:
    """Those of these collections and documents that the actor may read: what may be chosen."""
    cursor = await conn.execute(
        """
        SELECT 'collection' AS kind, c.key, c.id, c.name
        FROM collections c
        WHERE c.id = ANY (%(collections)s::uuid[])
        UNION ALL
        SELECT 'document', d.key, d.id, coalesce(nullif(d.title, ''), d.filename)
        FROM documents d
        WHERE d.id = ANY (%(documents)s::uuid[]) AND d.conversation_id IS NULL
          AND d.trashed_at IS NULL
        ORDER BY kind, name
        """,
        {"collections": list(collections), "documents": list(documents)},
    )
    return [Chosen(**row) for row in await cursor.fetchall()]


async def choose(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    picked: Sequence[Chosen],
    *,
    keep_documents: bool = False,
) -> None:
    """Answers come from these from now on; from all that the actor reads when there are none.

    With `keep_documents` the single documents chosen before stay. The conversation must be the
    actor's own (Denied). Raises Conflict E-CHOICE for more than MOST.
    """
    await conn.execute(
        """
        DELETE FROM conversation_scope
        WHERE conversation_id = %(id)s AND (collection_key IS NOT NULL OR NOT %(keep)s)
        """,
        {"id": conversation_id, "keep": keep_documents},
    )
    for each in picked:
        await conn.execute(
            """
            INSERT INTO conversation_scope (conversation_id, user_id, collection_key, document_key)
            VALUES (%(id)s, %(user)s, %(collection)s, %(document)s)
            ON CONFLICT DO NOTHING
            """,
            {
                "id": conversation_id,
                "user": actor.id,
                "collection": each.key if each.kind == "collection" else None,
                "document": each.key if each.kind == "document" else None,
            },
        )
    await _finish(conn, actor, conversation_id)


async def leave(
    conn: Connection, actor: Actor, conversation_id: ConversationId, kind: ChosenKind, key: int
) -> None:
    """Takes one back; nothing happens when it is not chosen."""
    await conn.execute(
        """
        DELETE FROM conversation_scope
        WHERE conversation_id = %(id)s
          AND CASE WHEN %(collection)s THEN collection_key ELSE document_key END = %(key)s
        """,
        {"id": conversation_id, "collection": kind == "collection", "key": key},
    )
    await _finish(conn, actor, conversation_id)


async def _finish(conn: Connection, actor: Actor, conversation_id: ConversationId) -> None:
    scope = await scope_of(conn, conversation_id)
    collections, documents = scope.collections or (), scope.documents
    if len(collections) + len(documents) > MOST:
        raise Conflict(
            "At most %(most)s collections and documents can be chosen.", code="E-CHOICE", most=MOST
        )
    details: dict[str, Any] = {"collections": list(collections), "documents": list(documents)}
    await audit.record(
        conn,
        actor=actor,
        action="conversation.scoped",
        resource=f"conversation:{conversation_id}",
        details=details,
    )
