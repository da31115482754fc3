"""On whose behalf a command asks: `--as USER`, or the operator at the server's command line."""

from __future__ import annotations

from govbot.auth import users
from govbot.db.access import OPERATOR, Actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied


async def acting(pool: Pool, username: str | None) -> Actor:
    """The actor with this user name, with exactly their rights; without one, the operator."""
    if username is None:
        return OPERATOR
    async with as_system(pool) as conn:
        user = await users.by_username(conn, username)
    if user.disabled_at is not None:
        raise Denied("The account %(username)s is disabled.", username=username)
    return users.actor_for(user)
