"""Conversations shared inside the organisation, to read only, under the reader's own rights.

Row-level security decides (migrations/sql/0028_conversations.sql): a transaction that names a link
sees its share while it is open to the actor, and of it the turns whose documents the actor may all
read. Nothing of it shows in lists, searches or any other transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.chat import store
from govbot.chat.store import Turn
from govbot.db.access import Actor, found
from govbot.documents.types import Principal
from govbot.errors import Conflict, Invalid, NotFound
from govbot.ids import ConversationId, MessageId, new_id

Connection = AsyncConnection[DictRow]

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 365
MOST_READERS: Final = 50
MOST_SHARES: Final = 200  # of one person, open at once
SHOWN: Final = 200  # in the list of one's own


@dataclass(frozen=True, slots=True)
class Share:
    """What its owner sees of a share. `readers` are names, empty when it is for everybody."""

    id: UUID
    conversation_id: ConversationId
    link: str
    title: str
    everyone: bool
    turns: int
    created_at: datetime
    shown_at: datetime
    until: datetime
    withdrawn_at: datetime | None
    readers: Sequence[str] = ()
    over: bool = False

    @property
    def last_day(self) -> date:
        """The last day that it is open."""
        return _day_before(self.until)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a reader sees of a share: `turns` within their reach, `left_out` how many are not."""

    id: UUID
    conversation_id: ConversationId
    title: str
    owner: str
    own: bool
    shown_at: datetime
    until: datetime
    turns: Sequence[Turn]
    left_out: int

    @property
    def last_day(self) -> date:
        """The last day that it is open."""
        return _day_before(self.until)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a conversation is to be shared; without `readers`, with everybody who signs in."""

    title: str
    until: date
    readers: Sequence[Principal] = ()


async def share(
    conn: Connection, actor: Actor, conversation_id: ConversationId, wish: Wish
) -> Share:
    """Share what was said so far: each question with the answer that is shown.

    NotFound for somebody else's conversation, Invalid E-SHARE for a title, a day or readers that
    do not fit, Conflict E-SHARE without a finished answer or for a temporary conversation.
    """
    conversation = await store.get_conversation(conn, conversation_id)
    if conversation.ends_at is not None:
        raise Conflict("A temporary conversation is not shared.", code="E-SHARE")
    title = " ".join(wish.title.split())[:200] or conversation.title
    _check(wish)
    if len([each for each in await own_shares(conn, actor) if not each.over]) >= MOST_SHARES:
        raise Conflict(
            "At most %(most)s conversations can be shared at once: withdraw some first.",
            code="E-SHARE", most=MOST_SHARES,
        )  # fmt: skip
    share_id = new_id()
    await conn.execute(
        """
        INSERT INTO conversation_shares (id, conversation_id, user_id, link, title, everyone, until)
        VALUES (%(id)s, %(conversation)s, %(user)s, %(link)s, %(title)s, %(everyone)s,
                %(until)s)
        """,
        {
            "id": share_id, "conversation": conversation_id, "user": actor.id,
            "link": secrets.token_urlsafe(24), "title": title, "everyone": not wish.readers,
            "until": datetime.combine(wish.until + timedelta(days=1), time.min).astimezone(),
        },
    )  # fmt: skip
    for reader in dict.fromkeys(wish.readers):
        await conn.execute(
            """
            INSERT INTO share_readers (share_id, user_id, group_id)
            VALUES (%(id)s, %(user)s, %(group)s)
            """,
            {
                "id": share_id,
                "user": reader.id if reader.kind == "user" else None,
                "group": reader.id if reader.kind == "group" else None,
            },
        )
    await _take_turns(conn, share_id, conversation_id)
    made = await own_share(conn, actor, share_id)
    details: dict[str, object] = {
        "conversation": str(conversation_id), "everyone": made.everyone,
        "readers": sorted(f"{each.kind}:{each.id}" for each in wish.readers),
        "turns": made.turns, "until": wish.until.isoformat(),
    }  # fmt: skip
    await _record(conn, actor, "share.created", share_id, details)
    return made


async def renew(conn: Connection, actor: Actor, share_id: UUID) -> Share:
    """Share what was said since, too. NotFound for one that is over or not the actor's."""
    made = await own_share(conn, actor, share_id)
    if made.over:
        raise NotFound
    await conn.execute("DELETE FROM shared_turns WHERE share_id = %(id)s", {"id": share_id})
    await _take_turns(conn, share_id, made.conversation_id)
    again = await own_share(conn, actor, share_id)
    await _record(conn, actor, "share.renewed", share_id, {"turns": again.turns})
    return again


async def withdraw(conn: Connection, actor: Actor, share_id: UUID) -> None:
    """Close a share for good, at once. NotFound for one that is withdrawn or not the actor's."""
    cursor = await conn.execute(
        """
        UPDATE conversation_shares SET withdrawn_at = now()
        WHERE id = %(id)s AND user_id = %(user)s AND withdrawn_at IS NULL
        """,
        {"id": share_id, "user": actor.id},
    )
    if cursor.rowcount == 0:
        raise NotFound
    await _record(conn, actor, "share.withdrawn", share_id, {})


