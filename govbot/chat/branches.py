"""Branches of a conversation: a question edited is another one at the same place.

Each question knows the one before it (`after_id`); those after the same one stand for one another.
Which of them is looked at is written down (`shown`), so that what follows a conversation (history,
search, pins) has one condition to ask. Everything runs inside `as_actor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor
from govbot.errors import NotFound
from govbot.ids import ConversationId, MessageId, new_id

Connection = AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class Place:
    """A question in its tree; `after` is None for a first one."""

    id: MessageId
    after: MessageId | None
    shown: bool


async def append(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    question: str,
    *,
    as_of: date | None = None,
) -> MessageId:
    """A question at the end of the branch that is shown. The caller holds the conversation's row,
    so that of two questions sent at once one follows the other."""
    shown = [each.id for each in await places(conn, conversation_id) if each.shown]
    after = shown[-1] if shown else None
    return await _insert(conn, actor, conversation_id, question, after, as_of)


async def edit(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    question_id: MessageId,
    question: str,
    *,
    as_of: date | None = None,
) -> MessageId:
    """Another question in the place of one, shown from now on; the one before stays beside it.

    Raises NotFound when there is no such question in a conversation of the actor.
    """
    await _hold(conn, conversation_id)
    found = await places(conn, conversation_id)
    old = next((each for each in found if each.id == question_id), None)
    if old is None:
        raise NotFound
    new = await _insert(conn, actor, conversation_id, question, old.after, as_of)
    await _set_shown(conn, conversation_id, [*path(found, old.after), new])
    await audit.record(
        conn,
        actor=actor,
        action="question.edited",
        resource=f"conversation:{conversation_id}",
        details={"question": str(new), "before": str(question_id)},
    )
    return new


async def show(conn: Connection, conversation_id: ConversationId, question_id: MessageId) -> None:
    """Makes the branch through a question the one that is looked at, with its newest end.

    Raises NotFound when there is no such question in a conversation of the actor.
    """
    await _hold(conn, conversation_id)
    found = await places(conn, conversation_id)
    chosen = next((each for each in found if each.id == question_id), None)
    if chosen is None:
        raise NotFound
    if not chosen.shown:
        await _set_shown(conn, conversation_id, whole_path(found, question_id))


async def places(conn: Connection, conversation_id: ConversationId) -> list[Place]:
    """All questions of a conversation in the order in which they were asked."""
    cursor = await conn.execute(
        """
        SELECT id, after_id AS after, shown
        FROM messages
        WHERE conversation_id = %(id)s AND role = 'user'
        ORDER BY created_at, id
        """,
        {"id": conversation_id},
    )
    return [Place(**row) for row in await cursor.fetchall()]


def path(found: Sequence[Place], end: MessageId | None) -> list[MessageId]:
    """The questions from the first one down to `end`."""
    before = {each.id: each.after for each in found}
    line: list[MessageId] = []
    while end is not None and end not in line:
        line.append(end)
        end = before.get(end)
    return line[::-1]


def whole_path(found: Sequence[Place], through: MessageId) -> list[MessageId]:
    """The questions down to one, then on to the newest question behind it, and behind that."""
    line = path(found, through)
    for each in found:  # a question is always newer than the one before it
        if each.after == line[-1]:
            later = [other.id for other in found if other.after == line[-1]]
            line.append(later[-1])
    return line


async def _hold(conn: Connection, conversation_id: ConversationId) -> None:
    """The conversation, held until the end: its branches are changed one by one."""
    cursor = await conn.execute(
        """
        UPDATE conversations SET updated_at = clock_timestamp()
        WHERE id = %(id)s
        RETURNING id
        """,
        {"id": conversation_id},
    )
    if await cursor.fetchone() is None:
        raise NotFound


async def _insert(
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    question: str,
    after: MessageId | None,
    as_of: date | None,
) -> MessageId:
    message_id = MessageId(new_id())
    await conn.execute(
        """
        INSERT INTO messages (id, conversation_id, user_id, role, content, as_of, after_id,
                              created_at)
        VALUES (%(id)s, %(conversation)s, %(user)s, 'user', %(content)s, %(as_of)s, %(after)s,
                clock_timestamp())
        """,
        {
            "id": message_id,
            "conversation": conversation_id,
            "user": actor.id,
            "content": question,
            "as_of": as_of,
            "after": after,
        },
    )
    return message_id


async def _set_shown(
    conn: Connection, conversation_id: ConversationId, shown: Sequence[MessageId]
) -> None:
    await conn.execute(
        """
        UPDATE messages SET shown = id = ANY (%(shown)s)
        WHERE conversation_id = %(id)s AND role = 'user' AND shown <> (id = ANY (%(shown)s))
        """,
        {"id": conversation_id, "shown": list(shown)},
    )
