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

from govbot.chat import branches, cited, routing
from govbot.chat.cited import Citation, CitationKind
from govbot.chat.conversations import (
    TEMPORARY_LASTS,
    Conversation,
    create_conversation,
    delete,
    get_conversation,
    list_conversations,
    rename,
)
from govbot.chat.support import Support, from_json, to_json
from govbot.db.access import Actor
from govbot.errors import NotFound
from govbot.generate import Routed
from govbot.ids import ConversationId, MessageId, new_id
from govbot.privacy import Kind, mask

__all__ = [
    "Citation", "CitationKind", "Conversation", "Message", "Turn", "create_conversation", "delete",
    "get_conversation", "list_conversations", "rename",
]  # fmt: skip

Connection = AsyncConnection[DictRow]

TITLE_LENGTH = 80
_NOT_FIELDS = ("reply_to", "masked", "routing", "after_id", "shown")  # of a message


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
    """A question with its answers, the newest last. `versions` are the questions that stand for
    one another in its place, in the order in which they were asked, itself among them."""

    question: Message
    answers: list[Message]
    versions: Sequence[MessageId] = ()


async def add_question(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    question: str,
    *,
    as_of: date | None = None,
) -> MessageId:
    """Store a question at the end of the branch shown; the first one names the conversation.
    `as_of`: the day it is about.

    An archived conversation comes back, a temporary one lasts again.
    """
    await get_conversation(conn, conversation_id)
    await conn.execute(
        """
        UPDATE conversations
        SET updated_at = now(), title = CASE WHEN title = '' THEN %(title)s ELSE title END,
            archived_at = NULL,
            ends_at = CASE WHEN ends_at IS NOT NULL THEN now() + %(lasts)s END
        WHERE id = %(id)s
        """,
        {"id": conversation_id, "title": _title(question), "lasts": TEMPORARY_LASTS},
    )
    return await branches.append(conn, actor, conversation_id, question, as_of=as_of)


async def add_answer(
    conn: Connection, actor: Actor, conversation_id: ConversationId, question_id: MessageId
) -> MessageId:
    """Store an empty answer that is under way."""
    message_id = MessageId(new_id())
    await conn.execute(
        """
        INSERT INTO messages (id, conversation_id, user_id, role, reply_to, state, created_at)
        VALUES (%(id)s, %(conversation)s, %(user)s, 'assistant', %(question)s, 'running',
                clock_timestamp())
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
    """Bind an answer to the documents it is made from, before the first word of it.

    One that is begun anew stays bound to those of its first beginning, too.
    """
    await conn.execute(
        """
        UPDATE messages SET sources = ARRAY(
            SELECT DISTINCT k FROM unnest(sources || %(keys)s::integer[]) AS k ORDER BY k
        )
        WHERE id = %(id)s
        """,
        {"id": answer_id, "keys": list(document_keys)},
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


async def turns(
    conn: Connection, conversation_id: ConversationId, *, every: bool = False
) -> list[Turn]:
    """The branch shown in order, or `every` one; NotFound when it is not the actor's."""
    await get_conversation(conn, conversation_id)
    cursor = await conn.execute(
        """
        SELECT id, role, reply_to, content, state, refused, engine, excerpts, error_code,
               created_at, sources, as_of, support, routing, after_id, shown,
               govbot_masked_kinds(sources) AS masked
        FROM messages
        WHERE conversation_id = %(id)s
          AND (role = 'user' OR %(every)s
               OR reply_to IN (SELECT q.id FROM messages q
                               WHERE q.conversation_id = %(id)s AND q.shown))
        ORDER BY created_at, id
        """,
        {"id": conversation_id, "every": every},
    )
    rows = await cursor.fetchall()
    references = await cited.of_messages(
        conn, [row["id"] for row in rows if row["role"] == "assistant"]
    )
    answers: dict[MessageId, list[Message]] = {}
    for row in rows:
        if row["role"] == "assistant":
            answers.setdefault(row["reply_to"], []).append(_message(row, references))
    questions = [row for row in rows if row["role"] == "user"]
    versions: dict[MessageId | None, list[MessageId]] = {}
    for row in questions:
        versions.setdefault(row["after_id"], []).append(row["id"])
    return [
        Turn(
            _message(row, references),
            answers.get(row["id"]) or [_hidden(row)],
            versions[row["after_id"]],
        )
        for row in questions
        if row["shown"] or every
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


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
