"""Files sent by the browser: each is taken in for itself, so that a bad one harms no other.

The multipart parser keeps up to 1 MB of a file in memory and the rest in a temporary file; from
there it is copied in blocks to the store of originals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery

from govbot.config import Settings
from govbot.db.access import as_actor
from govbot.documents import collections, store
from govbot.documents.types import Collection, Document, Level
from govbot.errors import BadDocument, Busy, Conflict, Invalid, TooLarge, Unavailable
from govbot.ids import CollectionId, DocumentId
from govbot.ingest.receive import receive
from govbot.ingest.revise import revisable
from govbot.ingest.revise import revise as new_version
from govbot.web import rates
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

BLOCK = 1 << 20
FORM_BYTES = 1_000_000  # room for the other fields and the names of the files
MAX_FILES = 200
KINDS = (
    ".pdf,.docx,.docm,.odt,.rtf,.doc,.pptx,.pptm,.ppsx,.xlsx,.xlsm,.ods,.csv,.tsv,"
    ".html,.htm,.xhtml,.eml,.txt,.md,.markdown"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: the document it is now, or the sentence that says why not."""

    filename: str
    document: Document | None = None
    duplicate: bool = False
    problem: str = ""
    code: str = ""


def body_limit(settings: Settings) -> int:
    """How many bytes one upload may have, form included."""
    return settings.web.max_upload_mb * 1_000_000 + FORM_BYTES


def upload_limits(settings: Settings) -> dict[str, Any]:
    """What the form says about files."""
    most = min(settings.web.max_upload_mb, settings.ingest.max_file_mb)
    return {"kinds": KINDS, "max_mb": most, "max_bytes": most * 1_000_000}


async def form(visit: CurrentVisit, colecao: FromQuery[UUID | None] = None) -> Response[str]:
    """The form on a page of its own."""
    return visit.page("documents/upload.html", **await _form_context(visit, colecao))


async def upload(visit: CurrentVisit) -> Response[Any]:
    """Takes in the files of the form and says what became of each."""
    fields = await visit.request.form()
    collection = await _collection(visit, fields.get("colecao"))
    files = [
        item
        for item in fields.getall("arquivos", [])
        if isinstance(item, UploadFile) and item.filename
    ]
    if not files:
        raise Invalid(_("Choose at least one file."), code="E-NO-FILE")
    if len(files) > MAX_FILES:
        raise TooLarge(_("Send at most %(most)s files at a time."), most=MAX_FILES)
    outcomes = [await _take_in(visit, collection, item) for item in files]
    if visit.wants_fragment:
        return visit.page("documents/_outcomes.html", outcomes=outcomes)
    return visit.page("documents/uploaded.html", outcomes=outcomes, collection=collection)


async def revise(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Takes in one file as the next version of a document."""
    async with as_actor(visit.app.pool, visit.actor) as conn:  # before the form tells anything
        await revisable(conn, visit.actor, DocumentId(document_id))
    fields = await visit.request.form()
    file = fields.get("arquivo")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid(_("Choose a file."), code="E-NO-FILE")
    await rates.count_upload(visit.app, visit.actor)
    received = await new_version(
        visit.app,
        visit.actor,
        DocumentId(document_id),
        filename=file.filename,
        stream=_blocks(file),
    )
    done = "igual" if received.duplicate else "versao"
    return visit.redirect(f"/documentos/{received.document_id}?feito={done}")


async def _form_context(visit: Visit, chosen: UUID | None) -> dict[str, Any]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        shelves = await collections.list_shelves(conn)
    writable = [shelf for shelf in shelves if shelf.level in (Level.WRITE, Level.MANAGE)]
    return {"writable": writable, "target": chosen, **upload_limits(visit.app.settings)}


async def _collection(visit: Visit, value: object) -> Collection:
    """Raises Invalid without a choice, NotFound when the visitor may not see it."""
    try:
        collection_id = CollectionId(UUID(str(value or "")))
    except ValueError as error:
        raise Invalid(_("Choose the collection."), code="E-NO-COLLECTION") from error
    async with as_actor(visit.app.pool, visit.actor) as conn:
        return await collections.get_shelf(conn, collection_id)


async def _take_in(visit: Visit, collection: Collection, file: UploadFile) -> Outcome:
    try:
        await rates.count_upload(visit.app, visit.actor)
        received = await receive(
            visit.app,
            visit.actor,
            collection_id=collection.id,
            filename=file.filename,
            source="upload",
            stream=_blocks(file),
        )
        async with as_actor(visit.app.pool, visit.actor) as conn:
            document = await store.get_document(conn, received.document_id)
    except (BadDocument, Busy, TooLarge, Conflict, Unavailable) as error:
        problem = visit.language.sentence(error)
        return Outcome(file.filename, problem=problem, code=error.error_code)
    return Outcome(file.filename, document, received.duplicate)


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(BLOCK):
        yield block
