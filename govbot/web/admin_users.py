"""Accounts: who may sign in, with which role. For administrators."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import passwords, roles, sessions, totp, users
from govbot.auth.roles import Role
from govbot.auth.users import User
from govbot.db.access import as_actor, as_system
from govbot.documents.types import Secrecy
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import UserId
from govbot.web import access_words
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/usuarios"
PAGE = 50

ROLES: dict[Role, tuple[str, str]] = {
    Role.USER: (_("User"), _("asks, and reads what the collections allow")),
    Role.CURATOR: (_("Curator"), _("also creates collections and looks after them")),
    Role.AUDITOR: (_("Auditor"), _("also reads the audit log")),
    Role.ADMIN: (_("Administrator"), _("manages everything: people, collections, audit log")),
}


async def listing(
    visit: CurrentVisit,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    depois: Annotated[str, QueryParameter(max_length=64)] = "",
) -> Response[str]:
    """The accounts, by user name."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await users.list_users(conn, limit=PAGE + 1, after=depois, text=q)
    shown = found[:PAGE]
    return visit.page(
        "admin/_users.html" if visit.wants_fragment else "admin/users.html",
        users=shown,
        query=q.strip(),
        after=depois,
        more=shown[-1].username if len(found) > PAGE else "",
        roles=ROLES,
    )


async def create_form(visit: CurrentVisit) -> Response[str]:
    """The form for a new account."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return _create_page(visit, "", "", Role.USER, None)


async def create(visit: CurrentVisit) -> Response[Any]:
    """Creates an account and shows its first password, this once."""
    roles.require(roles.may_manage_accounts(visit.actor))
    fields = await visit.form()
    username, name = fields.get("username", "").strip()[:64], fields.get("name", "").strip()[:200]
    role = _role(fields.get("role"))
    password = passwords.generate_password()
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            user_id = await users.create_user(
                conn,
                username=username,
                name=name,
                password=password,
                role=role,
                must_change_password=True,
                by=visit.actor,
            )
            user = await users.get(conn, user_id)
    except (Invalid, Conflict) as error:
        return _create_page(visit, username, name, role, error)
    return visit.page("admin/password.html", user=user, password=password, created=True)


async def show(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """One account."""
    user = await _user(visit, user_id)
    async with as_system(visit.app.pool) as conn:
        factor = await totp.enrolment(conn, user.id)
        places = await sessions.list_sessions(conn, user.id, visit.app.settings.auth)
    return visit.page(
        "admin/user.html",
        user=user,
        factor=factor,
        sessions=places,
        roles=ROLES,
        own=user.id == visit.actor.id,
        degrees=list(Secrecy),
        **access_words.helpers(visit),
    )


async def set_role(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Gives an account another role."""
    role = _role((await visit.form()).get("role"))
    user = await _other(visit, user_id)
    if role is not user.role:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await users.set_role(conn, user.id, role, by=visit.actor)
    return visit.redirect(f"{PATH}/{user_id}?feito=papel")


async def set_clearance(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Says up to which secrecy a person may see documents."""
    value = (await visit.form()).get("clearance", "")
    user = await _other(visit, user_id)
    if value not in {str(each.value) for each in Secrecy}:
        raise Invalid(_("Choose a clearance."), code="E-CLEARANCE")
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await users.set_clearance(conn, user.id, int(value), by=visit.actor)
    return visit.redirect(f"{PATH}/{user_id}?feito=credencial")


async def set_disabled(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Closes an account, or opens it again."""
    disabled = (await visit.form()).get("disabled") == "true"
    user = await _other(visit, user_id)
    if disabled != (user.disabled_at is not None):
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await users.set_disabled(conn, user.id, disabled=disabled, by=visit.actor)
    return visit.redirect(f"{PATH}/{user_id}?feito=situacao")


async def new_password(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """Gives an account a generated password and shows it, this once."""
    user = await _other(visit, user_id)
    if user.source != "local":
        raise Conflict(_("The password of this account is kept elsewhere: change it there."))
    password = passwords.generate_password()
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await users.set_password(conn, user.id, password, must_change=True, by=visit.actor)
    return visit.page("admin/password.html", user=user, password=password, created=False)


async def end_sessions(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Signs an account out everywhere."""
    user = await _other(visit, user_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sessions.end_sessions(conn, user.id, by=visit.actor)
    return visit.redirect(f"{PATH}/{user_id}?feito=sessoes")


async def reset_factor(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Takes the second factor of an account away, which signs it out everywhere."""
    user = await _other(visit, user_id)
    async with as_system(visit.app.pool) as conn:
        await totp.remove(conn, user.id, by=visit.actor)
    return visit.redirect(f"{PATH}/{user_id}?feito=fator")


async def _user(visit: Visit, user_id: UUID) -> User:
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        return await users.get(conn, UserId(user_id))


async def _other(visit: Visit, user_id: UUID) -> User:
    """The account, which is not the visitor's own: so one administrator always remains."""
    user = await _user(visit, user_id)
    if user.id == visit.actor.id:
        raise Conflict(_("Ask another administrator to change your own account."))
    return user


def _role(value: str | None) -> Role:
    try:
        return Role(value or "")
    except ValueError as error:
        raise Invalid(_("Choose a role."), code="E-ROLE") from error


def _create_page(
    visit: Visit, username: str, name: str, role: Role, problem: GovBotError | None
) -> Response[str]:
    return visit.page(
        "admin/user_create.html",
        status=problem.status if problem else 200,
        username=username,
        name=name,
        role=role,
        roles=ROLES,
        problem=visit.language.sentence(problem) if problem else "",
    )
