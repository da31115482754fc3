"""Passages that a person pinned in a conversation: they come first for its next questions.

A pin is a place (version, page, offsets), so it survives another cutting into passages. What it
gives is looked up each time among what may be found now, with the rights of the moment: a pin to
what is out of reach, replaced or gone gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.chat.cited import CitationKind
from govbot.chat.store import get_citation
from govbot.db.access import Actor
from govbot.errors import Conflict, NotFound
from govbot.ids import ConversationId, MessageId, new_id
from govbot.retrieval.masking import masked
from govbot.retrieval.passages import Passage
from govbot.retrieval.scope import Scope, enter

Connection = AsyncConnection[DictRow]

MOST: Final = 5
PINNED_SCORE: Final = 1.0

# The passage that holds most of each place, of those that may be found on the day asked about.
_PASSAGES: Final = """
    SELECT p.id AS pin, c.id AS chunk_id, d.id AS document_id, d.key AS document_key, c.version_id,
           coalesce(k.name, '') AS collection, d.filename, d.title, v.number AS version,
           c.page_from, c.page_to, c.ord, c.heading, c.text,
           c.start_offset AS start, c.end_offset AS end, d.valid_from, d.valid_to, d.revoked_on
    FROM pinned_passages p
    CROSS JOIN LATERAL (
        SELECT o.id, o.document_key, o.collection_key, o.version_id, o.page_from, o.page_to,
               o.ord, o.heading, o.text, o.start_offset, o.end_offset
        FROM chunks o
        WHERE o.version_id = p.version_id
          AND (o.page_from, o.start_offset) < (p.page_to, p.end_offset)
          AND (o.page_to, o.end_offset) > (p.page_from, p.start_offset)
        ORDER BY (o.page_from, o.start_offset) <= (p.page_from, p.start_offset)
                 AND (o.page_to, o.end_offset) >= (p.page_to, p.end_offset) DESC,
                 (o.page_from, o.start_offset) <= (p.page_from, p.start_offset) DESC,
                 o.ord
        LIMIT 1
    ) c
    JOIN documents d ON d.key = c.document_key
    JOIN document_versions v ON v.id = c.version_id
    LEFT JOIN collections k ON k.key = c.collection_key
    WHERE p.conversation_id = %(conversation)s
      AND (p.question_id IS NULL
           OR EXISTS (SELECT FROM messages q WHERE q.id = p.question_id AND q.shown))
    ORDER BY p.created_at, p.id
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pinned place; `passage` is None while it is not to be had."""

    id: UUID
    passage: Passage | None
    page: int


async def pin(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    number: int,
    kind: CitationKind = "cited",
) -> ConversationId:
    """Pins what a citation shows in its conversation, whose id it gives; again changes nothing.

    Raises NotFound for what may not be read, Conflict E-PINS when there are MOST already.
    """
    citation = await get_citation(conn, answer_id, number, kind)
    conversation_id = await _held(conn, answer_id)
    cursor = await conn.execute(
        """
        INSERT INTO pinned_passages (id, conversation_id, user_id, version_id, page_from, page_to,
                                     start_offset, end_offset, question_id)
        SELECT %(id)s, %(conversation)s, %(user)s, %(version)s, %(page_from)s, %(page_to)s,
               %(start)s, %(end)s, (SELECT m.reply_to FROM messages m WHERE m.id = %(answer)s)
        WHERE NOT EXISTS (
            SELECT FROM pinned_passages p
            WHERE p.conversation_id = %(conversation)s AND p.version_id = %(version)s
              AND p.page_from = %(page_from)s AND p.page_to = %(page_to)s
              AND p.start_offset = %(start)s AND p.end_offset = %(end)s
              AND (p.question_id IS NULL
                   OR EXISTS (SELECT FROM messages q WHERE q.id = p.question_id AND q.shown))
        )
        RETURNING id
        """,
        {
            "id": new_id(),
            "conversation": conversation_id,
            "user": actor.id,
            "answer": answer_id,
            "version": citation.version_id,
            "page_from": citation.page_from,
            "page_to": citation.page_to,
            "start": citation.start,
            "end": citation.end,
        },
    )
    if await cursor.fetchone() is not None:
        await _require_room(conn, conversation_id)
        await _record(conn, actor, "passage.pinned", conversation_id)
    return conversation_id


async def _require_room(conn: Connection, conversation_id: ConversationId) -> None:
    """Raises when the pin just made is one too many."""
    cursor = await conn.execute(
        """
        SELECT count(*) AS n FROM pinned_passages p
        WHERE p.conversation_id = %(id)s
          AND (p.question_id IS NULL
               OR EXISTS (SELECT FROM messages q WHERE q.id = p.question_id AND q.shown))
        """,
        {"id": conversation_id},
    )
    row = await cursor.fetchone()
    if row is not None and row["n"] > MOST:
        raise Conflict(
            "At most %(most)s passages can be pinned in a conversation: unpin one first.",
            code="E-PINS",
            most=MOST,
        )


async def unpin(
    conn: Connection, actor: Actor, conversation_id: ConversationId, pin_id: UUID
) -> None:
    """Takes a pin away; NotFound when it is not the actor's."""
    cursor = await conn.execute(
        """
        DELETE FROM pinned_passages
        WHERE id = %(id)s AND conversation_id = %(conversation)s
        RETURNING id
        """,
        {"id": pin_id, "conversation": conversation_id},
    )
    if await cursor.fetchone() is None:
        raise NotFound
    await _record(conn, actor, "passage.unpinned", conversation_id)


