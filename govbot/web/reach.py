"""What one person can see: collections and documents, each with the rule that gives it."""

from __future__ import annotations

from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.documents.reach import MOST, reach
from govbot.ids import UserId
from govbot.web import access_words
from govbot.web.visit import CurrentVisit, Visit


async def of_person(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """What a person can see, for administrators."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return await _page(visit, UserId(user_id), f"/admin/usuarios/{user_id}")


async def own(visit: CurrentVisit) -> Response[str]:
    """What the visitor can see, and why."""
    return await _page(visit, visit.actor.id, "/conta")


async def _page(visit: Visit, user_id: UserId, back: str) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await reach(conn, visit.actor, user_id)
    return visit.page(
        "access/reach.html",
        reach=found,
        back=back,
        own=user_id == visit.actor.id,
        most=MOST,
        **access_words.helpers(visit),
    )
