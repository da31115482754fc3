"""The sessions of one's own account: where it is signed in, and ending that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import sessions
from govbot.auth.attempts import TooManyAttempts
from govbot.auth.sessions import Method
from govbot.db.access import as_actor
from govbot.errors import GovBotError, Invalid
from govbot.web.account import asks_again, confirm_password, own_session
from govbot.web.i18n import _
from govbot.web.sign_in import waiting
from govbot.web.user_agent import describe
from govbot.web.visit import CurrentVisit, Visit

PATH = "/conta/sessoes"
METHODS: dict[Method, str] = {
    Method.PASSWORD: _("Password"),
    Method.LDAP: _("Password of the network"),
    Method.OIDC: _("Identity provider"),
    Method.PROXY: _("Sign-in of the network"),
}


async def listing(visit: CurrentVisit) -> Response[str]:
    """Where one is signed in."""
    return await _page(visit, None)


async def end(visit: CurrentVisit, session_id: FromPath[UUID]) -> Response[Any]:
    """Ends one of one's sessions."""
    try:
        await _confirm(visit)
    except (Invalid, TooManyAttempts) as error:
        return await _page(visit, error)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sessions.end_session(conn, visit.actor.id, session_id, by=visit.actor)
    return visit.redirect(f"{PATH}?feito=encerrada")


async def end_others(visit: CurrentVisit) -> Response[Any]:
    """Ends all of one's sessions but this one."""
    here = own_session(visit).id
    try:
        await _confirm(visit)
    except (Invalid, TooManyAttempts) as error:
        return await _page(visit, error)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sessions.end_sessions(conn, visit.actor.id, but=here, by=visit.actor)
    return visit.redirect(f"{PATH}?feito=encerradas")


async def _confirm(visit: Visit) -> None:
    """Who finds a browser unlocked does not end its owner's other sessions."""
    if asks_again(own_session(visit)):
        await confirm_password(visit, (await visit.form()).get("password", ""))


async def _page(visit: Visit, problem: GovBotError | None) -> Response[str]:
    session = own_session(visit)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await sessions.list_sessions(conn, visit.actor.id, visit.app.settings.auth)
    return visit.page(
        "account/sessions.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        sessions=found,
        here=session.id,
        methods=METHODS,
        describe=describe,
        asks_password=asks_again(session),
        problem=visit.language.sentence(problem) if problem else "",
    )
