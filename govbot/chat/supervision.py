"""Other people's conversations, read by an administrator: only where a setting says so.

Each look is an entry of the audit log with its reason, and the database shows nothing but to the
transaction that wrote the entry (migrations/sql/0015_audit_trail.sql).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govbot import audit
from govbot.chat.store import Connection, Conversation, Turn, get_conversation, turns
from govbot.db.access import Actor, Role
from govbot.errors import Denied, Invalid, NotFound
from govbot.ids import ConversationId, UserId

REASON_MIN: Final = 10
REASON_MAX: Final = 500
SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Supervision:
    """A look that somebody took; `conversation` is empty for the list of conversations."""

    at: datetime
    actor_name: str
    conversation: str | None
    reason: str


async def supervise(
    conn: Connection,
    actor: Actor,
    person: UserId,
    *,
    reason: str,
    enabled: bool,
    conversation_id: ConversationId | None = None,
) -> None:
    """Opens one person's conversations to this transaction and writes down who, whose and why.

    Raises Denied unless `enabled` and an administrator asks, Invalid without a reason of 10 to 500
    characters. The transaction must be a writing one.
    """
    if not enabled or actor.role is not Role.ADMIN:
        raise Denied
    reason = " ".join(reason.split())
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise Invalid(
            "Say why, in %(least)s to %(most)s characters.",
            code="E-REASON",
            least=REASON_MIN,
            most=REASON_MAX,
        )
    details = {"reason": reason}
    if conversation_id is not None:
        details["conversation"] = str(conversation_id)
    seq = await audit.record(
        conn,
        actor=actor,
        action="conversation.supervised",
        resource=f"user:{person}",
        details=details,
    )
    await conn.execute("SELECT set_config('govbot.supervision', %(seq)s, true)", {"seq": str(seq)})


async def conversations_of(conn: Connection, person: UserId) -> list[Conversation]:
    """The newest conversations of the person that `supervise` opened."""
    cursor = await conn.execute(
        """
        SELECT id, title, updated_at
        FROM conversations
        WHERE user_id = %(person)s AND title <> ''
        ORDER BY updated_at DESC
        LIMIT %(limit)s
        """,
        {"person": person, "limit": SHOWN},
    )
    return [Conversation(**row) for row in await cursor.fetchall()]


async def conversation_of(
    conn: Connection, person: UserId, conversation_id: ConversationId
) -> tuple[Conversation, list[Turn]]:
    """One of them; answers from documents that the reader may not read are hidden."""
    cursor = await conn.execute(
        "SELECT id FROM conversations WHERE id = %(id)s AND user_id = %(person)s",
        {"id": conversation_id, "person": person},
    )
    if await cursor.fetchone() is None:
        raise NotFound
    return await get_conversation(conn, conversation_id), await turns(conn, conversation_id)


async def looks_at(conn: Connection) -> Sequence[Supervision]:
    """Who looked at the actor's own conversations, the newest first; at most 100."""
    cursor = await conn.execute(
        "SELECT at, actor_name, conversation, reason FROM govbot_supervisions()"
    )
    return [Supervision(**row) for row in await cursor.fetchall()]
