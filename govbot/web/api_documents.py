"""Collections and documents in the API: the functions of the pages, answered in JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, MultipartBody, PathParameter, QueryParameter
from litestar.response import File

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import collections, store
from govbot.documents.types import Collection, Document, State, Version
from govbot.errors import NotFound
from govbot.ids import CollectionId, DocumentId
from govbot.ingest.receive import Received, receive
from govbot.web import rates, viewer
from govbot.web.api_call import (
    PAGE,
    Call,
    CurrentCall,
    Cursor,
    Limit,
    bad_cursor,
    cursor_of,
    place_of,
    uuid_of,
    words,
)
from govbot.web.api_types import (
    CollectionItem,
    CollectionPage,
    DocumentDetail,
    DocumentItem,
    DocumentPage,
    PageText,
    Upload,
    VersionItem,
)
from govbot.web.viewer_open import record_opened

BLOCK = 1 << 20

VersionNumber = Annotated[
    int | None,
    QueryParameter(
        name="version",
        ge=1,
        le=1_000_000,
        description="Number of the version; the newest that was read when left out.",
    ),
]


@dataclass
class UploadForm:
    """A file for a collection."""

    collection_id: UUID
    file: UploadFile


async def list_collections(
    call: CurrentCall, cursor: Cursor = "", limit: Limit = PAGE
) -> CollectionPage:
    """The collections that may be read, by name."""
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await collections.list_collections(conn)
    start = 0
    if cursor:
        after = place_of(cursor)
        start = next((n for n, shelf in enumerate(found, 1) if str(shelf.id) == after), 0)
        if not start:
            raise bad_cursor()
    shown = found[start : start + limit]
    more = cursor_of(str(shown[-1].id)) if start + limit < len(found) else None
    return CollectionPage([collection_item(shelf) for shelf in shown], more)


async def get_collection(call: CurrentCall, collection_id: FromPath[UUID]) -> CollectionItem:
    """One collection."""
    async with as_actor(call.app.pool, call.actor) as conn:
        return collection_item(await collections.get_collection(conn, CollectionId(collection_id)))


async def list_documents(
    call: CurrentCall,
    collection_id: FromQuery[UUID | None] = None,
    state_: Annotated[
        State | None, QueryParameter(name="state", description="State of the newest version.")
    ] = None,
    text: Annotated[
        str, QueryParameter(max_length=200, description="Part of the file name or title.")
    ] = "",
    tag: Annotated[str, QueryParameter(max_length=60)] = "",
    trashed: Annotated[bool, QueryParameter(description="List the trash instead.")] = False,
    cursor: Cursor = "",
    limit: Limit = PAGE,
) -> DocumentPage:
    """The documents that may be read, the newest first. An unknown collection holds none."""
    after = uuid_of(cursor)
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await store.list_documents(
            conn,
            CollectionId(collection_id) if collection_id else None,
            limit=limit + 1,
            after=DocumentId(after) if after else None,
            states=(state_,) if state_ else (),
            text=words(text),
            tag=words(tag),
            trashed=trashed,
        )
    shown = found[:limit]
    more = cursor_of(str(shown[-1].id)) if len(found) > limit else None
    return DocumentPage([document_item(each) for each in shown], more)


async def get_document(call: CurrentCall, document_id: FromPath[UUID]) -> DocumentDetail:
    """One document with its versions, the newest first."""
    return await detail_of(call, document_id)


async def upload_form(call: CurrentCall, data: MultipartBody[UploadForm]) -> Response[Upload]:
    """Takes in a file, sent as a form. It is then read in the background: 202, and 200 for content
    that the collection has already. Needs the right to write in the collection."""
    return await _take_in(
        call, CollectionId(data.collection_id), data.file.filename, _blocks(data.file)
    )


async def upload_raw(
    call: CurrentCall,
    collection_id: FromPath[UUID],
    filename: Annotated[
        str, QueryParameter(min_length=1, max_length=255, description="Name with its ending.")
    ],
) -> Response[Upload]:
    """Takes in a file, sent as it is in the body: for large files and plain tools. Answers like
    the form."""
    stream = call.request.stream()
    return await _take_in(call, CollectionId(collection_id), words(filename), stream)


async def delete_document(call: CurrentCall, document_id: FromPath[UUID]) -> None:
    """Moves a document to the trash; a second time does nothing. Needs the right to write."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await store.trash_document(conn, call.actor, DocumentId(document_id))


