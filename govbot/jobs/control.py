"""Pause and resume: one row that the workers of all nodes obey before they take up a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from govbot import audit
from govbot.db.access import Actor, Role
from govbot.db.pool import Connection
from govbot.errors import Denied
from govbot.jobs.queue import wake


@dataclass(frozen=True, slots=True)
class Paused:
    """Since when the queue is paused, and who did it."""

    at: datetime
    by: str


async def paused(conn: Connection) -> Paused | None:
    """Whether the queue is paused."""
    cursor = await conn.execute(
        "SELECT paused_at, paused_by FROM queue_control WHERE paused_at IS NOT NULL"
    )
    row = await cursor.fetchone()
    return Paused(row["paused_at"], row["paused_by"]) if row else None


async def pause(conn: Connection, actor: Actor | None) -> bool:
    """No worker takes up a job from now on; what runs is finished. False when it was paused.

    It stays so after a restart. `actor` is None for the system; raises Denied for anyone else than
    an administrator.
    """
    _require_admin(actor)
    cursor = await conn.execute(
        """
        UPDATE queue_control SET paused_at = now(), paused_by = %(by)s
        WHERE paused_at IS NULL
        RETURNING paused_at
        """,
        {"by": actor.name if actor else ""},
    )
    if await cursor.fetchone() is None:
        return False
    await audit.record(conn, actor=actor, action="queue.paused")
    return True


async def resume(conn: Connection, actor: Actor | None) -> bool:
    """The workers of all nodes go on at once. False when it was not paused. Raises Denied."""
    _require_admin(actor)
    cursor = await conn.execute(
        """
        UPDATE queue_control SET paused_at = NULL, paused_by = ''
        WHERE paused_at IS NOT NULL
        RETURNING single
        """
    )
    if await cursor.fetchone() is None:
        return False
    await wake(conn)
    await audit.record(conn, actor=actor, action="queue.resumed")
    return True


def _require_admin(actor: Actor | None) -> None:
    if actor is not None and actor.role is not Role.ADMIN:
        raise Denied
