"""The documents page: what is there, how far it is, and what to do with what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.db.access import as_actor
from govbot.documents import collections, listing, store
from govbot.documents.listing import MOST_COUNTED, Counts
from govbot.documents.lives import Life
from govbot.documents.rights import document_levels
from govbot.documents.sight import sight
from govbot.documents.suggestions import suggestions
from govbot.documents.types import Collection, Document, Level, Secrecy, State
from govbot.errors import Conflict, Denied, Invalid
from govbot.ids import CollectionId, DocumentId
from govbot.ingest import receive
from govbot.ingest.cancel import cancel as cancel_work
from govbot.ingest.retry import retry_failed
from govbot.web import access_words, bulk_words, document_words, reasons
from govbot.web.document import gone_in, hold_to_write, trash_days
from govbot.web.document_query import (
    FILTERS,
    LIVES,
    OWN,
    PATH,
    PERSONAL,
    SORTS,
    TRASH,
    Query,
    chosen,
    kinds_of,
    query_of,
)
from govbot.web.document_words import UNDER_WAY
from govbot.web.i18n import _
from govbot.web.uploads import upload_limits
from govbot.web.visit import CurrentVisit, Visit, local_path

PAGE = 25

DONE = {"excluido": _("The document was deleted for good.")}


async def index(visit: CurrentVisit) -> Response[str]:
    """The documents that the visitor may read, the newest first unless they chose otherwise."""
    query = query_of(visit.request.query_params)
    context = await _listing(visit, query)
    context["done"] = _done(visit)
    if not visit.wants_fragment:
        return visit.page("documents/page.html", **context)
    # The form asks with its empty fields, too: the address keeps what is chosen.
    asked = visit.request.headers.get("hx-trigger") == "finder"
    headers = {"HX-Push-Url": query.here} if asked else {}
    return visit.page("documents/_list.html", headers=headers, **context)


async def retry(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Processes a document that failed, or was cancelled, again."""
    await receive.retry(visit.app, visit.actor, DocumentId(document_id))
    return await _changed(visit)


async def retry_all(visit: CurrentVisit) -> Response[Any]:
    """Processes all that failed and that the visitor may change again, or that of a collection."""
    chosen = (await visit.form()).get("colecao", "")
    try:
        collection_id = CollectionId(UUID(chosen)) if chosen else None
    except ValueError as error:
        raise Invalid from error
    if collection_id is not None:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            shelf = await collections.get_shelf(conn, collection_id)
        if not document_words.writes(shelf.level):
            raise Denied
    await retry_failed(visit.app, visit.actor, collection_id)
    return await _changed(visit)


