"""Accounts and groups in the API, for administrators. A key changes no account of an administrator
or auditor, nor its own: who holds one cannot rise by it, or shut the others out."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET

from govbot.auth import groups, passwords, users
from govbot.auth.groups import Group
from govbot.auth.users import User
from govbot.db.access import Role, as_actor
from govbot.db.pool import Connection
from govbot.errors import Denied
from govbot.ids import GroupId, UserId
from govbot.web.api_admin_types import (
    GroupItem,
    GroupPage,
    MadeUser,
    NewGroup,
    NewUser,
    UserChange,
    UserItem,
    UserPage,
)
from govbot.web.api_call import (
    PAGE,
    Call,
    CurrentCall,
    Cursor,
    Limit,
    bad_cursor,
    cursor_of,
    place_of,
    words,
)
from govbot.web.i18n import _

CHANGEABLE = (Role.USER, Role.CURATOR)


async def list_users(
    call: CurrentCall,
    text: Annotated[str, QueryParameter(max_length=200, description="Part of a name.")] = "",
    cursor: Cursor = "",
    limit: Limit = PAGE,
) -> UserPage:
    """The accounts, by user name."""
    after = _name_of(cursor, "user")
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await users.list_users(conn, limit=limit + 1, after=after, text=words(text))
    shown = found[:limit]
    more = cursor_of(f"user {shown[-1].username}") if len(found) > limit else None
    return UserPage([_user(each) for each in shown], more)


async def get_user(call: CurrentCall, user_id: FromPath[UUID]) -> UserItem:
    """One account."""
    async with as_actor(call.app.pool, call.actor) as conn:
        return _user(await users.get(conn, UserId(user_id)))


async def create_user(call: CurrentCall, data: JSONBody[NewUser]) -> Response[MadeUser]:
    """Makes an account and tells its first password, this once. A user name that is taken is a
    conflict."""
    password = passwords.generate_password()
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        made = await users.create_user(
            conn, username=words(data.username), name=words(data.name), password=password,
            role=Role(data.role), must_change_password=True, by=call.actor,
        )  # fmt: skip
        user = await users.get(conn, made)
    item = MadeUser(**_fields(user), password=password)
    return Response(item, status_code=201, headers={"Location": f"/api/v1/users/{made}"})


async def change_user(
    call: CurrentCall, user_id: FromPath[UUID], data: JSONBody[UserChange]
) -> UserItem:
    """Gives an account another role or clearance, closes it or opens it again."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        user = await _changeable(conn, call, UserId(user_id))
        if data.role is not UNSET and data.role != user.role.value:
            await users.set_role(conn, user.id, Role(data.role), by=call.actor)
        if data.clearance is not UNSET and data.clearance != user.clearance:
            await users.set_clearance(conn, user.id, data.clearance, by=call.actor)
        if data.disabled is not UNSET and data.disabled != (user.disabled_at is not None):
            await users.set_disabled(conn, user.id, disabled=data.disabled, by=call.actor)
        return _user(await users.get(conn, user.id))


async def list_groups(call: CurrentCall, cursor: Cursor = "", limit: Limit = PAGE) -> GroupPage:
    """The groups, by name."""
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await groups.list_groups(conn)
    start = 0
    if after := _name_of(cursor, "group"):
        start = next((n for n, each in enumerate(found, 1) if str(each.id) == after), 0)
        if not start:
            raise bad_cursor()
    shown = found[start : start + limit]
    more = cursor_of(f"group {shown[-1].id}") if start + limit < len(found) else None
    return GroupPage([_group(each) for each in shown], more)


async def get_group(call: CurrentCall, group_id: FromPath[UUID]) -> GroupItem:
    """A group with its members."""
    async with as_actor(call.app.pool, call.actor) as conn:
        return _group(await groups.get(conn, GroupId(group_id)))


async def create_group(call: CurrentCall, data: JSONBody[NewGroup]) -> Response[GroupItem]:
    """Makes a group without members. A name that is taken is a conflict."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        made = await groups.create_group(conn, words(data.name), by=call.actor)
        item = _group(await groups.get(conn, made))
    return Response(item, status_code=201, headers={"Location": f"/api/v1/groups/{made}"})


async def delete_group(call: CurrentCall, group_id: FromPath[UUID]) -> None:
    """Deletes a group with its grants; its members stay."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await groups.delete_group(conn, GroupId(group_id), by=call.actor)


async def add_member(
    call: CurrentCall, group_id: FromPath[UUID], user_id: FromPath[UUID]
) -> GroupItem:
    """Puts a person into a group; a second time does nothing."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        group = await groups.get(conn, GroupId(group_id))
        user = await users.get(conn, UserId(user_id))
        if user.username not in group.members:
            await groups.add_member(conn, group.id, user.id, by=call.actor)
        return _group(await groups.get(conn, group.id))


async def remove_member(
    call: CurrentCall, group_id: FromPath[UUID], user_id: FromPath[UUID]
) -> None:
    """Takes a person out of a group."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        group = await groups.get(conn, GroupId(group_id))
        await groups.remove_member(conn, group.id, UserId(user_id), by=call.actor)


async def _changeable(conn: Connection, call: Call, user_id: UserId) -> User:
    """Raises NotFound, or Denied E-API-ACCOUNT for an account that no key changes."""
    user = await users.get(conn, user_id)
    if user.role not in CHANGEABLE or user.id == call.actor.id:
        raise Denied(
            _("Accounts of administrators and auditors are changed on the pages alone."),
            code="E-API-ACCOUNT",
        )
    return user


def _name_of(cursor: str, kind: str) -> str:
    """The place that a cursor of this kind of list stands for; "" without one."""
    if not cursor:
        return ""
    found, _space, name = place_of(cursor).partition(" ")
    if found != kind or not name or "\x00" in name:
        raise bad_cursor()
    return name


def _user(user: User) -> UserItem:
    return UserItem(**_fields(user))


def _fields(user: User) -> dict[str, Any]:
    same = ("id", "username", "name", "email", "source", "clearance", "created_at", "disabled_at")
    return {
        **{name: getattr(user, name) for name in same},
        "role": user.role.value,
        "groups": list(user.groups),
    }


def _group(group: Group) -> GroupItem:
    return GroupItem(group.id, group.name, list(group.members))
