"""The page of one document: what it is, whether it counts, how it was read, its versions.

Row-level security decides what is there; what is left out beyond that (notes of reviewers, how the
file was processed) concerns only those who may write the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import detail, lifecycle, store
from govbot.documents.rights import document_level
from govbot.documents.types import Document, Level, Review, State, Version
from govbot.errors import Denied
from govbot.ids import DocumentId
from govbot.web import access_words, document_words, personal, reasons, uploads
from govbot.web.document_words import METADATA, SOURCES, UNDER_WAY
from govbot.web.i18n import _
from govbot.web.viewer_open import record_opened
from govbot.web.visit import CurrentVisit, Visit

PASSAGES = 20

# What a change says once it is made, by the word in the address.
DONE = {
    "dados": _("Saved. The title and these facts stay when the file is read again."),
    "vigencia": _("Saved. Questions about other days get other answers from now on."),
    "revogado": _("Revoked. It no longer answers questions about today."),
    "restabelecido": _("The revocation is lifted. It answers questions again."),
    "guarda": _("Saved."),
    "revisao": _("Sent to review. Somebody else who manages the collection decides."),
    "aprovado": _("Approved. It is being indexed and answers questions in a moment."),
    "devolvido": _("Sent back with your note."),
    "cancelado": _("Cancelled."),
    "versao": _("The new version is here. The one before answers until it has been read."),
    "igual": _("Nothing was added: this document has the same content already."),
}


@dataclass(frozen=True, slots=True)
class Held:
    """A document and what the visitor may do with it."""

    document: Document
    level: Level | None

    @property
    def writes(self) -> bool:
        """Sends versions, describes, moves to the trash."""
        return document_words.writes(self.level)

    @property
    def manages(self) -> bool:
        """Decides: approval, revocation, legal hold, deletion."""
        return self.level is Level.MANAGE


async def show(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    feito: Annotated[str, QueryParameter(max_length=20)] = "",
) -> Response[str]:
    """All about a document; the fragment is asked for again while the file is processed."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        held = await hold(conn, DocumentId(document_id))
        context = await _context(visit, conn, held)
        context |= await personal.block(visit, conn, held)
    context["done"] = visit.translate(DONE[feito]) if feito in DONE else ""
    template = "documents/_document.html" if visit.wants_fragment else "documents/document.html"
    return visit.page(template, **context)


async def passages(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    n: Annotated[int, QueryParameter(ge=1, le=100_000)] = 1,
) -> Response[str]:
    """The text as it is searched and handed to the model, PASSAGES pieces at a time."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        held = await hold(conn, DocumentId(document_id))
        version = await served_version(conn, held.document)
        offset = (n - 1) * PASSAGES
        if version is not None:
            await record_opened(conn, visit.actor, version, {"passages": n})
        found = (
            await detail.passages(conn, version.id, offset=offset, limit=PASSAGES)
            if version
            else []
        )
    context: dict[str, Any] = {
        "document": held.document,
        "version": version,
        "passages": found,
        "number": n,
        "first": offset + 1,
        "last_page": max(1, -(-(version.chunks if version else 0) // PASSAGES)),
        "hidden": not in_force(held.document),
    }
    template = "documents/_passages.html" if visit.wants_fragment else "documents/passages.html"
    return visit.page(template, **context)


async def hold(conn: Connection, document_id: DocumentId) -> Held:
    """The document with the visitor's level. Raises NotFound."""
    document = await store.get_document(conn, document_id)
    return Held(document, await document_level(conn, document))


async def hold_to_write(conn: Connection, document_id: DocumentId) -> Held:
    """The document. Raises NotFound, or Denied for who may not change it."""
    held = await hold(conn, document_id)
    if not held.writes:
        raise Denied
    return held


async def hold_to_manage(conn: Connection, document_id: DocumentId) -> Held:
    """The document. Raises NotFound, or Denied for who does not manage it."""
    held = await hold(conn, document_id)
    if not held.manages:
        raise Denied
    return held


async def served_version(conn: Connection, document: Document) -> Version | None:
    """The version that is searched now."""
    if document.served is None:
        return None
    if document.version.number == document.served:
        return document.version
    versions = await store.versions_of(conn, document.id)
    return next((each for each in versions if each.number == document.served), None)


def in_force(document: Document, day: date | None = None) -> bool:
    """Whether the document answers questions about that day (today)."""
    day = day or date.today()
    return not (
        (document.valid_from and document.valid_from > day)
        or (document.valid_to and document.valid_to < day)
        or (document.revoked_on and document.revoked_on <= day)
    )


def document_path(document_id: UUID, done: str = "") -> str:
    """The address of a document's page."""
    return f"/documentos/{document_id}" + (f"?feito={done}" if done else "")


async def _context(visit: Visit, conn: Connection, held: Held) -> dict[str, Any]:
    document = held.document
    versions = await store.versions_of(conn, document.id)
    people = [each for v in versions for each in (v.created_by, v.reviewed_by)]
    newest = document.version
    return {
        "document": document,
        "held": held,
        "versions": versions,
        "opened": _opened(versions),
        "served": next((each for each in versions if each.number == document.served), None),
        "took": _took(newest),
        "names": await detail.names(conn, people),
        "badges": document_words.badges(visit, document, writes=held.writes),
        "revoked_by": await lifecycle.revoked_by_link(conn, document),
        "revokes": await lifecycle.revokes(conn, document),
        "metadata": _metadata(visit, await detail.metadata(conn, newest.id)) if held.writes else [],
        "source_name": visit.translate(SOURCES[document.source]),
        "mine": visit.actor.id,
        "may_approve": held.manages and newest.created_by != visit.actor.id,
        "waits": newest.state in UNDER_WAY,
        "failed": newest.state is State.FAILED,
        "undecided": newest.review is not Review.APPROVED,
        "in_force": in_force(document),
        "gone_in": gone_in(visit, document),
        "reason": lambda code: reasons.reason(visit, code),
        "advice": lambda code: reasons.advice(visit, code),
        **uploads.upload_limits(visit.app.settings),
        **document_words.helpers(visit),
        **access_words.helpers(visit),
    }


def gone_in(visit: Visit, document: Document) -> int | None:
    """Days until a document leaves the trash for good; None when it stays there."""
    days = trash_days(visit)
    if document.trashed_at is None or not days or document.legal_hold:
        return None
    end = document.trashed_at.astimezone().date() + timedelta(days=days)
    return max(0, (end - date.today()).days)


def trash_days(visit: Visit) -> int:
    """How long the trash keeps documents; 0: for ever."""
    return visit.app.settings.documents.trash_days


def _opened(versions: list[Version]) -> Version | None:
    """The version that "open the text" opens: the newest approved one that was read, else any."""
    read = [each for each in versions if each.state is State.READY and each.pages]
    approved = [each for each in read if each.review is Review.APPROVED]
    return next(iter(approved or read), None)


def _took(version: Version) -> str:
    """How long the file was read and indexed, in minutes and seconds."""
    if version.started_at is None or version.finished_at is None:
        return ""
    seconds = round((version.finished_at - version.started_at).total_seconds())
    minutes, seconds = divmod(max(0, seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _metadata(visit: Visit, found: dict[str, str]) -> list[tuple[str, str]]:
    named = []
    for name, value in found.items():
        key = name.lower().lstrip("/")
        named.append((visit.translate(METADATA[key]) if key in METADATA else name, value))
    return named
