"""Approval by a second person: what waits, and the decision about a version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.db.access import as_actor
from govbot.documents import collections, detail, lifecycle, store
from govbot.documents.types import Document, Level, Version
from govbot.errors import Denied, Invalid
from govbot.ids import DocumentId, VersionId
from govbot.ingest import review
from govbot.web import document_words
from govbot.web.document import document_path, hold
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit, local_path

PATH = "/revisoes"
PAGE = 50


async def listing(
    visit: CurrentVisit, depois: FromQuery[UUID | None] = None, feito: FromQuery[str] = ""
) -> Response[str]:
    """Versions that wait in the collections that the visitor manages, the oldest first."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        after = VersionId(depois) if depois else None
        found = await lifecycle.reviews(conn, limit=PAGE + 1, after=after)
        shelves = await collections.list_shelves(conn)
        names = await detail.names(conn, [each.version.created_by for each in found])
    shown = found[:PAGE]
    return visit.page(
        "documents/reviews.html",
        documents=shown,
        names=names,
        mine=visit.actor.id,
        manages=any(shelf.level is Level.MANAGE for shelf in shelves),
        next=f"{PATH}?depois={shown[-1].version.id}" if len(found) > PAGE else None,
        after=depois,
        done=feito,
        **document_words.helpers(visit),
    )


async def submit(visit: CurrentVisit, version_id: FromPath[UUID]) -> Response[Any]:
    """Sends a draft to those who decide."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, VersionId(version_id))
        await lifecycle.submit(conn, visit.actor, version.id)
    return visit.redirect(document_path(version.document_id, "revisao"))


async def approve(visit: CurrentVisit, version_id: FromPath[UUID]) -> Response[Any]:
    """Approves a version; it is indexed and served from then on."""
    found = VersionId(version_id)
    version, _document = await _to_decide(visit, found)
    note = (await visit.form()).get("note", "").strip()
    await review.approve(visit.app, visit.actor, found, note)
    return await _decided(visit, version, "aprovado")


async def reject_form(visit: CurrentVisit, version_id: FromPath[UUID]) -> Response[str]:
    """Asks why a version is sent back."""
    version, document = await _to_decide(visit, VersionId(version_id))
    back = visit.request.query_params.get("voltar")
    return _reject_page(visit, version, document, "", back, None)


async def reject(visit: CurrentVisit, version_id: FromPath[UUID]) -> Response[Any]:
    """Sends a version back to who brought it in, with a note."""
    version, document = await _to_decide(visit, VersionId(version_id))
    fields = await visit.form()
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    try:
        if not note:
            raise Invalid(_("Write what has to be changed."), code="E-EMPTY")
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await lifecycle.reject(conn, visit.actor, version.id, note)
    except Invalid as error:
        return _reject_page(visit, version, document, note, fields.get("back"), error)
    return await _decided(visit, version, "devolvido")


async def _to_decide(visit: Visit, version_id: VersionId) -> tuple[Version, Document]:
    """The version. Raises NotFound, or Denied for who does not manage its collection."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        version = await store.get_version(conn, version_id)
        held = await hold(conn, DocumentId(version.document_id))
    if not held.manages:
        raise Denied
    return version, held.document


async def _decided(visit: Visit, version: Version, done: str) -> Response[Any]:
    """Back to the queue for who came from there, else to the document."""
    back = local_path((await visit.form()).get("back"), "")
    if back.partition("?")[0] == PATH:
        return visit.redirect(f"{PATH}?feito={done}")
    return visit.redirect(document_path(version.document_id, done))


def _reject_page(
    visit: Visit,
    version: Version,
    document: Document,
    note: str,
    back: str | None,
    problem: Invalid | None,
) -> Response[str]:
    return visit.page(
        "documents/reject.html",
        status=problem.status if problem else 200,
        version=version,
        document=document,
        name=document.title or document.filename,
        note=note,
        back=local_path(back, document_path(document.id)),
        problem=visit.language.sentence(problem) if problem else "",
    )
