"""Conversations, messages and citations as their owner sees them.

Every function runs inside `as_actor`: row-level security hides other people's conversations, and
answers made from documents that may no longer be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from govbot import audit
from govbot.chat import cited, routing
from govbot.chat.cited import Citation, CitationKind
from govbot.chat.support import Support, from_json, to_json
from govbot.db.access import Actor
from govbot.errors import NotFound
from govbot.generate import Routed
from govbot.ids import ConversationId, MessageId, new_id
from govbot.privacy import Kind, mask

__all__ = ["Citation", "CitationKind", "Conversation", "Message", "Turn"]

Connection = AsyncConnection[DictRow]

TITLE_LENGTH = 80
_NOT_FIELDS = ("reply_to", "masked", "routing")  # of a message


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the sidebar."""

    id: ConversationId
    title: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A question or an answer. A `hidden` answer came from documents now out of reach.

    `sources` are the keys of the documents that an answer was made from. `as_of` is the day that a
    question is about; None: the day it was asked.
    """

    id: MessageId
    role: Literal["user", "assistant"]
    content: str
    state: Literal["running", "done", "stopped", "failed"]
    refused: bool
    engine: str
    excerpts: bool
    error_code: str | None
    created_at: datetime
    citations: list[Citation] = field(default_factory=list)
    nearest: list[Citation] = field(default_factory=list)
    hidden: bool = False
    sources: Sequence[int] = ()
    as_of: date | None = None
    support: Sequence[Support] = ()
    routed: Routed | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with its answers, the newest last."""

    question: Message
    answers: list[Message]


async def create_conversation(conn: Connection, actor: Actor) -> ConversationId:
    """An empty conversation of the actor."""
    conversation_id = ConversationId(new_id())
    await conn.execute(
        "INSERT INTO conversations (id, user_id) VALUES (%(id)s, %(user)s)",
        {"id": conversation_id, "user": actor.id},
    )
    return conversation_id


