"""API keys on the pages: one's own, made and shown once; those of a person, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import api_keys, users
from govbot.auth.api_keys import ApiKey, Scope, Wish
from govbot.db.access import Role, as_actor
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import UserId
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/conta/chaves"
SCOPES: Mapping[Scope, str] = {
    Scope.SEARCH: _("Search passages"),
    Scope.ASK: _("Ask questions"),
    Scope.EMBED: _("Turn texts into vectors"),
    Scope.DOCUMENTS_READ: _("Read documents"),
    Scope.DOCUMENTS_WRITE: _("Send documents and move them to the trash"),
    Scope.DOCUMENTS_MANAGE: _("Describe, revoke and approve documents"),
    Scope.COLLECTIONS_WRITE: _("Make and change collections, and who has them"),
    Scope.CONVERSATIONS_READ: _("Read your conversations"),
    Scope.CONVERSATIONS_WRITE: _("Change and delete your conversations"),
    Scope.JOBS_READ: _("See the queue of documents"),
    Scope.JOBS_WRITE: _("Cancel and repeat the reading of documents"),
    Scope.PEOPLE_READ: _("See accounts and groups"),
    Scope.PEOPLE_WRITE: _("Change accounts and groups"),
    Scope.AUDIT_READ: _("Read the audit log"),
    Scope.STATUS_READ: _("See which models and parts run"),
}
# Scopes that open nothing for other roles.
ROLES: Mapping[Scope, frozenset[Role]] = {
    Scope.PEOPLE_READ: frozenset({Role.ADMIN}),
    Scope.PEOPLE_WRITE: frozenset({Role.ADMIN}),
    Scope.AUDIT_READ: frozenset({Role.ADMIN, Role.AUDITOR}),
    Scope.STATUS_READ: frozenset({Role.ADMIN}),
}
DAYS = (7, 30, 90, 180, 365)


async def listing(visit: CurrentVisit) -> Response[str]:
    """One's own keys, and the form for a new one."""
    return await _own_page(visit, {}, None)


async def create(visit: CurrentVisit) -> Response[str]:
    """Makes a key and shows it, this once."""
    form = await visit.request.form()
    name, days = str(form.get("name") or ""), str(form.get("days") or "")
    scopes = [str(each) for each in form.getall("scope", [])]
    addresses = str(form.get("addresses") or "")[:2000]
    typed = {"name": name, "scopes": scopes, "days": days, "addresses": addresses}
    try:
        wish = Wish(name, scopes, _days(days), addresses.replace(",", " ").split())
        if not visit.app.settings.api.enabled:
            raise NotFound
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            key, text = await api_keys.create(
                conn, visit.actor, wish, settings=visit.app.settings.api, by=visit.actor
            )
    except (Invalid, Conflict, Denied) as error:
        return await _own_page(visit, typed, error)
    return visit.page("account/key_made.html", key=key, text=text)


async def revoke(visit: CurrentVisit, key_id: FromPath[UUID]) -> Response[Any]:
    """Ends one of one's own keys."""
    await _revoke(visit, visit.actor.id, key_id)
    return visit.redirect(f"{PATH}?feito=revogada")


async def listing_of(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """The keys of a person."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        user = await users.get(conn, UserId(user_id))
        found = await api_keys.keys_of(conn, user.id)
    return visit.page("admin/keys.html", user=user, **_lists(visit, found))


async def revoke_of(
    visit: CurrentVisit, user_id: FromPath[UUID], key_id: FromPath[UUID]
) -> Response[Any]:
    """Ends a key of a person."""
    await _revoke(visit, UserId(user_id), key_id)
    return visit.redirect(f"/admin/usuarios/{user_id}/chaves?feito=revogada")


async def _revoke(visit: Visit, owner: UserId, key_id: UUID) -> None:
    """Raises NotFound when the owner has no such key."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        if (await api_keys.get(conn, key_id)).user_id != owner:
            raise NotFound
        await api_keys.revoke(conn, key_id, by=visit.actor)


async def _own_page(
    visit: Visit, typed: Mapping[str, object], problem: GovBotError | None
) -> Response[str]:
    settings = visit.app.settings.api
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await api_keys.keys_of(conn, visit.actor.id)
    most = settings.max_key_days
    days = [each for each in DAYS if each < most] + [most]
    return visit.page(
        "account/keys.html",
        status=problem.status if problem else 200,
        problem=visit.language.sentence(problem) if problem else "",
        allowed=settings.enabled and visit.actor.role.value in settings.roles,
        choices=[each for each in SCOPES if visit.actor.role in ROLES.get(each, frozenset(Role))],
        offered=days + ([0] if settings.keys_without_end else []),
        typed={
            "name": "",
            "scopes": [Scope.SEARCH, Scope.ASK, Scope.DOCUMENTS_READ],
            "days": str(min((each for each in days if each >= settings.key_days), default=most)),
            "addresses": "",
            **typed,
        },
        **_lists(visit, found),
    )


def _lists(visit: Visit, found: list[ApiKey]) -> dict[str, Any]:
    return {
        "keys": [key for key in found if key.in_force],
        "ended": [key for key in found if not key.in_force][:20],
        "scopes": SCOPES,
        "done": visit.request.query_params.get("feito", "") == "revogada",
    }


def _days(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise Invalid(_("Choose how long the key lives."), code="E-KEY-DAYS") from error
