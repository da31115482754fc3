"""The sessions of one's own account: where it is signed in, and ending that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import sessions
from govbot.auth.sessions import Method
from govbot.db.access import as_actor
from govbot.web.account import own_session
from govbot.web.i18n import _
from govbot.web.user_agent import describe
from govbot.web.visit import CurrentVisit

PATH = "/conta/sessoes"
METHODS: dict[Method, str] = {
    Method.PASSWORD: _("Password"),
    Method.LDAP: _("Password of the network"),
    Method.OIDC: _("Identity provider"),
    Method.PROXY: _("Sign-in of the network"),
}


async def listing(visit: CurrentVisit) -> Response[str]:
    """Where one is signed in."""
    session = own_session(visit)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await sessions.list_sessions(conn, visit.actor.id, visit.app.settings.auth)
    return visit.page(
        "account/sessions.html",
        sessions=found,
        here=session.id,
        methods=METHODS,
        describe=describe,
    )


async def end(visit: CurrentVisit, session_id: FromPath[UUID]) -> Response[Any]:
    """Ends one of one's sessions."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sessions.end_session(conn, visit.actor.id, session_id, by=visit.actor)
    return visit.redirect(f"{PATH}?feito=encerrada")


async def end_others(visit: CurrentVisit) -> Response[Any]:
    """Ends all of one's sessions but this one."""
    session = own_session(visit)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sessions.end_sessions(conn, visit.actor.id, but=session.id, by=visit.actor)
    return visit.redirect(f"{PATH}?feito=encerradas")