async def list_conversations(
    conn: Connection, *, limit: int = 50, before: datetime | None = None
) -> list[Conversation]:
    """The newest first."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at
        FROM conversations
        WHERE (%(before)s::timestamptz IS NULL OR updated_at < %(before)s::timestamptz)
          AND title <> ''
        ORDER BY updated_at DESC
        LIMIT %(limit)s
        """,
        {"before": before, "limit": limit},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def get_conversation(conn: Connection, conversation_id: ConversationId) -> Conversation:
    """NotFound when it is missing or someone else's."""
    cursor = await conn.execute(
        "SELECT id, title, updated_at FROM conversations WHERE id = %(id)s",
        {"id": conversation_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return Conversation(**row)


async def rename(
    conn: Connection, actor: Actor, conversation_id: ConversationId, title: str
) -> None:
    """Give a conversation another title; an empty one changes nothing."""
    title = " ".join(title.split())[:200]
    if not title:
        return
    cursor = await conn.execute(
        "UPDATE conversations SET title = %(title)s WHERE id = %(id)s RETURNING id",
        {"id": conversation_id, "title": title},
    )
    if await cursor.fetchone() is None:
        raise NotFound
    await _record(conn, actor, "conversation.renamed", conversation_id)


async def delete(conn: Connection, actor: Actor, conversation_id: ConversationId) -> None:
    """Delete a conversation with all that is in it."""
    cursor = await conn.execute(
        "DELETE FROM conversations WHERE id = %(id)s RETURNING id", {"id": conversation_id}
    )
    if await cursor.fetchone() is None:
        raise NotFound
    await _record(conn, actor, "conversation.deleted", conversation_id)


async def add_question(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    question: str,
    *,
    as_of: date | None = None,
) -> MessageId:
    """Store a question; the first one names the conversation. `as_of`: the day it is about."""
    await get_conversation(conn, conversation_id)
    message_id = MessageId(new_id())
    await conn.execute(
        """
        INSERT INTO messages (id, conversation_id, user_id, role, content, as_of)
        VALUES (%(id)s, %(conversation)s, %(user)s, 'user', %(content)s, %(as_of)s)
        """,
        {
            "id": message_id,
            "conversation": conversation_id,
            "user": actor.id,
            "content": question,
            "as_of": as_of,
        },
    )
    await conn.execute(
        """
        UPDATE conversations
        SET updated_at = now(), title = CASE WHEN title = '' THEN %(title)s ELSE title END
        WHERE id = %(id)s
        """,
        {"id": conversation_id, "title": _title(question)},
    )
    return message_id


async def add_answer(
    conn: Connection, actor: Actor, conversation_id: ConversationId, question_id: MessageId
) -> MessageId:
    """Store an empty answer that is under way."""
    message_id = MessageId(new_id())
    await conn.execute(
        """
        INSERT INTO messages (id, conversation_id, user_id, role, reply_to, state)
        VALUES (%(id)s, %(conversation)s, %(user)s, 'assistant', %(question)s, 'running')
        """,
        {
            "id": message_id,
            "conversation": conversation_id,
            "user": actor.id,
            "question": question_id,
        },
    )
    return message_id


async def set_sources(conn: Connection, answer_id: MessageId, document_keys: Sequence[int]) -> None:
    """Bind an answer to the documents it is made from, before the first word of it."""
    await conn.execute(
        "UPDATE messages SET sources = %(keys)s::integer[] WHERE id = %(id)s",
        {"id": answer_id, "keys": sorted(set(document_keys))},
    )


async def save_text(conn: Connection, answer_id: MessageId, content: str) -> None:
    """Store an answer as it grows."""
    await conn.execute(
        "UPDATE messages SET content = %(content)s WHERE id = %(id)s AND state = 'running'",
        {"id": answer_id, "content": content},
    )


async def finish_answer(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    *,
    content: str,
    state: Literal["done", "stopped", "failed"],
    refused: bool = False,
    engine: str = "",
    excerpts: bool = False,
    error_code: str | None = None,
    timings: Mapping[str, float] | None = None,
    citations: Sequence[Citation] = (),
    nearest: Sequence[Citation] = (),
    support: Sequence[Support] = (),
    routed: Routed | None = None,
) -> bool:
    """Close an answer with its citations; False when it is closed already or out of reach."""
    cursor = await conn.execute(
        """
        UPDATE messages
        SET content = %(content)s, state = %(state)s, refused = %(refused)s, engine = %(engine)s,
            excerpts = %(excerpts)s, error_code = %(error_code)s, timings = %(timings)s,
            support = %(support)s, routing = %(routing)s, finished_at = now()
        WHERE id = %(id)s AND state = 'running'
        RETURNING id
        """,
        {
            "id": answer_id,
            "content": content,
            "state": state,
            "refused": refused,
            "engine": engine,
            "excerpts": excerpts,
            "error_code": error_code,
            "timings": Jsonb(dict(timings or {})),
            "support": Jsonb(to_json(support)),
            "routing": Jsonb(routing.as_json(routed)),
        },
    )
    if await cursor.fetchone() is None:
        return False
    await cited.add(conn, actor, answer_id, "cited", citations)
    await cited.add(conn, actor, answer_id, "nearest", nearest)
    return True


async def turns(conn: Connection, conversation_id: ConversationId) -> list[Turn]:
    """The whole conversation in order; NotFound when it is not the actor's."""
    await get_conversation(conn, conversation_id)
    cursor = await conn.execute(
        """
        SELECT id, role, reply_to, content, state, refused, engine, excerpts, error_code,
               created_at, sources, as_of, support, routing,
               govbot_masked_kinds(sources) AS masked
        FROM messages
        WHERE conversation_id = %(id)s
        ORDER BY created_at, id
        """,
        {"id": conversation_id},
    )
    rows = await cursor.fetchall()
    references = await cited.of_messages(
        conn, [row["id"] for row in rows if row["role"] == "assistant"]
    )
    answers: dict[MessageId, list[Message]] = {}
    for row in rows:
        if row["role"] == "assistant":
            answers.setdefault(row["reply_to"], []).append(_message(row, references))
    return [
        Turn(_message(row, references), answers.get(row["id"]) or [_hidden(row)])
        for row in rows
        if row["role"] == "user"
    ]


async def get_message(conn: Connection, message_id: MessageId) -> Message:
    """One message with its citations; NotFound when it is not the actor's or hidden."""
    cursor = await conn.execute(
        """
        SELECT id, role, reply_to, content, state, refused, engine, excerpts, error_code,
               created_at, sources, as_of, support, routing,
               govbot_masked_kinds(sources) AS masked
        FROM messages
        WHERE id = %(id)s
        """,
        {"id": message_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _message(row, await cited.of_messages(conn, [message_id]))


async def question_of(
    conn: Connection, conversation_id: ConversationId, answer_id: MessageId
) -> Message:
    """The question that an answer replied to."""
    cursor = await conn.execute(
        """
        SELECT q.id, q.role, q.reply_to, q.content, q.state, q.refused, q.engine, q.excerpts,
               q.error_code, q.created_at, q.as_of
        FROM messages a
        JOIN messages q ON q.id = a.reply_to
        WHERE a.id = %(id)s AND a.conversation_id = %(conversation)s
        """,
        {"id": answer_id, "conversation": conversation_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _message(row, {})


async def get_citation(
    conn: Connection, message_id: MessageId, number: int, kind: CitationKind = "cited"
) -> Citation:
    """One citation of one of the actor's answers; NotFound when the document is out of reach."""
    for citation_kind, citation in (await cited.of_messages(conn, [message_id])).get(
        message_id, []
    ):
        if citation.number == number and citation_kind == kind:
            return citation
    raise NotFound


async def fail_interrupted(conn: Connection, answer_id: MessageId | None = None) -> int:
    """Close answers that were left under way, all or one (as system); returns how many."""
    cursor = await conn.execute(
        "UPDATE messages SET state = 'failed', error_code = 'E-INTERRUPTED', finished_at = now()"
        " WHERE state = 'running' AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)",
        {"id": answer_id},
    )
    return cursor.rowcount


def _message(
    row: Mapping[str, Any], references: Mapping[MessageId, list[tuple[CitationKind, Citation]]]
) -> Message:
    fields = {key: value for key, value in row.items() if key not in _NOT_FIELDS}
    # What somebody typed stays as it is; what was said of documents follows their collections.
    fields["content"] = mask(row["content"], frozenset(map(Kind, row.get("masked", ()))))
    fields["support"] = from_json(row.get("support", ()))
    fields["routed"] = routing.from_json(row.get("routing") or {})
    own = references.get(row["id"], [])
    return Message(
        **fields,
        citations=[citation for kind, citation in own if kind == "cited"],
        nearest=[citation for kind, citation in own if kind == "nearest"],
    )


def _hidden(question: Mapping[str, Any]) -> Message:
    """Every question gets an answer row at once, so a missing one is hidden by the policies."""
    return Message(
        id=MessageId(question["id"]),
        role="assistant",
        content="",
        state="done",
        refused=False,
        engine="",
        excerpts=False,
        error_code=None,
        created_at=question["created_at"],
        hidden=True,
    )


async def _record(
    conn: Connection, actor: Actor, action: str, conversation_id: ConversationId
) -> None:
    """What was done, without a word of the conversation."""
    await audit.record(conn, actor=actor, action=action, resource=f"conversation:{conversation_id}")


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
