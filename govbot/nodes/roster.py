"""The table of nodes: each process that serves writes every second that it lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govbot import __version__
from govbot.db.pool import Connection
from govbot.ids import NodeId

LOCK: Final = 7178  # held with the node's number while it lives: migrations/sql/0034_nodes.sql
KEPT_HOURS: Final = 24  # a node that went without a word is shown for so long


@dataclass(frozen=True, slots=True)
class Listed:
    """A node as lists show it; `answers` are those that it writes now."""

    id: NodeId
    name: str
    version: str
    started_at: datetime
    seen_at: datetime
    lives: bool
    duties: Sequence[str]
    problem: str
    answers: int


async def enter(conn: Connection, node_id: NodeId, name: str) -> int:
    """Writes a node into the table, as system; its number. Forgets those long gone."""
    await conn.execute(
        "DELETE FROM nodes WHERE seen_at < clock_timestamp() - make_interval(hours => %(hours)s)",
        {"hours": KEPT_HOURS},
    )
    cursor = await conn.execute(
        """
        INSERT INTO nodes (id, name, version) VALUES (%(id)s, %(name)s, %(version)s)
        ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
        RETURNING number
        """,
        {"id": node_id, "name": name[:200], "version": __version__},
    )
    row = await cursor.fetchone()
    return int(row["number"]) if row else 0


async def beat(conn: Connection, node_id: NodeId, duties: Sequence[str], problem: str) -> bool:
    """Says that a node lives, as system; False when the table does not know it any more."""
    cursor = await conn.execute(
        """
        UPDATE nodes SET seen_at = clock_timestamp(), duties = %(duties)s::text[],
                         problem = %(problem)s
        WHERE id = %(id)s
        RETURNING id
        """,
        {"id": node_id, "duties": list(duties), "problem": problem},
    )
    return await cursor.fetchone() is not None


async def leave(conn: Connection, node_id: NodeId) -> None:
    """Takes a node out of the table, as system: others take up its answers at once."""
    await conn.execute("DELETE FROM nodes WHERE id = %(id)s", {"id": node_id})


async def others_live(conn: Connection, node_id: NodeId) -> bool:
    """Whether another node could take up what this one leaves, as system."""
    cursor = await conn.execute(
        """
        SELECT n.id FROM nodes n
        WHERE n.id <> %(id)s AND n.problem = '' AND govbot_node_lives(n.id)
        LIMIT 1
        """,
        {"id": node_id},
    )
    return await cursor.fetchone() is not None


async def listed(conn: Connection) -> list[Listed]:
    """All nodes of the last day, as system, the oldest first; a dead one that was started again
    under its name since is left out."""
    cursor = await conn.execute(
        """
        SELECT n.id, n.name, n.version, n.started_at, n.seen_at, n.lives,
               CASE WHEN n.lives THEN n.duties ELSE '{}' END AS duties, n.problem,
               (SELECT count(*) FROM answers_under_way u WHERE u.node_id = n.id) AS answers
        FROM (SELECT m.id, m.number, m.name, m.version, m.started_at, m.seen_at, m.duties,
                     m.problem, govbot_node_lives(m.id) AS lives
              FROM nodes m) n
        WHERE n.lives
           OR NOT EXISTS (SELECT FROM nodes s WHERE s.name = n.name AND s.number > n.number)
        ORDER BY n.started_at, n.id
        """
    )
    return [Listed(**row) for row in await cursor.fetchall()]
