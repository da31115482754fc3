"""Conversations as their owner has them: made, listed, pinned, archived, named, deleted.

Every function but `end_temporary` runs inside `as_actor`: row-level security hides other people's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, NotFound
from govbot.ids import ConversationId, new_id

Connection = AsyncConnection[DictRow]

TEMPORARY_LASTS: Final = timedelta(hours=1)  # of a temporary conversation since its last question
LEFT_LASTS: Final = timedelta(minutes=2)  # since its page was left: a reload comes back in time
MOST_PINNED: Final = 50
MOST_AT_ONCE: Final = 200
_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the sidebar. `ends_at`: when a temporary one is deleted; None: it is kept."""

    id: ConversationId
    title: str
    updated_at: datetime
    pinned_at: datetime | None = None
    archived_at: datetime | None = None
    ends_at: datetime | None = None
    opened_at: datetime | None = None


async def create_conversation(
    conn: Connection, actor: Actor, *, temporary: bool = False
) -> ConversationId:
    """An empty conversation of the actor; a `temporary` one ends by itself (`end_temporary`)."""
    conversation_id = ConversationId(new_id())
    await conn.execute(
        """
        INSERT INTO conversations (id, user_id, ends_at)
        VALUES (%(id)s, %(user)s, CASE WHEN %(temporary)s THEN now() + %(lasts)s END)
        """,
        {
            "id": conversation_id, "user": actor.id, "temporary": temporary,
            "lasts": TEMPORARY_LASTS,
        },
    )  # fmt: skip
    return conversation_id


async def list_conversations(
    conn: Connection, *, limit: int = 50, before: datetime | None = None
) -> list[Conversation]:
    """Those that are kept, archived ones too, the newest first."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at, pinned_at, archived_at
        FROM conversations
        WHERE (%(before)s::timestamptz IS NULL OR updated_at < %(before)s::timestamptz)
          AND title <> '' AND ends_at IS NULL
        ORDER BY updated_at DESC
        LIMIT %(limit)s
        """,
        {"before": before, "limit": limit},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def get_conversation(conn: Connection, conversation_id: ConversationId) -> Conversation:
    """NotFound when it is missing or someone else's."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at, pinned_at, archived_at, ends_at, opened_at
        FROM conversations
        WHERE id = %(id)s
        """,
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


async def pinned(conn: Connection) -> list[Conversation]:
    """The pinned ones, the last pinned first; MOST_PINNED at most."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at, pinned_at
        FROM conversations
        WHERE pinned_at IS NOT NULL AND title <> ''
        ORDER BY pinned_at DESC
        LIMIT %(limit)s
        """,
        {"limit": MOST_PINNED},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def recent(
    conn: Connection, *, limit: int, before: datetime | None = None
) -> list[Conversation]:
    """Those that are neither pinned, archived nor temporary, the newest first."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at
        FROM conversations
        WHERE (%(before)s::timestamptz IS NULL OR updated_at < %(before)s::timestamptz)
          AND title <> '' AND pinned_at IS NULL AND archived_at IS NULL AND ends_at IS NULL
        ORDER BY updated_at DESC
        LIMIT %(limit)s
        """,
        {"before": before, "limit": limit},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def archived(
    conn: Connection, *, limit: int, before: datetime | None = None
) -> list[Conversation]:
    """The archived ones, the newest first."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at, archived_at
        FROM conversations
        WHERE (%(before)s::timestamptz IS NULL OR updated_at < %(before)s::timestamptz)
          AND title <> '' AND archived_at IS NOT NULL
        ORDER BY updated_at DESC
        LIMIT %(limit)s
        """,
        {"before": before, "limit": limit},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def named(conn: Connection, conversation_ids: Sequence[ConversationId]) -> list[Conversation]:
    """Those of these ids that are the actor's and kept, the newest first."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at, pinned_at, archived_at
        FROM conversations
        WHERE id = ANY (%(ids)s) AND ends_at IS NULL
        ORDER BY updated_at DESC
        """,
        {"ids": list(conversation_ids)},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def set_pinned(conn: Connection, conversation_id: ConversationId, on: bool) -> Conversation:
    """Pin a conversation, which takes it out of the archive, or let it go; NotFound for one that
    is temporary or not the actor's, Conflict with MOST_PINNED others."""
    if on and len(await pinned(conn)) >= MOST_PINNED:
        raise Conflict(
            "At most %(most)s conversations can be pinned.", code="E-PINNED", most=MOST_PINNED
        )
    cursor = await conn.execute(
        """
        UPDATE conversations
        SET pinned_at = CASE WHEN %(on)s THEN coalesce(pinned_at, now()) END,
            archived_at = CASE WHEN %(on)s THEN NULL ELSE archived_at END
        WHERE id = %(id)s AND ends_at IS NULL
        """,
        {"id": conversation_id, "on": on},
    )
    if cursor.rowcount == 0:
        raise NotFound
    return await get_conversation(conn, conversation_id)


