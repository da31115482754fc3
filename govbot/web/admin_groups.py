"""Groups of people, which collections give access to. For administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import groups, roles, users
from govbot.db.access import as_actor
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import GroupId, UserId
from govbot.web import principals
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/grupos"


async def listing(visit: CurrentVisit) -> Response[str]:
    """The groups, with a form for a new one."""
    return await _list(visit)


async def create(visit: CurrentVisit) -> Response[Any]:
    """Creates a group without members."""
    roles.require(roles.may_manage_accounts(visit.actor))
    name = (await visit.form()).get("name", "")[:300]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            group_id = await groups.create_group(conn, name, by=visit.actor)
    except (Invalid, Conflict) as error:
        return await _list(visit, name, error)
    return visit.redirect(f"{PATH}/{group_id}")


async def show(visit: CurrentVisit, group_id: FromPath[UUID]) -> Response[str]:
    """A group with its members."""
    return await _page(visit, GroupId(group_id))


async def add_member(visit: CurrentVisit, group_id: FromPath[UUID]) -> Response[Any]:
    """Puts a person into a group."""
    roles.require(roles.may_manage_accounts(visit.actor))
    found = GroupId(group_id)
    who = (await visit.form()).get("who", "").strip()[:300]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            group = await groups.get(conn, found)
            user = await principals.person(conn, who)
            if user.username not in group.members:
                await groups.add_member(conn, found, user.id, by=visit.actor)
    except Invalid as error:
        return await _page(visit, found, who, error)
    return await _changed(visit, found)


async def remove_member(
    visit: CurrentVisit, group_id: FromPath[UUID], user_id: FromPath[UUID]
) -> Response[Any]:
    """Takes a person out of a group."""
    roles.require(roles.may_manage_accounts(visit.actor))
    found = GroupId(group_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await groups.remove_member(conn, found, UserId(user_id), by=visit.actor)
    return await _changed(visit, found)


async def delete_form(visit: CurrentVisit, group_id: FromPath[UUID]) -> Response[str]:
    """Asks before a group is deleted."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        group = await groups.get(conn, GroupId(group_id))
    template = "admin/_group_delete.html" if visit.wants_fragment else "admin/group_delete.html"
    return visit.page(template, group=group)


async def delete(visit: CurrentVisit, group_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a group; its members lose what it gave them."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await groups.delete_group(conn, GroupId(group_id), by=visit.actor)
    return visit.redirect(f"{PATH}?feito=excluido")


async def _list(visit: Visit, name: str = "", problem: GovBotError | None = None) -> Response[str]:
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await groups.list_groups(conn)
    return visit.page(
        "admin/groups.html",
        status=problem.status if problem else 200,
        groups=found,
        name=name,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def _page(
    visit: Visit, group_id: GroupId, who: str = "", problem: GovBotError | None = None
) -> Response[str]:
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        group = await groups.get(conn, group_id)
        members = [await users.by_username(conn, username) for username in group.members]
        offered = await principals.people(conn, without=frozenset(group.members))
    return visit.page(
        "admin/_members.html" if visit.wants_fragment else "admin/group.html",
        status=problem.status if problem and not visit.wants_fragment else 200,
        group=group,
        members=members,
        offered=offered,
        who=who,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def _changed(visit: Visit, group_id: GroupId) -> Response[Any]:
    if visit.wants_fragment:
        return await _page(visit, group_id)
    return visit.redirect(f"{PATH}/{group_id}#membros")
