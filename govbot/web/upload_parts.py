"""Files that the browser sends part by part, so that they go on on the next page of the site.

The page keeps the chosen files in the browser's own database (static/js/uploads.js); what is here
says how far each one is. Without JavaScript files come whole (uploads.py).
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.db.access import as_actor
from govbot.documents import store
from govbot.errors import BadDocument, Conflict, Invalid, TooLarge
from govbot.ids import CollectionId
from govbot.ingest import parts
from govbot.ingest.parts import PART_BYTES, Upload
from govbot.web import rates
from govbot.web.i18n import _
from govbot.web.uploads import Outcome
from govbot.web.visit import CurrentVisit, Visit

BODY_BYTES: Final = PART_BYTES + 1_000


async def begin(visit: CurrentVisit) -> Response[dict[str, Any]]:
    """Announces a file: its name, place, size and collection."""
    form = await visit.form()
    try:
        collection = CollectionId(UUID(form.get("colecao", "")))
        size = int(form.get("tamanho", ""))
    except ValueError as error:
        raise Invalid(_("Choose the collection."), code="E-NO-COLLECTION") from error
    await rates.count_upload(visit.app, visit.actor)
    upload = await parts.begin(
        visit.app, visit.actor, collection_id=collection, filename=form.get("nome", ""),
        place=form.get("caminho", ""), size=size,
    )  # fmt: skip
    return _told(upload)


async def show(visit: CurrentVisit, upload_id: FromPath[UUID]) -> Response[dict[str, Any]]:
    """How far a file is."""
    return _told(await parts.look(visit.app, visit.actor, upload_id))


async def take(
    visit: CurrentVisit, upload_id: FromPath[UUID], inicio: FromQuery[int]
) -> Response[dict[str, Any]]:
    """One part; with the last one the file becomes a document, and the answer says so."""
    part = await visit.request.body()
    upload = await parts.take(visit.app, visit.actor, upload_id, inicio, part)
    if not upload.complete:
        return _told(upload)
    outcome = await _outcome(visit, upload)
    html = visit.html("documents/_outcomes.html", outcomes=[outcome])
    return Response({"recebido": upload.size, "html": html, "problema": bool(outcome.problem)})


async def drop(visit: CurrentVisit, upload_id: FromPath[UUID]) -> Response[Any]:
    """Gives a file up."""
    await parts.drop(visit.app, visit.actor, upload_id)
    return visit.done("/documentos")


def _told(upload: Upload) -> Response[dict[str, Any]]:
    known = {"id": str(upload.id), "recebido": upload.received, "parte": PART_BYTES}
    return Response(known)


async def _outcome(visit: Visit, upload: Upload) -> Outcome:
    try:
        received = await parts.finish(visit.app, visit.actor, upload)
        async with as_actor(visit.app.pool, visit.actor) as conn:
            document = await store.get_document(conn, received.document_id)
    except (BadDocument, TooLarge, Conflict) as error:
        problem = visit.language.sentence(error)
        return Outcome(upload.filename, problem=problem, code=error.error_code)
    return Outcome(upload.filename, document, received.duplicate)
