"""The documents page: what is there, how far it is, and what to do with what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery, QueryParameter

from govbot.db.access import as_actor
from govbot.documents import collections, detail, store
from govbot.documents.lives import Life, count_lives
from govbot.documents.rights import document_levels
from govbot.documents.types import Collection, Document, Level, State
from govbot.errors import Conflict, Denied, Invalid
from govbot.ids import CollectionId, DocumentId
from govbot.ingest import receive
from govbot.ingest.cancel import cancel as cancel_work
from govbot.ingest.retry import retry_failed
from govbot.web import document_words, reasons
from govbot.web.document import gone_in, hold_to_write, trash_days
from govbot.web.document_words import UNDER_WAY
from govbot.web.i18n import _
from govbot.web.uploads import upload_limits
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/documentos"
PAGE = 50
TRASH = "lixeira"

DONE = {"excluido": _("The document was deleted for good.")}
# The word in the address, what the filter is called, and the states it shows.
FILTERS: dict[str, tuple[str, tuple[State, ...]]] = {
    "": (_("All"), ()),
    "andamento": (_("In progress"), UNDER_WAY),
    "prontos": (_("Ready ones"), (State.READY,)),
    "falhas": (_("Failed ones"), (State.FAILED,)),
    "cancelados": (_("Cancelled ones"), (State.CANCELLED,)),
}
# The same for where documents are in their life; who only reads has no use for the first two.
LIVES: dict[str, tuple[str, Life]] = {
    "rascunhos": (_("Drafts"), Life.DRAFT),
    "revisao": (_("In review"), Life.IN_REVIEW),
    "encerrados": (_("Revoked or expired"), Life.ENDED),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the visitor looks at; stands in the address of the page."""

    collection: UUID | None = None
    state: str = ""
    text: str = ""
    after: UUID | None = None
    tag: str = ""

    def path(self, **changes: object) -> str:
        """The address with some parts changed; another filter starts on the first page."""
        values = {
            "colecao": self.collection,
            "estado": self.state,
            "q": self.text,
            "etiqueta": self.tag,
            "depois": None,
            **changes,
        }
        kept = {name: str(value) for name, value in values.items() if value}
        return PATH + (f"?{urlencode(kept)}" if kept else "")

    @property
    def here(self) -> str:
        """The address of this very page."""
        return self.path(depois=self.after)


async def listing(
    visit: CurrentVisit,
    colecao: FromQuery[UUID | None] = None,
    estado: Annotated[str, QueryParameter(max_length=20)] = "",
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    depois: FromQuery[UUID | None] = None,
    etiqueta: Annotated[str, QueryParameter(max_length=60)] = "",
    feito: Annotated[str, QueryParameter(max_length=20)] = "",
) -> Response[str]:
    """The documents that the visitor may read, the newest first."""
    known = estado in FILTERS or estado in LIVES or estado == TRASH
    query = Query(colecao, estado if known else "", q.strip(), depois, etiqueta.strip())
    context = await _listing(visit, query)
    context["done"] = visit.translate(DONE[feito]) if feito in DONE else ""
    template = "documents/_list.html" if visit.wants_fragment else "documents/page.html"
    return visit.page(template, **context)


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
            shelf = await collections.get_collection(conn, collection_id)
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
    trashed = query.state == TRASH
    async with as_actor(visit.app.pool, visit.actor) as conn:
        shelves = await collections.list_collections(conn)
        if collection_id is not None:
            await collections.get_collection(conn, collection_id)
        counts = await store.count_by_state(conn, collection_id)
        in_trash = await store.count_trashed(conn, collection_id)
        lives = await count_lives(conn, collection_id)
        # The fragment, asked for again and again, leaves the form of the page as it is.
        tags = [] if visit.wants_fragment else await detail.tags(conn, collection_id)
        found = await store.list_documents(
            conn,
            collection_id,
            limit=PAGE + 1,
            after=DocumentId(query.after) if query.after else None,
            states=FILTERS[query.state][1] if query.state in FILTERS else (),
            life=LIVES[query.state][1] if query.state in LIVES else None,
            text=query.text,
            tag=query.tag,
            trashed=trashed,
        )
        shown = found[:PAGE]
        levels = await document_levels(conn, [document.id for document in shown])
    writable = _writable(shelves)
    return {
        "query": query,
        "documents": shown,
        "next": query.path(depois=shown[-1].id) if len(found) > PAGE else None,
        "shelves": shelves,
        "writable": writable,
        "target": _target(writable, query),
        "filters": _filters(query, counts, lives, in_trash, bool(writable)),
        "tags": tags,
        "under_way": sum(counts.get(state, 0) for state in UNDER_WAY),
        "total": sum(counts.values()),
        "failed": counts.get(State.FAILED, 0),
        "trashed": trashed,
        "trash_days": trash_days(visit),
        **upload_limits(visit.app.settings),
        **_helpers(visit, levels),
    }


def _filters(
    query: Query,
    counts: Mapping[State, int],
    lives: Mapping[Life, int],
    in_trash: int,
    writes: bool,
) -> list[tuple[str, str, int, bool]]:
    """Label, address, count and whether it is chosen.

    Who cannot write sees all documents and those that ended. What is rare shows only when there
    is some.
    """
    found = []
    for word, (label, states) in FILTERS.items():
        number = sum(counts.get(state, 0) for state in states or counts)
        rare = word == "cancelados" and not number
        if (writes and not rare) or not word or word == query.state:
            found.append((label, query.path(estado=word), number, query.state == word))
    for word, (label, life) in LIVES.items():
        number = lives[life]
        shown = number and (writes or life is Life.ENDED)
        if shown or word == query.state:
            found.append((label, query.path(estado=word), number, query.state == word))
    if in_trash or query.state == TRASH:
        chosen = query.state == TRASH
        found.append((_("Trash"), query.path(estado=TRASH), in_trash, chosen))
    return found


def _writable(shelves: Sequence[Collection]) -> list[Collection]:
    return [shelf for shelf in shelves if document_words.writes(shelf.level)]


def _target(writable: list[Collection], query: Query) -> UUID | None:
    """The collection that an upload goes to unless another one is chosen."""
    for shelf in writable:
        if shelf.id == query.collection:
            return shelf.id
    return writable[0].id if len(writable) == 1 else None


def _helpers(visit: Visit, levels: Mapping[DocumentId, Level]) -> dict[str, Any]:
    def may_change(document: Document) -> bool:
        return document_words.writes(levels.get(document.id))

    def badges(document: Document) -> list[document_words.Badge]:
        return document_words.badges(visit, document, writes=may_change(document))

    return {
        "may_change": may_change,
        "badges_of": badges,
        "gone_in": lambda document: gone_in(visit, document),
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
        **document_words.helpers(visit),
    }
