"""Where the rights of an actor end: the few writes that an act needs but its actor may not make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Denied
from govbot.ids import UserId


@asynccontextmanager
async def acting(
    pool: Pool, actor: Actor | None, *, write: bool = False
) -> AsyncIterator[Connection]:
    """A transaction of the actor, or of the system when there is none."""
    if actor is None:
        async with as_system(pool) as conn:
            yield conn
    else:
        async with as_actor(pool, actor, write=write) as conn:
            yield conn


@asynccontextmanager
async def system_rights(conn: Connection) -> AsyncIterator[None]:
    """The block runs as the system inside the caller's transaction.

    Call it only after a statement that row-level security let through for the actor. When the
    block raises, the transaction is lost and the actor is not set back.
    """
    cursor = await conn.execute("SELECT current_setting('govbot.actor', true) AS actor")
    row = await cursor.fetchone()
    await conn.execute("SELECT set_config('govbot.actor', 'system', true)")
    yield
    await conn.execute(
        "SELECT set_config('govbot.actor', %(actor)s, true)",
        {"actor": (row["actor"] if row else None) or ""},
    )


def account_of(actor: Actor | None) -> UserId | None:
    """The account behind an act; the system and the operator have none."""
    return None if actor is None or actor is OPERATOR else actor.id


async def manages(conn: Connection, collection_key: int) -> bool:
    """Whether the actor of the transaction manages the collection; the system manages all."""
    cursor = await conn.execute(
        """
        SELECT govbot_is_system()
               OR %(key)s IN (SELECT govbot_managed_collections()) AS manages
        """,
        {"key": collection_key},
    )
    row = await cursor.fetchone()
    return bool(row and row["manages"])


async def require_manager(conn: Connection, collection_key: int) -> None:
    """Raises Denied for who does not manage the collection."""
    if not await manages(conn, collection_key):
        raise Denied("This is for those who manage the collection.")
