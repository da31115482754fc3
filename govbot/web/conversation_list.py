"""One's own conversations: the list at the side, and the page that keeps many of them in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery, QueryParameter

from govbot.chat import conversations, recall, store
from govbot.chat.conversations import Conversation
from govbot.db.access import as_actor
from govbot.documents import attached, disposal
from govbot.errors import Invalid, NotFound
from govbot.ids import ConversationId
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PAGE = 40
DONE = {
    "arquivadas": _("The conversations were archived."),
    "restauradas": _("The conversations are back in the list."),
    "excluidas": _("The conversations were deleted for good."),
}


async def listing(
    visit: CurrentVisit,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    before: FromQuery[datetime | None] = None,
    arquivadas: FromQuery[bool] = False,
    feito: FromQuery[str] = "",
    n: Annotated[int, QueryParameter(ge=0, le=conversations.MOST_AT_ONCE)] = 0,
) -> Response[str]:
    """One's own conversations; `before` pages on, `q` gives those found, `arquivadas` the archive.

    A fragment is the list at the side; a page has a box before each, to act on several at once.
    """
    if visit.wants_fragment:
        context = await sidebar(visit, q, before)
        template = "chat/_conversations_more.html" if before else "chat/_conversations.html"
        return visit.page(template, **context)
    side = await sidebar(visit, q)
    if q.strip():
        items = [item for _label, group in side["groups"] for item in group]
        table: dict[str, Any] = {"items": items, "archive": False, "older": None}
    else:
        table = await _table(visit, before, archive=arquivadas)
    said = visit.translate(DONE[feito]) if feito in DONE else ""
    return visit.page("chat/list.html", **table, **side, said=said, count=n)


async def act(visit: CurrentVisit) -> Response[Any]:
    """Archives, brings back or deletes the chosen conversations; asks before it deletes."""
    fields = await visit.form()
    chosen = await _chosen(visit)
    wanted = fields.get("act", "")
    if wanted == "delete":
        return await _confirm(visit, chosen)
    originals: list[str] = []
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        if wanted == "delete-now":
            originals = await attached.originals_of(conn, chosen)
            count = await conversations.delete_many(conn, visit.actor, chosen)
            done = "excluidas"
        elif wanted in ("archive", "restore"):
            count = await conversations.set_archived(conn, chosen, wanted == "archive")
            done = "arquivadas" if wanted == "archive" else "restauradas"
        else:
            raise Invalid
    await disposal.remove_originals(visit.app.pool, visit.app.files, originals)
    place = "arquivadas=1&" if fields.get("archive") == "1" else ""
    return visit.redirect(f"/conversas?{place}feito={done}&n={count}")


async def pin(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Pins a conversation to the top of the list, or lets it go."""
    on = (await visit.form()).get("on", "1") == "1"
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await conversations.set_pinned(conn, ConversationId(conversation_id), on)
    return await _list_again(visit, f"/conversas/{conversation_id}")