async def pins(conn: Connection, conversation_id: ConversationId) -> list[Pin]:
    """The pins of the branch shown as they stand today, the oldest first."""
    cursor = await conn.execute(
        """
        SELECT p.id, p.page_from
        FROM pinned_passages p
        WHERE p.conversation_id = %(conversation)s
          AND (p.question_id IS NULL
               OR EXISTS (SELECT FROM messages q WHERE q.id = p.question_id AND q.shown))
        ORDER BY p.created_at, p.id
        """,
        {"conversation": conversation_id},
    )
    rows = await cursor.fetchall()
    if not rows:
        return []
    found = await _passages(conn, conversation_id, date.today())
    return [Pin(row["id"], found.get(row["id"]), row["page_from"]) for row in rows]


async def pinned_first(
    conn: Connection,
    answer_id: MessageId,
    passages: Sequence[Passage],
    *,
    limit: int,
    as_of: date | None = None,
) -> tuple[list[Passage], int]:
    """What is pinned where this answer stands, then `passages`, `limit` in all; and how many of
    them are pinned. Pins to what may not be found on the day `as_of` count for nothing.
    """
    conversation_id = await conversation_of(conn, answer_id)
    if conversation_id is None:
        return list(passages), 0
    pinned = await _passages(conn, conversation_id, as_of or date.today())
    if not pinned:
        return list(passages), 0
    found = {passage.chunk_id: passage for passage in passages}
    first = {each.chunk_id: found.get(each.chunk_id, each) for each in pinned.values()}
    rest = [passage for passage in passages if passage.chunk_id not in first]
    pins_first = [replace(each, score=PINNED_SCORE) for each in first.values()]
    return pins_first + rest[: max(limit - len(first), 0)], len(first)


async def conversation_of(conn: Connection, answer_id: MessageId) -> ConversationId | None:
    """Where an answer of the actor stands; None for one that they may not read."""
    cursor = await conn.execute(
        "SELECT conversation_id FROM messages WHERE id = %(id)s", {"id": answer_id}
    )
    row = await cursor.fetchone()
    return ConversationId(row["conversation_id"]) if row else None


async def _passages(
    conn: Connection, conversation_id: ConversationId, day: date
) -> dict[UUID, Passage]:
    """What the pins of the branch shown give, masked as everywhere."""
    await conn.execute("SELECT set_config('govbot.as_of', %(day)s, true)", {"day": day.isoformat()})
    await enter(conn, Scope(conversation=conversation_id))
    cursor = await conn.execute(_PASSAGES, {"conversation": conversation_id})
    rows = await cursor.fetchall()
    shown = await masked(conn, [_passage(row) for row in rows])
    return {row["pin"]: passage for row, passage in zip(rows, shown, strict=True)}


def _passage(row: Mapping[str, Any]) -> Passage:
    """A passage that was not searched for: its scores are those of one that fits."""
    scores = {"score": PINNED_SCORE, "lexical": 0.0, "dense": 0.0, "coverage": 0.0}
    known = {field.name for field in fields(Passage)}
    return Passage(**{name: value for name, value in (scores | dict(row)).items() if name in known})


async def _held(conn: Connection, answer_id: MessageId) -> ConversationId:
    """The conversation of an answer, held until the end: pins of one are made one by one."""
    cursor = await conn.execute(
        """
        SELECT c.id FROM conversations c
        JOIN messages m ON m.conversation_id = c.id
        WHERE m.id = %(id)s
        FOR UPDATE OF c
        """,
        {"id": answer_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return ConversationId(row["id"])


async def _record(
    conn: Connection, actor: Actor, action: str, conversation_id: ConversationId
) -> None:
    await audit.record(conn, actor=actor, action=action, resource=f"conversation:{conversation_id}")
