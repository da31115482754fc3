"""Permissions at a glance: people or groups against collections. For administrators."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response
from litestar.params import QueryParameter

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.documents.matrix import matrix
from govbot.web import access_words
from govbot.web.visit import CurrentVisit

PATH = "/admin/permissoes"
MAX_PAGE = 400


async def show(
    visit: CurrentVisit,
    tipo: Annotated[str, QueryParameter(max_length=10)] = "",
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    colecao: Annotated[str, QueryParameter(max_length=200)] = "",
    pagina: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 1,
    coluna: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 1,
) -> Response[str]:
    """One page of the table; `tipo=grupos` shows groups instead of people."""
    roles.require(roles.may_manage_accounts(visit.actor))
    groups = tipo == "grupos"
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await matrix(
            conn,
            "group" if groups else "user",
            who=q,
            collection=colecao,
            row_page=pagina,
            column_page=coluna,
        )
    chosen: dict[str, Any] = {
        "tipo": "grupos" if groups else "",
        "q": q.strip(),
        "colecao": colecao.strip(),
        "pagina": pagina,
        "coluna": coluna,
    }

    def address(**changes: object) -> str:
        values = {name: value for name, value in {**chosen, **changes}.items() if value}
        values = {name: value for name, value in values.items() if value != 1}
        return PATH + (f"?{urlencode(values)}" if values else "")

    return visit.page(
        "admin/permissions.html",
        matrix=found,
        groups=groups,
        address=address,
        **chosen,
        **access_words.helpers(visit),
    )
