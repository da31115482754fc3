"""People from a CSV file: looked at first, then created all at once. For administrators."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.datastructures import UploadFile

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.installation import roster
from govbot.web.admin_users import ROLES
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/usuarios/importar"
BODY_BYTES = 2 * roster.MAX_BYTES


async def form(visit: CurrentVisit) -> Response[str]:
    """How the file must look, and where to choose it."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return _page(visit, None)


async def preview(visit: CurrentVisit) -> Response[str]:
    """Shows what the file would make, with what is wrong row by row; makes nothing."""
    roles.require(roles.may_manage_accounts(visit.actor))
    file = (await visit.request.form()).get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid(_("Choose a file."), code="E-NO-FILE")
        text = roster.decoded(await file.read(roster.MAX_BYTES + 1))
        async with as_actor(visit.app.pool, visit.actor) as conn:
            rows = await roster.checked(conn, roster.parsed(text))
    except Invalid as error:
        return _page(visit, error)
    wrong = sum(row.error is not None for row in rows)
    return visit.page(
        "admin/import_preview.html",
        status=422 if wrong else 200,
        rows=rows,
        wrong=wrong,
        text="" if wrong else text,
        roles=ROLES,
        fresh=sorted({name for row in rows for name in row.new_groups}),
        sentence=visit.language.sentence,
    )


async def create(visit: CurrentVisit) -> Response[Any]:
    """Makes all accounts in one transaction, and shows their first passwords, this once."""
    roles.require(roles.may_manage_accounts(visit.actor))
    text = (await visit.form()).get("text", "").replace("\r\n", "\n")
    try:
        rows = roster.parsed(text[: roster.MAX_BYTES])
        first = await roster.sealed(rows)
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            made = await roster.create(conn, visit.actor, rows, first)
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.page("admin/imported.html", made=made)


def _page(visit: Visit, problem: GovBotError | None) -> Response[str]:
    return visit.page(
        "admin/import.html",
        status=problem.status if problem else 200,
        problem=visit.language.sentence(problem) if problem else "",
        most=roster.MAX_ROWS,
        ldap=bool(visit.app.settings.ldap.servers),
    )
