"""Whom a grant given on the command line is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govbot.db.pool import Connection
    from govbot.documents.types import Level, Principal


async def principal_of(conn: Connection, user: str | None, group: str | None) -> Principal:
    """The user or the group with this name. Raises NotFound, Invalid unless one is named."""
    from govbot.auth import groups, users
    from govbot.documents.types import Principal
    from govbot.errors import Invalid

    if (user is None) == (group is None):
        raise Invalid("Name one user (--user) or one group (--group).")
    if user is not None:
        return Principal.user((await users.by_username(conn, user)).id)
    return Principal.group((await groups.by_name(conn, group or "")).id)


def level_of(text: str) -> Level:
    """Raises Invalid for a word that is no level."""
    from govbot.documents.types import Level
    from govbot.errors import Invalid

    if text not in list(Level):
        raise Invalid("A level is read, write or manage.")
    return Level(text)