async def cancel(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Ends the processing of a document, which can be tried again."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        held = await hold_to_write(conn, DocumentId(document_id))
    await cancel_work(visit.app, visit.actor, held.document.version.id)
    return await _changed(visit)


async def delete_form(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    voltar: Annotated[str, QueryParameter(max_length=1000)] = PATH,
) -> Response[str]:
    """Asks before a document goes to the trash."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        document = (await hold_to_write(conn, DocumentId(document_id))).document
    template = "documents/_delete.html" if visit.wants_fragment else "documents/delete.html"
    days = trash_days(visit)
    return visit.page(template, document=document, back=local_path(voltar, PATH), days=days)


async def delete(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Moves a document to the trash."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.trash_document(conn, visit.actor, DocumentId(document_id))
    return await _changed(visit)


async def restore(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Takes a document out of the trash."""
    try:
        await receive.restore(visit.app, visit.actor, DocumentId(document_id))
    except Conflict as error:
        raise Conflict(
            _("Another document has this name now. Move that one to the trash first.")
        ) from error
    return await _changed(visit)


async def _changed(visit: Visit) -> Response[Any]:
    """Back to the list as it was; with htmx the list is told to renew itself."""
    back = local_path((await visit.form()).get("back"), PATH)
    response = visit.done(back)
    response.headers["HX-Trigger"] = "documents-changed"
    return response


async def _listing(visit: Visit, query: Query) -> dict[str, Any]:
    collection_id = CollectionId(query.collection) if query.collection else None
    wanted = query.filter(visit)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        shelves = await collections.list_shelves(conn)
        if collection_id is not None:
            await collections.get_shelf(conn, collection_id)
        seen = await sight(conn)
        counts = await listing.counts(conn, collection_id, totals=not query.narrowed, seen=seen)
        found = await suggestions(conn, collection_id, seen=seen)
        first = query.narrowed and query.after is None  # counted with the page itself
        page = await listing.find_page(
            conn, wanted, sort=query.order, after=query.place, size=PAGE, count=first, seen=seen
        )
        shown = await listing.load(conn, page.ids)
        levels = await document_levels(conn, [document.id for document in shown])
    live = [document.id for document in shown if document.version.state in UNDER_WAY]
    writable = _writable(shelves)
    may_write = bool(writable) or any(map(document_words.writes, levels.values()))
    return {
        "query": query,
        "documents": shown,
        "next": query.path(depois=page.ids[-1]) if page.more else None,
        "shelves": shelves,
        "writable": writable,
        "target": _target(writable, query),
        "tags": found.tags,
        "senders": [each for each in found.senders if each[0] != visit.actor.id],
        "norm_kinds": kinds_of(visit, query, found),
        "chosen": chosen(visit, query, shelves, found),
        "matching": page.matching if first else _matching(query, counts),
        "may_write": may_write,
        "live": live,
        "events": events_path(query, live, may_write=may_write),
        "bulk_acts": bulk_words.offered(visit, trashed=query.trashed),
        **figures(visit, query, counts, may_write=may_write),
        **choices(),
        **upload_limits(visit.app.settings),
        **row_helpers(visit, query, levels),
    }


def events_path(query: Query, ids: Sequence[DocumentId], *, may_write: bool) -> str:
    """Where a list hears of changes to these of its rows."""
    ticks = [("marcas", "1")] if may_write else []
    words = [*query.values().items(), *ticks, *(("d", str(each)) for each in ids)]
    return f"{PATH}/eventos?{urlencode(words)}"


def figures(visit: Visit, query: Query, counts: Counts, *, may_write: bool) -> dict[str, Any]:
    """What the head of the list says: the filters by state with their counts."""
    return {
        "filters": _filters(query, counts, may_write),
        "under_way": counts.under_way,
        "failed": counts.states[State.FAILED],
        "counted": lambda number: document_words.bounded(visit, number, MOST_COUNTED),
    }


def choices() -> dict[str, Any]:
    """What the form of filters offers beside what the documents hold."""
    return {
        "sorts": {word: label for word, (label, _sort) in SORTS.items()},
        "personal_choices": {word: label for word, (label, _kind) in PERSONAL.items()},
        "secrecies": [(int(each), access_words.SECRECY[each]) for each in Secrecy],
        "own": OWN,
    }


def _matching(query: Query, counts: Counts) -> int | None:
    """How many documents a list holds on all its pages, as far as the counts know it."""
    if query.narrowed:
        return None
    if query.state in LIVES:
        return counts.lives[LIVES[query.state][1]]
    if query.trashed:
        return counts.trashed
    states = FILTERS[query.state][1]
    return sum(counts.states[state] for state in states) if states else counts.all


def _filters(query: Query, counts: Counts, writes: bool) -> list[tuple[str, str, int | None, bool]]:
    """Label, address, count (None beside other filters) and whether it is chosen.

    Who cannot write sees all documents and those that ended. What is rare shows only when there
    is some.
    """
    found: list[tuple[str, str, int | None, bool]] = []

    def add(word: str, label: str, number: int) -> None:
        shown = None if query.narrowed else number
        found.append((label, query.path(estado=word), shown, query.state == word))

    for word, (label, states) in FILTERS.items():
        number = sum(counts.states[state] for state in states) if states else counts.all
        rare = word == "cancelados" and not number
        if (writes and not rare) or not word or word == query.state:
            add(word, label, number)
    for word, (label, life) in LIVES.items():
        number = counts.lives[life]
        shown = number and (writes or life is Life.ENDED)
        if shown or word == query.state:
            add(word, label, number)
    if counts.trashed or query.trashed:
        add(TRASH, _("Trash"), counts.trashed)
    return found


def _done(visit: Visit) -> str:
    params = visit.request.query_params
    done = params.get("feito")
    if done in DONE:
        return visit.translate(DONE[done])
    return bulk_words.told(visit, params.get("lote", ""))


def _writable(shelves: Sequence[Collection]) -> list[Collection]:
    return [shelf for shelf in shelves if document_words.writes(shelf.level)]


def _target(writable: list[Collection], query: Query) -> UUID | None:
    """The collection that an upload goes to unless another one is chosen."""
    for shelf in writable:
        if shelf.id == query.collection:
            return shelf.id
    return writable[0].id if len(writable) == 1 else None


def row_helpers(visit: Visit, query: Query, levels: Mapping[DocumentId, Level]) -> dict[str, Any]:
    """What the template of a row calls."""

    def may_change(document: Document) -> bool:
        return document_words.writes(levels.get(document.id))

    def badges(document: Document) -> list[document_words.Badge]:
        return document_words.badges(visit, document, writes=may_change(document))

    return {
        "query": query,
        "trashed": query.trashed,
        "trash_days": trash_days(visit),
        "may_change": may_change,
        "badges_of": badges,
        "gone_in": lambda document: gone_in(visit, document),
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
        **document_words.helpers(visit),
    }