async def set_archived(
    conn: Connection, conversation_ids: Sequence[ConversationId], on: bool
) -> int:
    """Put conversations into the archive, or back; how many there were. Archived ones are found by
    the search still. NotFound when none of them is the actor's."""
    cursor = await conn.execute(
        """
        UPDATE conversations
        SET archived_at = CASE WHEN %(on)s THEN coalesce(archived_at, now()) END,
            pinned_at = CASE WHEN %(on)s THEN NULL ELSE pinned_at END
        WHERE id = ANY (%(ids)s) AND ends_at IS NULL
        """,
        {"ids": list(conversation_ids)[:MOST_AT_ONCE], "on": on},
    )
    if cursor.rowcount == 0:
        raise NotFound
    return cursor.rowcount


async def delete_many(
    conn: Connection, actor: Actor, conversation_ids: Sequence[ConversationId]
) -> int:
    """Delete conversations with all that is in them; how many there were. NotFound for none."""
    cursor = await conn.execute(
        "DELETE FROM conversations WHERE id = ANY (%(ids)s) RETURNING id",
        {"ids": list(conversation_ids)[:MOST_AT_ONCE]},
    )
    gone = [ConversationId(row["id"]) for row in await cursor.fetchall()]
    if not gone:
        raise NotFound
    for conversation_id in gone:
        await _record(conn, actor, "conversation.deleted", conversation_id)
    return len(gone)


async def left(
    conn: Connection, conversation_id: ConversationId, opened_at: datetime | None = None
) -> None:
    """The page of a temporary conversation was left: it ends soon unless it is opened again, or
    was opened again since `opened_at`, as by a reload whose requests overtake one another."""
    await conn.execute(
        """
        UPDATE conversations SET ends_at = least(ends_at, now() + %(lasts)s)
        WHERE id = %(id)s AND ends_at IS NOT NULL
          AND opened_at <= coalesce(%(opened)s::timestamptz, opened_at)
        """,
        {"id": conversation_id, "lasts": LEFT_LASTS, "opened": opened_at},
    )


async def stay(conn: Connection, conversation_id: ConversationId) -> None:
    """The page of a temporary conversation was opened: it lasts again."""
    await conn.execute(
        """
        UPDATE conversations SET ends_at = now() + %(lasts)s, opened_at = now()
        WHERE id = %(id)s AND ends_at IS NOT NULL
        """,
        {"id": conversation_id, "lasts": TEMPORARY_LASTS},
    )


async def end_temporary(pool: Pool) -> int:
    """Delete temporary conversations whose time is over, as the system; returns how many."""
    ended = 0
    while True:
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                "SELECT govbot_end_conversations(%(limit)s) AS count", {"limit": _BATCH}
            )
            count = int((await cursor.fetchone() or {}).get("count") or 0)
            if count:
                details = {"conversations": count, "temporary": True}
                await audit.record(conn, actor=None, action="conversation.purged", details=details)
        ended += count
        if count < _BATCH:
            return ended


async def _record(
    conn: Connection, actor: Actor, action: str, conversation_id: ConversationId
) -> None:
    """What was done, without a word of the conversation."""
    await audit.record(conn, actor=actor, action=action, resource=f"conversation:{conversation_id}")
