"""All API keys of the installation: whose, for what, last used when; ended here. For admins."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import api_keys, roles
from govbot.db.access import as_actor
from govbot.web.account_keys import SCOPES
from govbot.web.visit import CurrentVisit

PATH = "/admin/chaves"
PAGE = 50


async def listing(
    visit: CurrentVisit,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    pagina: Annotated[int, QueryParameter(ge=1, le=1000)] = 1,
) -> Response[str]:
    """The keys in force, the latest used first; `q` is looked for in owner and name."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await api_keys.in_force(
            conn, text=q.strip(), limit=PAGE + 1, skip=(pagina - 1) * PAGE
        )
    return visit.page(
        "admin/all_keys.html",
        keys=found[:PAGE],
        more=len(found) > PAGE,
        page=pagina,
        query=q.strip(),
        scopes=SCOPES,
        done=visit.request.query_params.get("feito", "") == "revogada",
    )


async def revoke(visit: CurrentVisit, key_id: FromPath[UUID]) -> Response[Any]:
    """Ends a key at once."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await api_keys.revoke(conn, key_id, by=visit.actor)
    return visit.redirect(f"{PATH}?feito=revogada")
