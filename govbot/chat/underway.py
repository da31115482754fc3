"""Which node writes which answer. Who holds the row of an answer may write it, and nobody else: a
node that was taken for dead and comes back finds its answers with others and leaves them alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.ids import ConversationId, MessageId, NodeId, UserId

_PERSON: Final = 7180  # of pg_advisory_xact_lock: questions of one person are counted one by one
_AT_ONCE: Final = 20  # so that several nodes share what a dead one leaves


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer that a dead node left. `takes` tells how often it was taken up, this time included;
    `model` and `again` are what was asked for besides the question."""

    answer_id: MessageId
    user_id: UserId
    conversation_id: ConversationId
    takes: int
    model: str
    again: bool


async def count(conn: Connection, actor: Actor) -> int:
    """How many answers of the actor are written now, on all nodes; others who count wait."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(%(kind)s, hashtext(%(id)s))",
        {"kind": _PERSON, "id": str(actor.id)},
    )
    cursor = await conn.execute(
        "SELECT count(*) AS n FROM answers_under_way WHERE user_id = %(id)s", {"id": actor.id}
    )
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def begin(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    node_id: NodeId,
    *,
    model: str = "",
    again: bool = False,
) -> None:
    """This node writes the answer from now on."""
    await conn.execute(
        """
        INSERT INTO answers_under_way (answer_id, user_id, node_id, model, again)
        VALUES (%(answer)s, %(user)s, %(node)s, %(model)s, %(again)s)
        """,
        {"answer": answer_id, "user": actor.id, "node": node_id, "model": model, "again": again},
    )


async def is_ours(conn: Connection, answer_id: MessageId, node_id: NodeId) -> bool:
    """Whether the node may still write the answer; nobody takes it until the transaction ends."""
    cursor = await conn.execute(
        """
        SELECT answer_id FROM answers_under_way
        WHERE answer_id = %(answer)s AND node_id = %(node)s
        FOR SHARE
        """,
        {"answer": answer_id, "node": node_id},
    )
    return await cursor.fetchone() is not None


async def end(conn: Connection, answer_id: MessageId, node_id: NodeId) -> bool:
    """The answer is written; False when another node has it, or it was ended already."""
    cursor = await conn.execute(
        """
        DELETE FROM answers_under_way
        WHERE answer_id = %(answer)s AND node_id = %(node)s
        RETURNING answer_id
        """,
        {"answer": answer_id, "node": node_id},
    )
    return await cursor.fetchone() is not None


async def ask_stop(conn: Connection, answer_id: MessageId) -> None:
    """Whoever writes the answer shall end it with what it has, as its owner."""
    await conn.execute(
        "UPDATE answers_under_way SET stop_asked = true WHERE answer_id = %(answer)s",
        {"answer": answer_id},
    )


async def asked_to_stop(conn: Connection, node_id: NodeId) -> list[MessageId]:
    """Those answers of the node that somebody stopped on another one, as system."""
    cursor = await conn.execute(
        "SELECT answer_id FROM answers_under_way WHERE node_id = %(node)s AND stop_asked",
        {"node": node_id},
    )
    return [MessageId(row["answer_id"]) for row in await cursor.fetchall()]


async def take_up(conn: Connection, node_id: NodeId) -> list[Taken]:
    """Answers of nodes that live no more, as system; they are this node's now."""
    cursor = await conn.execute(
        """
        WITH left_behind AS (
            SELECT u.answer_id FROM answers_under_way u
            WHERE u.node_id <> %(node)s AND NOT govbot_node_lives(u.node_id)
            ORDER BY u.since
            LIMIT %(most)s
            FOR UPDATE SKIP LOCKED
        )
        UPDATE answers_under_way u SET node_id = %(node)s, takes = u.takes + 1
        FROM left_behind l, messages m
        WHERE u.answer_id = l.answer_id AND m.id = u.answer_id
        RETURNING u.answer_id, u.user_id, m.conversation_id, u.takes, u.model, u.again
        """,
        {"node": node_id, "most": _AT_ONCE},
    )
    return [Taken(**row) for row in await cursor.fetchall()]


async def close_interrupted(conn: Connection, answer_id: MessageId | None = None) -> int:
    """Marks answers that nobody will end as failed, as system; how many. With `answer_id` that one,
    else those that no node has, such as a version of GovBot left that knew no nodes.
    """
    cursor = await conn.execute(
        """
        UPDATE messages m
        SET state = 'failed', error_code = 'E-INTERRUPTED', finished_at = now()
        WHERE m.state = 'running'
          AND CASE WHEN %(id)s::uuid IS NULL
                   THEN NOT EXISTS (SELECT FROM answers_under_way u WHERE u.answer_id = m.id)
                   ELSE m.id = %(id)s::uuid END
        """,
        {"id": answer_id},
    )
    if answer_id is not None:
        await conn.execute(
            "DELETE FROM answers_under_way WHERE answer_id = %(id)s", {"id": answer_id}
        )
    return cursor.rowcount
