"""People and groups as a form names them: what is offered, and who is meant by what was typed.

A group is written with "@" before its name, which no user name begins with.
"""

from __future__ import annotations

from dataclasses import dataclass

from govbot.auth import groups, users
from govbot.auth.groups import Connection
from govbot.auth.users import User
from govbot.documents.types import Principal
from govbot.errors import Invalid
from govbot.ids import GroupId
from govbot.web.i18n import _

GROUP_MARK = "@"
MOST = 5000


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the list: what is typed, and the words beside it."""

    value: str
    label: str
    group: bool = False


async def people(conn: Connection, *, without: frozenset[str] = frozenset()) -> list[Choice]:
    """The accounts that are not disabled, by user name, except `without`."""
    return [
        Choice(user.username, user.name)
        for user in await users.list_users(conn, limit=MOST)
        if user.disabled_at is None and user.username not in without
    ]


async def everyone(conn: Connection) -> list[Choice]:
    """Groups first, then people."""
    found = [
        Choice(GROUP_MARK + group.name, "", group=True) for group in await groups.list_groups(conn)
    ]
    return found + await people(conn)


async def person(conn: Connection, text: str) -> User:
    """The account with this user name, or the only one with this name. Raises Invalid."""
    wanted = text.strip().casefold()
    found = await users.list_users(conn, limit=MOST)
    named = [user for user in found if user.username == wanted] or [
        user for user in found if user.name.casefold() == wanted
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise Invalid(
            _("Several people are called “%(name)s”: use the user name."),
            code="E-WHO",
            name=text.strip(),
        )
    raise Invalid(_("There is nobody called “%(name)s”."), code="E-WHO", name=text.strip())


async def principal(conn: Connection, text: str) -> Principal:
    """The person or group that is meant. Raises Invalid."""
    wanted = text.strip()
    found = await groups.list_groups(conn)
    name = wanted.removeprefix(GROUP_MARK).strip().casefold()
    named = [group for group in found if group.name.casefold() == name]
    if wanted.startswith(GROUP_MARK):
        if not named:
            raise Invalid(_("There is no group called “%(name)s”."), code="E-WHO", name=wanted[1:])
        return Principal.group(GroupId(named[0].id))
    try:
        return Principal.user((await person(conn, wanted)).id)
    except Invalid:
        if len(named) == 1:
            return Principal.group(GroupId(named[0].id))
        raise
