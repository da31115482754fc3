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
from govbot.documents import collections, store
from govbot.documents.types import Collection, Document, Level, State
from govbot.errors import Conflict, Denied
from govbot.ids import CollectionId, DocumentId
from govbot.ingest import receive
from govbot.web import reasons
from govbot.web.i18n import _
from govbot.web.uploads import upload_limits
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/documentos"
PAGE = 50
UNDER_WAY = (State.QUEUED, State.EXTRACTING, State.EMBEDDING)
TRASH = "lixeira"

STATES: dict[State, str] = {
    State.QUEUED: _("Waiting"),
    State.EXTRACTING: _("Reading"),
    State.EMBEDDING: _("Indexing"),
    State.READY: _("Ready"),
    State.FAILED: _("Failed"),
    State.SUPERSEDED: _("Replaced"),
}
# The word in the address, what the filter is called, and the states it shows.
FILTERS: dict[str, tuple[str, tuple[State, ...]]] = {
    "": (_("All"), ()),
    "andamento": (_("In progress"), UNDER_WAY),
    "prontos": (_("Ready ones"), (State.READY,)),
    "falhas": (_("Failed ones"), (State.FAILED,)),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the visitor looks at; stands in the address of the page."""

    collection: UUID | None = None
    state: str = ""
    text: str = ""
    after: UUID | None = None

    def path(self, **changes: object) -> str:
        """The address with some parts changed; another filter starts on the first page."""
        values = {
            "colecao": self.collection,
            "estado": self.state,
            "q": self.text,
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
) -> Response[str]:
    """The documents that the visitor may read, the newest first."""
    known = estado in FILTERS or estado == TRASH
    query = Query(colecao, estado if known else "", q.strip(), depois)
    context = await _listing(visit, query)
    template = "documents/_list.html" if visit.wants_fragment else "documents/page.html"
    return visit.page(template, **context)


async def retry(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Processes a document that failed again."""
    await receive.retry(visit.app, visit.actor, DocumentId(document_id))
    return await _changed(visit)


async def delete_form(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    voltar: Annotated[str, QueryParameter(max_length=1000)] = PATH,
) -> Response[str]:
    """Asks before a document goes to the trash."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        document = await store.get_document(conn, DocumentId(document_id))
        shelves = await collections.list_collections(conn)
    if document.collection_key not in {shelf.key for shelf in _writable(shelves)}:
        raise Denied
    template = "documents/_delete.html" if visit.wants_fragment else "documents/delete.html"
    return visit.page(template, document=document, back=local_path(voltar, PATH))


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
        found = await store.list_documents(
            conn,
            collection_id,
            limit=PAGE + 1,
            after=DocumentId(query.after) if query.after else None,
            states=() if trashed else FILTERS[query.state][1],
            text=query.text,
            trashed=trashed,
        )
    writable = _writable(shelves)
    shown = found[:PAGE]
    return {
        "query": query,
        "documents": shown,
        "next": query.path(depois=shown[-1].id) if len(found) > PAGE else None,
        "shelves": shelves,
        "writable": writable,
        "target": _target(writable, query),
        "filters": _filters(query, counts, in_trash, bool(writable)),
        "under_way": sum(counts.get(state, 0) for state in UNDER_WAY),
        "total": sum(counts.values()),
        "failed": counts.get(State.FAILED, 0),
        "trashed": trashed,
        **upload_limits(visit.app.settings),
        **_helpers(visit, writable),
    }


def _filters(
    query: Query, counts: Mapping[State, int], in_trash: int, writes: bool
) -> list[tuple[str, str, int, bool]]:
    """Label, address, count and whether it is chosen. Who cannot write sees ready ones only."""
    found = []
    for word, (label, states) in FILTERS.items():
        number = sum(counts.get(state, 0) for state in states or counts)
        if writes or not word or word == query.state:
            found.append((label, query.path(estado=word), number, query.state == word))
    if in_trash or query.state == TRASH:
        chosen = query.state == TRASH
        found.append((_("Trash"), query.path(estado=TRASH), in_trash, chosen))
    return found


def _writable(shelves: Sequence[Collection]) -> list[Collection]:
    return [shelf for shelf in shelves if shelf.level in (Level.WRITE, Level.MANAGE)]


def _target(writable: list[Collection], query: Query) -> UUID | None:
    """The collection that an upload goes to unless another one is chosen."""
    for shelf in writable:
        if shelf.id == query.collection:
            return shelf.id
    return writable[0].id if len(writable) == 1 else None


def _helpers(visit: Visit, writable: list[Collection]) -> dict[str, Any]:
    keys = {shelf.key for shelf in writable}

    def may_change(document: Document) -> bool:
        return document.collection_key in keys

    def state_name(state: State) -> str:
        return visit.translate(STATES[state])

    def percent(document: Document) -> int:
        return round(100 * document.version.progress)

    return {
        "may_change": may_change,
        "state_name": state_name,
        "percent": percent,
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
        "size": _size(visit),
        "under_way_states": UNDER_WAY,
    }


def _size(visit: Visit) -> Any:
    """Writes a number of bytes as its reader expects it."""

    def size(count: int) -> str:
        value, unit = float(count), "B"
        for unit in ("B", "kB", "MB", "GB"):
            if value < 1000 or unit == "GB":
                break
            value /= 1000
        digits = 0 if value >= 10 or unit == "B" else 1
        return f"{visit.language.number(round(value, digits))} {unit}"

    return size
