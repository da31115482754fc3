"""The life of a document in the API: facts, validity, revocation, versions and their stages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, structs

from govbot.db.access import as_actor
from govbot.documents import lifecycle, store
from govbot.documents.types import Version
from govbot.errors import NotFound
from govbot.ids import DocumentId, VersionId
from govbot.ingest import receive, review
from govbot.ingest.revise import revise
from govbot.web import rates
from govbot.web.api_call import PAGE, Call, CurrentCall, Cursor, Limit, cursor_of, uuid_of, words
from govbot.web.api_change_types import Decision, Facts, ReviewPage, Revocation, Validity
from govbot.web.api_documents import detail_of, document_item, upload_of
from govbot.web.api_types import DocumentDetail, Upload

Number = Annotated[int, PathParameter(ge=1, le=1_000_000)]


async def describe(
    call: CurrentCall, document_id: FromPath[UUID], data: JSONBody[Facts]
) -> DocumentDetail:
    """Sets what describes a document. Needs the right to write."""
    changes = {
        name: _clean(value) for name, value in structs.asdict(data).items() if value is not UNSET
    }
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await lifecycle.describe(conn, call.actor, DocumentId(document_id), changes)
    return await detail_of(call, document_id)


async def set_validity(
    call: CurrentCall, document_id: FromPath[UUID], data: JSONBody[Validity]
) -> DocumentDetail:
    """Says on which days a document is in force. Needs the right to write."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await lifecycle.set_validity(
            conn, call.actor, DocumentId(document_id),
            valid_from=data.valid_from, valid_to=data.valid_to,
        )  # fmt: skip
    return await detail_of(call, document_id)


async def revoke(
    call: CurrentCall, document_id: FromPath[UUID], data: JSONBody[Revocation]
) -> DocumentDetail:
    """Revokes a document from a day on: it answers questions about earlier days alone. Needs the
    right to write."""
    by = DocumentId(data.by) if data.by else None
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await lifecycle.revoke(
            conn, call.actor, DocumentId(document_id), on=data.on, by=by, note=words(data.note)
        )
    return await detail_of(call, document_id)


async def unrevoke(call: CurrentCall, document_id: FromPath[UUID]) -> None:
    """Lifts a revocation; nothing happens where there is none."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await lifecycle.unrevoke(conn, call.actor, DocumentId(document_id))


async def restore(call: CurrentCall, document_id: FromPath[UUID]) -> DocumentDetail:
    """Takes a document out of the trash; it is read again."""
    await receive.restore(call.app, call.actor, DocumentId(document_id))
    return await detail_of(call, document_id)


async def upload_version(
    call: CurrentCall,
    document_id: FromPath[UUID],
    filename: Annotated[
        str, QueryParameter(min_length=1, max_length=255, description="Name with its ending.")
    ],
) -> Response[Upload]:
    """Takes in the file in the body as the next version of a document, which keeps its name. The
    version before is searched until this one has been read."""
    await rates.count_upload(call.app, call.actor)
    received = await revise(
        call.app, call.actor, DocumentId(document_id),
        filename=words(filename), stream=call.request.stream(),
    )  # fmt: skip
    return upload_of(received)


async def decide(
    call: CurrentCall, document_id: FromPath[UUID], number: Number, data: JSONBody[Decision]
) -> DocumentDetail:
    """Moves a version to its next stage. Approving and sending back need the right to manage, and
    nobody approves what they brought in."""
    version = await _version(call, document_id, number)
    if data.stage == "approved":
        await review.approve(call.app, call.actor, version.id, words(data.note))
        return await detail_of(call, document_id)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        if data.stage == "rejected":
            await lifecycle.reject(conn, call.actor, version.id, words(data.note))
        else:
            await lifecycle.submit(conn, call.actor, version.id)
    return await detail_of(call, document_id)


async def list_reviews(call: CurrentCall, cursor: Cursor = "", limit: Limit = PAGE) -> ReviewPage:
    """What waits for a decision among the documents that the person manages."""
    after = uuid_of(cursor)
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await lifecycle.reviews(
            conn, limit=limit + 1, after=VersionId(after) if after else None
        )
    shown = found[:limit]
    more = cursor_of(str(shown[-1].version.id)) if len(found) > limit else None
    return ReviewPage([document_item(each) for each in shown], more)


async def _version(call: Call, document_id: UUID, number: int) -> Version:
    async with as_actor(call.app.pool, call.actor) as conn:
        document = await store.get_document(conn, DocumentId(document_id))
        for version in await store.versions_of(conn, document.id):
            if version.number == number:
                return version
    raise NotFound


def _clean(value: object) -> object:
    if isinstance(value, str):
        return words(value)
    return [words(each) for each in value] if isinstance(value, list) else value