async def archive(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Puts a conversation into the archive, or back into the list."""
    on = (await visit.form()).get("on", "1") == "1"
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        conversation = await store.get_conversation(conn, found)
        await conversations.set_archived(conn, [found], on)
    done = "arquivadas" if on else "restauradas"
    place = f"/conversas?feito={done}&n=1"
    return await _list_again(visit, place, archived=conversation if on else None)


async def leave(
    visit: CurrentVisit, conversation_id: FromPath[UUID], aberta: FromQuery[datetime | None] = None
) -> Response[Any]:
    """The page of a temporary conversation, opened at `aberta`, was left: it is deleted soon."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.get_conversation(conn, found)
        await conversations.left(conn, found, aberta)
    return visit.done("/")


async def options(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """What can be done with a conversation."""
    return await _conversation_form(
        visit, conversation_id, "chat/_options.html", "chat/options.html"
    )


async def title_form(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """The form that renames a conversation."""
    return await _conversation_form(visit, conversation_id, "chat/_rename.html", "chat/rename.html")


async def rename(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Gives a conversation another title."""
    title = await visit.field("title", max_length=200)
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.rename(conn, visit.actor, found, title)
        conversation = await store.get_conversation(conn, found)
    if visit.wants_fragment:
        return visit.page("chat/_renamed.html", item=conversation)
    return visit.redirect(f"/conversas/{conversation_id}")


async def delete_form(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """Asks before a conversation is deleted."""
    return await _conversation_form(visit, conversation_id, "chat/_delete.html", "chat/delete.html")


async def delete(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a conversation with all that is in it."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        originals = await attached.originals_of(conn, [found])
        await store.delete(conn, visit.actor, found)
    await disposal.remove_originals(visit.app.pool, visit.app.files, originals)
    return visit.redirect("/")


async def sidebar(visit: Visit, query: str = "", before: datetime | None = None) -> dict[str, Any]:
    """What the list at the side shows: the pinned ones, then the others by day."""
    if query.strip():
        return await _found(visit, query)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        pinned = await conversations.pinned(conn) if before is None else []
        recent = await conversations.recent(conn, limit=PAGE + 1, before=before)
    shown = recent[:PAGE]
    groups = visit.language.by_day((item.updated_at, item) for item in shown)
    if pinned:
        groups.insert(0, (visit.translate("Pinned"), pinned))
    return {
        "groups": groups,
        "query": query,
        "more": shown[-1].updated_at if len(recent) > PAGE else None,
    }


async def _found(visit: Visit, query: str) -> dict[str, Any]:
    """What of one's own conversations holds the words, by day, then what is about the same."""
    found = await recall.search(visit.app, visit.actor, query, limit=PAGE)
    visit.app.answers.remember(visit.actor)
    groups = visit.language.by_day((each.updated_at, each) for each in found if not each.similar)
    similar = [each for each in found if each.similar]
    if similar:
        groups.append((visit.translate("About something similar"), similar))
    return {"groups": groups, "query": query, "more": None}


async def _table(visit: Visit, before: datetime | None, *, archive: bool) -> dict[str, Any]:
    """What the page shows: one list, the pinned ones first."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        listed = conversations.archived if archive else conversations.recent
        found = await listed(conn, limit=PAGE + 1, before=before)
        first = [] if archive or before else await conversations.pinned(conn)
    shown = found[:PAGE]
    older = shown[-1].updated_at if len(found) > PAGE else None
    return {"items": [*first, *shown], "archive": archive, "older": older}


async def _chosen(visit: Visit) -> list[ConversationId]:
    """The ids of the boxes that are ticked. Raises Invalid when none or too many are."""
    form = await visit.request.form()
    try:
        chosen = [ConversationId(UUID(str(value))) for value in form.getall("id", [])]
    except ValueError as error:
        raise Invalid from error
    if not chosen:
        raise Invalid(_("Choose at least one conversation."), code="E-CHOOSE")
    if len(chosen) > conversations.MOST_AT_ONCE:
        raise Invalid(
            _("Choose at most %(most)s conversations at once."),
            code="E-CHOOSE",
            most=conversations.MOST_AT_ONCE,
        )
    return chosen


async def _confirm(visit: Visit, chosen: list[ConversationId]) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        items = await conversations.named(conn, chosen)
    if not items:
        raise NotFound
    archive = (await visit.form()).get("archive") == "1"
    return visit.page("chat/delete_many.html", items=items, archive=archive, **await sidebar(visit))


async def _list_again(
    visit: Visit, place: str, *, archived: Conversation | None = None
) -> Response[Any]:
    """The list at the side after a change of it, with a way back from the archive; without htmx,
    the page at `place`."""
    if not visit.wants_fragment:
        return visit.redirect(place)
    # The list marks the conversation that the page shows.
    shown = urlsplit(visit.request.headers.get("hx-current-url", "")).path
    return visit.page(
        "chat/_listed_again.html", archived=archived, path=shown, **await sidebar(visit)
    )


async def _conversation_form(
    visit: Visit, conversation_id: UUID, fragment: str, page: str
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, ConversationId(conversation_id))
    if visit.wants_fragment:
        return visit.page(fragment, item=conversation)
    return visit.page(page, item=conversation, **await sidebar(visit))