async def own_shares(
    conn: Connection, actor: Actor, conversation_id: ConversationId | None = None
) -> list[Share]:
    """What the actor shared, all or of one conversation, the newest first, SHOWN at most."""
    cursor = await conn.execute(
        """
        SELECT s.id, s.conversation_id, s.link, s.title, s.everyone, s.turns, s.created_at,
               s.shown_at, s.until, s.withdrawn_at,
               s.withdrawn_at IS NOT NULL OR s.until <= now() AS over,
               ARRAY(SELECT coalesce(u.name, '@' || g.name)
                     FROM share_readers r
                     LEFT JOIN users u ON u.id = r.user_id
                     LEFT JOIN groups g ON g.id = r.group_id
                     WHERE r.share_id = s.id
                     ORDER BY 1) AS readers
        FROM conversation_shares s
        WHERE s.user_id = %(user)s
          AND (%(conversation)s::uuid IS NULL OR s.conversation_id = %(conversation)s::uuid)
        ORDER BY s.withdrawn_at IS NOT NULL OR s.until <= now(), s.created_at DESC
        LIMIT %(limit)s
        """,
        {"user": actor.id, "conversation": conversation_id, "limit": SHOWN},
    )
    return [Share(**row) for row in await cursor.fetchall()]


async def own_share(conn: Connection, actor: Actor, share_id: UUID) -> Share:
    """One of the actor's own shares; NotFound."""
    for each in await own_shares(conn, actor):
        if each.id == share_id:
            return each
    raise NotFound


async def open_share(conn: Connection, actor: Actor, link: str) -> Opened:
    """What is behind a link for this reader, audited; the transaction must be a writing one.

    NotFound looks the same for a link that nobody made, one that is withdrawn or over, one for
    others, and one whose owner is disabled.
    """
    await conn.execute("SELECT set_config('govbot.share', %(link)s, true)", {"link": link})
    cursor = await conn.execute(
        """
        SELECT s.id, s.conversation_id, s.title, u.name AS owner, s.user_id, s.shown_at, s.until,
               s.turns
        FROM conversation_shares s
        JOIN users u ON u.id = s.user_id
        WHERE s.id = govbot_open_share()
        """
    )
    row = found(await cursor.fetchone())
    turns = await _turns(conn, row["id"])
    details: dict[str, object] = {"turns": len(turns), "left_out": row["turns"] - len(turns)}
    await _record(conn, actor, "share.opened", row["id"], details)
    return Opened(
        id=row["id"],
        conversation_id=ConversationId(row["conversation_id"]),
        title=row["title"],
        owner=row["owner"],
        own=row["user_id"] == actor.id,
        shown_at=row["shown_at"],
        until=row["until"],
        turns=turns,
        left_out=max(0, row["turns"] - len(turns)),
    )


def last_day(today: date) -> date:
    """The last day that a share made today may stay open."""
    return today + timedelta(days=MOST_DAYS)


def _day_before(end: datetime) -> date:
    """The day that an end belongs to, midnight to the day before."""
    return (end - timedelta(microseconds=1)).astimezone().date()


def _check(wish: Wish) -> None:
    today = date.today()
    if not today <= wish.until <= last_day(today):
        raise Invalid(
            "Choose a last day from today on, within %(days)s days.",
            code="E-SHARE", days=MOST_DAYS,
        )  # fmt: skip
    if len(wish.readers) > MOST_READERS:
        raise Invalid(
            "Name at most %(most)s people and groups, or a group that holds them.",
            code="E-SHARE", most=MOST_READERS,
        )  # fmt: skip


async def _take_turns(conn: Connection, share_id: UUID, conversation_id: ConversationId) -> None:
    """The turns that the conversation shows to its owner now, each with its last answer."""
    pairs = [
        (turn.question.id, turn.answers[-1].id)
        for turn in await store.turns(conn, conversation_id)
        if not turn.answers[-1].hidden
        and turn.answers[-1].state in ("done", "stopped")
        and turn.answers[-1].content
    ]
    if not pairs:
        raise Conflict("There is no finished answer to share yet.", code="E-SHARE")
    for ord_, (question_id, answer_id) in enumerate(pairs):
        await conn.execute(
            """
            INSERT INTO shared_turns (share_id, ord, question_id, answer_id, sources)
            VALUES (%(share)s, %(ord)s, %(question)s, %(answer)s, '{}')
            """,
            {"share": share_id, "ord": ord_, "question": question_id, "answer": answer_id},
        )
    await conn.execute(
        "UPDATE conversation_shares SET turns = %(turns)s, shown_at = now() WHERE id = %(id)s",
        {"id": share_id, "turns": len(pairs)},
    )


async def _turns(conn: Connection, share_id: UUID) -> list[Turn]:
    """The turns of the open share that the policies show, in order."""
    cursor = await conn.execute(
        """
        SELECT t.question_id, t.answer_id
        FROM shared_turns t
        WHERE t.share_id = %(id)s
        ORDER BY t.ord
        """,
        {"id": share_id},
    )
    turns = []
    for row in await cursor.fetchall():
        try:
            question = await store.get_message(conn, MessageId(row["question_id"]))
            answer = await store.get_message(conn, MessageId(row["answer_id"]))
        except NotFound:  # the owner opens it after a loss of rights
            continue
        turns.append(Turn(question, [answer]))
    return turns


async def _record(
    conn: Connection, actor: Actor, action: str, share_id: UUID, details: dict[str, object]
) -> None:
    """Who did what with which share; neither its link nor a word of it."""
    await audit.record(
        conn, actor=actor, action=action, resource=f"share:{share_id}", details=details
    )
