"""Announcements: written by administrators, shown at the top of the pages, put away by readers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.errors import GovBotError, Invalid
from govbot.installation import announcements
from govbot.installation.announcements import Announcement, Wish
from govbot.web.admin_users import ROLES
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/admin/avisos"
DAYS = 7  # how long a new one is shown, unless somebody says otherwise
SEVERITIES = {
    "info": _("Information"),
    "warning": _("Attention"),
    "danger": _("Urgent"),
}
STATES = {"planned": _("Planned"), "shown": _("Being shown"), "over": _("Over")}


async def listing(visit: CurrentVisit) -> Response[str]:
    """All announcements, and the form for a new one."""
    return await _page(visit)


async def publish(visit: CurrentVisit) -> Response[Any]:
    """Writes a new announcement."""
    roles.require(roles.may_manage_accounts(visit.actor))
    typed = await _typed(visit)
    try:
        wish = _wish(typed)
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await announcements.publish(conn, visit.actor, wish)
    except Invalid as error:
        return await _page(visit, typed=typed, problem=error)
    return visit.redirect(f"{PATH}?feito=publicado")


async def form(visit: CurrentVisit, announcement_id: FromPath[UUID]) -> Response[str]:
    """One announcement, to be changed."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await announcements.get(conn, announcement_id)
    return _form_page(visit, announcement_id, _typed_of(found), None)


async def change(visit: CurrentVisit, announcement_id: FromPath[UUID]) -> Response[Any]:
    """Changes an announcement."""
    roles.require(roles.may_manage_accounts(visit.actor))
    typed = await _typed(visit)
    try:
        wish = _wish(typed)
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await announcements.change(conn, visit.actor, announcement_id, wish)
    except Invalid as error:
        return _form_page(visit, announcement_id, typed, error)
    return visit.redirect(f"{PATH}?feito=mudado")


async def delete(visit: CurrentVisit, announcement_id: FromPath[UUID]) -> Response[Any]:
    """Takes an announcement away for everybody."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await announcements.delete(conn, visit.actor, announcement_id)
    return visit.redirect(f"{PATH}?feito=excluido")


async def dismiss(visit: CurrentVisit, announcement_id: FromPath[UUID]) -> Response[Any]:
    """Puts an announcement away, for the reader alone."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await announcements.dismiss(conn, visit.actor, announcement_id)
    if visit.wants_fragment:
        return Response("", status_code=200, media_type="text/html")
    return visit.redirect(local_path((await visit.form()).get("back")))


async def _page(
    visit: Visit, *, typed: dict[str, Any] | None = None, problem: GovBotError | None = None
) -> Response[str]:
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await announcements.all_of(conn)
    now = datetime.now(UTC)
    return visit.page(
        "admin/announcements.html",
        status=problem.status if problem else 200,
        announcements=found,
        states=STATES,
        state=lambda each: each.state(now),
        done=visit.request.query_params.get("feito", ""),
        **_form_context(visit, typed or _blank(), problem),
    )


def _form_page(
    visit: Visit, announcement_id: UUID, typed: dict[str, Any], problem: GovBotError | None
) -> Response[str]:
    return visit.page(
        "admin/announcement.html",
        status=problem.status if problem else 200,
        announcement_id=announcement_id,
        **_form_context(visit, typed, problem),
    )


def _form_context(
    visit: Visit, typed: dict[str, Any], problem: GovBotError | None
) -> dict[str, Any]:
    return {
        "typed": typed,
        "severities": SEVERITIES,
        "roles": ROLES,
        "most": announcements.MAX_TEXT,
        "problem": visit.language.sentence(problem) if problem else "",
    }


def _blank() -> dict[str, Any]:
    now = datetime.now().astimezone()
    return {
        "text_pt": "",
        "text_en": "",
        "severity": "info",
        "roles": [],
        "dismissible": True,
        "since": _local(now),
        "until": _local(now + timedelta(days=DAYS)),
    }


def _typed_of(found: Announcement) -> dict[str, Any]:
    return {
        "text_pt": found.text_pt,
        "text_en": found.text_en,
        "severity": found.severity,
        "roles": list(found.roles),
        "dismissible": found.dismissible,
        "since": _local(found.since),
        "until": _local(found.until) if found.until else "",
    }


async def _typed(visit: Visit) -> dict[str, Any]:
    form = await visit.request.form()
    texts = ("text_pt", "text_en", "severity", "since", "until")
    typed: dict[str, Any] = {
        name: str(form.get(name) or "").replace("\r\n", "\n").strip()[:2000] for name in texts
    }
    typed["roles"] = [str(each) for each in form.getall("role", [])]
    typed["dismissible"] = form.get("dismissible") == "1"
    return typed


def _wish(typed: dict[str, Any]) -> Wish:
    """Raises Invalid for moments that are none."""
    since = _moment(typed["since"]) if typed["since"] else datetime.now(UTC)
    until = _moment(typed["until"]) if typed["until"] else None
    return Wish(
        typed["text_pt"],
        typed["text_en"],
        typed["severity"],
        typed["roles"],
        typed["dismissible"],
        since,
        until,
    )


def _moment(text: str) -> datetime:
    """A moment as the browser's field writes it, in the time zone of the server."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(_("Write day and hour."), code="E-ANNOUNCEMENT") from error


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M")