async def original(
    call: CurrentCall, document_id: FromPath[UUID], number: VersionNumber = None
) -> File:
    """The file as it was put in. The look is audited."""
    async with as_actor(call.app.pool, call.actor) as conn:
        version = await _chosen(conn, DocumentId(document_id), number)
    return await viewer.original_file(call.app, call.actor, version.id)


async def page_text(
    call: CurrentCall,
    document_id: FromPath[UUID],
    page: Annotated[int, PathParameter(ge=1, le=1_000_000)],
    number: VersionNumber = None,
) -> PageText:
    """The text of one page, from 1. The look is audited."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        version = await _chosen(conn, DocumentId(document_id), number)
        text = await store.page_text(conn, version.id, page)
        total = await store.page_count(conn, version.id)
        await record_opened(conn, call.actor, version, {"page": page})
    return PageText(document_id, version.number, page, max(total, version.pages), text)


async def _take_in(
    call: Call, collection_id: CollectionId, filename: str, stream: AsyncIterator[bytes]
) -> Response[Upload]:
    await rates.count_upload(call.app, call.actor)
    received = await receive(
        call.app,
        call.actor,
        collection_id=collection_id,
        filename=filename,
        source="api",
        stream=stream,
    )
    return upload_of(received)


def upload_of(received: Received) -> Response[Upload]:
    """What became of a file: 202 while it is to be read, 200 for what is there already."""
    outcome = Upload(received.document_id, received.version_id, received.state, received.duplicate)
    return Response(
        outcome,
        status_code=200 if received.duplicate else 202,
        headers={"Location": f"/api/v1/documents/{received.document_id}"},
    )


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(BLOCK):
        yield block


async def _chosen(conn: Connection, document_id: DocumentId, number: int | None) -> Version:
    """The version asked for, or the newest that was read. Raises NotFound."""
    for version in await store.versions_of(conn, document_id):
        if version.number == number or (number is None and version.state is State.READY):
            return version
    raise NotFound


async def detail_of(call: Call, document_id: UUID) -> DocumentDetail:
    """A document as it is now. Raises NotFound."""
    found = DocumentId(document_id)
    async with as_actor(call.app.pool, call.actor) as conn:
        document = await store.get_document(conn, found)
        versions = await store.versions_of(conn, found)
    return DocumentDetail(**_document(document), versions=[_version(each) for each in versions])


def document_item(document: Document) -> DocumentItem:
    """A document as lists tell it."""
    return DocumentItem(**_document(document))


def collection_item(shelf: Collection) -> CollectionItem:
    return CollectionItem(
        shelf.id,
        shelf.name,
        shelf.description,
        shelf.level,
        shelf.documents,
        shelf.needs_review,
        shelf.created_at,
    )


def _document(document: Document) -> dict[str, Any]:
    same = (
        "id", "filename", "title", "collection_id", "collection", "status", "kind", "year",
        "signed_on", "issuer", "summary", "tags", "valid_from", "valid_to", "revoked_on",
        "created_at", "trashed_at", "served",
    )  # fmt: skip
    newest = document.version
    return {
        **{name: getattr(document, name) for name in same},
        "number": document.norm_number,
        "version": newest.number,
        "state": newest.state,
        "error_code": newest.error_code,
        "pages": newest.pages,
    }


def _version(version: Version) -> VersionItem:
    same = (
        "id", "number", "state", "review", "mime", "size_bytes", "sha256", "pages", "error_code",
        "created_at",
    )  # fmt: skip
    return VersionItem(**{name: getattr(version, name) for name in same})
