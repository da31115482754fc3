"""The watched folders: how each one does, what was refused and why, a look on demand."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response
from litestar.params import QueryParameter

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.documents import folders
from govbot.errors import NotFound
from govbot.web import reasons
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/admin/pastas"
PAGE = 50
TROUBLES = {
    "E-FOLDER": _("It cannot be read: missing, not mounted or not permitted. Nothing is deleted."),
    "E-FOLDER-EMPTY": _("It is suddenly empty. Nothing is deleted, as it may be a lost mount."),
}


async def listing(
    visit: CurrentVisit,
    pasta: Annotated[str, QueryParameter(max_length=4096)] = "",
    depois: Annotated[str, QueryParameter(max_length=1000)] = "",
) -> Response[str]:
    """The folders; with `pasta` the refused files of one of them, those after `depois`."""
    template = "admin/_folders.html" if visit.wants_fragment else "admin/folders.html"
    return visit.page(template, **await _folders(visit, pasta, depois))


async def look(visit: CurrentVisit) -> Response[Any]:
    """Asks for a look at one folder now. Raises NotFound for one that is not watched."""
    roles.require(roles.may_manage_accounts(visit.actor))
    path = await visit.field("path", max_length=4096)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        if not await folders.ask_look(conn, path):
            raise NotFound
    response = visit.done(local_path((await visit.form()).get("back"), PATH))
    response.headers["HX-Trigger"] = "folders-changed"
    return response


async def _folders(visit: Visit, chosen: str, after: str) -> dict[str, Any]:
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await folders.list_folders(conn)
        folder = next((each for each in found if each.path == chosen), None)
        refused = await folders.list_refused(conn, chosen, limit=PAGE + 1, after=after)
    shown = refused[:PAGE] if folder else []
    return {
        "folders": found,
        "chosen": folder,
        "refused": shown,
        "next": _address(chosen, shown[-1].place) if len(refused) > PAGE and shown else None,
        "first": _address(chosen) if after else None,
        "here": _address(chosen, after),
        "address": _address,
        "trouble": lambda code: visit.translate(TROUBLES.get(code, TROUBLES["E-FOLDER"])),
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
    }


def _address(folder: str, after: str = "") -> str:
    values = {"pasta": folder, "depois": after}
    kept = {name: value for name, value in values.items() if value}
    return PATH + (f"?{urlencode(kept)}" if kept else "")
