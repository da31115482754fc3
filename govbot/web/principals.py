"""People and groups as a form names them: what is offered, and who is meant by what was typed.

A group is written with "@" before its name, which no user name begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from govbot.auth import groups, users
from govbot.auth.groups import Connection
from govbot.auth.users import User
from govbot.documents.types import Effect, Level, Principal
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who gets which level, or is denied it."""

    principal: Principal
    level: Level
    effect: Effect


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


async def chosen(conn: Connection, fields: Mapping[str, str]) -> Chosen:
    """What the form of a new grant, or of a changed one, says. Raises Invalid."""
    level, effect = fields.get("level", ""), fields.get("effect", "allow")
    if level not in list(Level) or effect not in ("allow", "deny"):
        raise Invalid(_("Choose what they may do."), code="E-LEVEL")
    who = fields.get("who", "").strip()[:300]
    found = _listed(fields) or await principal(conn, who)
    return Chosen(found, Level(level), cast("Effect", effect))


def row(fields: Mapping[str, str]) -> tuple[Principal, Effect]:
    """The row of a list of grants that a form is about. Raises Invalid."""
    found, effect = _listed(fields), fields.get("effect", "allow")
    if found is None or effect not in ("allow", "deny"):
        raise Invalid
    return found, cast("Effect", effect)


def _listed(fields: Mapping[str, str]) -> Principal | None:
    """The person or group of a row of the list; None when the form names nobody by id."""
    kind, value = fields.get("kind", ""), fields.get("id", "")
    if kind not in ("user", "group"):
        return None
    try:
        return Principal("user" if kind == "user" else "group", UUID(value))
    except ValueError as error:
        raise Invalid from error
