"""Sharing a conversation to read only: the form, what one shared oneself, what others open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.chat import sharing, store
from govbot.chat.sharing import Opened, Share, Wish
from govbot.chat.store import Citation, Message
from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents.types import Principal
from govbot.errors import Conflict, Invalid
from govbot.ids import ConversationId
from govbot.web import doubts, errors, markdown, principals, standing
from govbot.web.conversation_list import sidebar
from govbot.web.dates import day_of
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

FIELDS: Final = 4  # for names; more go into a group
OFFERED: Final = 500  # names that the browser completes
_COMMAS = re.compile(r"[,;\n]")
DONE = {
    "atualizado": _("What was said since is shared now, too."),
    "retirado": _("The sharing was withdrawn: the link opens nothing any more."),
}


async def form(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """Asks with whom, until when and under which title; lists what is shared of it already."""
    return await _form(visit, ConversationId(conversation_id), {})


async def create(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Shares what was said so far."""
    fields, found = await visit.form(), ConversationId(conversation_id)
    names = [str(value) for value in (await visit.request.form()).getall("who", [])]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await store.get_conversation(conn, found)
            wish = await _wish(conn, fields, names)
            made = await sharing.share(conn, visit.actor, found, wish)
    except (Invalid, Conflict) as error:
        problem = visit.language.sentence(error)
        return await _form(visit, found, fields, names=names, problem=problem)
    return visit.redirect(f"/compartilhadas?novo={made.id}")


async def listing(
    visit: CurrentVisit, novo: FromQuery[UUID | None] = None, feito: FromQuery[str] = ""
) -> Response[str]:
    """What the visitor shared: the links, with whom, until when. `novo` was made just now."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        shares = await sharing.own_shares(conn, visit.actor)
    return visit.page(
        "chat/shares.html",
        shares=shares,
        new=next((each for each in shares if each.id == novo and not each.over), None),
        said=visit.translate(DONE[feito]) if feito in DONE else "",
        address=lambda share: _address(visit, share),
        **await sidebar(visit),
    )


async def renew(visit: CurrentVisit, share_id: FromPath[UUID]) -> Response[Any]:
    """Shares what was said since, too."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sharing.renew(conn, visit.actor, share_id)
    return visit.redirect("/compartilhadas?feito=atualizado")


async def withdraw(visit: CurrentVisit, share_id: FromPath[UUID]) -> Response[Any]:
    """Closes a share for good."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await sharing.withdraw(conn, visit.actor, share_id)
    return visit.redirect("/compartilhadas?feito=retirado")


async def read(visit: CurrentVisit, link: FromPath[str]) -> Response[str]:
    """What is behind a link, as far as the reader's own rights reach."""
    opened = await opened_by(visit, link)
    response = visit.page(
        "chat/shared.html", opened=opened, link=link, **_helpers(visit), **await sidebar(visit)
    )
    # The address opens a conversation: it is nobody's to pass on but the reader's.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def opened_by(visit: Visit, link: str) -> Opened:
    """The share behind a link, read in one transaction; NotFound."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        return await sharing.open_share(conn, visit.actor, link[:64])


async def _form(
    visit: Visit,
    conversation_id: ConversationId,
    fields: Mapping[str, str],
    *,
    names: list[str] | None = None,
    problem: str = "",
) -> Response[str]:
    today = date.today()
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, conversation_id)
        shares = await sharing.own_shares(conn, visit.actor, conversation_id)
        offered = await principals.everyone(conn)
    return visit.page(
        "chat/share.html",
        status=422 if problem else 200,
        item=conversation,
        shares=[each for each in shares if not each.over],
        offered=offered[:OFFERED],
        fields=fields,
        names=[*(names or []), *[""] * FIELDS][:FIELDS],
        problem=problem,
        first_day=today,
        usual_day=today + timedelta(days=sharing.USUAL_DAYS),
        last_day=sharing.last_day(today),
        **await sidebar(visit),
    )


async def _wish(conn: Connection, fields: Mapping[str, str], names: list[str]) -> Wish:
    """What the form asks for. Raises Invalid."""
    until = day_of(fields.get("until", ""))
    if until is None:
        raise Invalid(_("Choose a last day."), code="E-SHARE")
    readers: list[Principal] = []
    if fields.get("with") == "named":
        typed = [name.strip() for text in names for name in _COMMAS.split(text[:2000])]
        for name in filter(None, typed[: sharing.MOST_READERS + 1]):
            readers.append(await principals.principal(conn, name))
        if not readers:
            raise Invalid(_("Name at least one person or group."), code="E-SHARE")
    elif fields.get("with") != "everyone":
        raise Invalid(_("Choose who may open it."), code="E-SHARE")
    return Wish(fields.get("title", "")[:200], until, readers)


def _address(visit: Visit, share: Share) -> str:
    """The whole address, to be passed on."""
    base = visit.app.settings.web.base_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return f"{base}/compartilhada/{share.link}"


def _helpers(visit: Visit) -> dict[str, Any]:
    """Sources lead to the document's page under the reader's own rights, unmarked."""

    def path(citation: Citation) -> str:
        return f"/documentos/{citation.version_id}/pagina/{citation.page_from}"

    def body(answer: Message) -> str:
        links = {c.number: (path(c), c.title or c.filename) for c in answer.citations}
        html = markdown.to_html(doubts.annotated(answer), links)
        return doubts.placed(html, doubts.doubts_of(answer, visit.translate))

    return {
        "answer_html": body,
        "doubts_of": lambda answer: doubts.doubts_of(answer, visit.translate),
        "error_sentence": lambda code: visit.language.gettext(errors.describe(code)),
        "source_path": path,
        "standing": lambda citation: standing.words(visit, citation),
    }
