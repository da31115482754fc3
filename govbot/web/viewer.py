"""A page of a document with the cited passage marked, and the original file.

Every look goes through row-level security as the one who asks: what they may not read does not
exist for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter
from litestar.response import File

from govbot import audit
from govbot.chat.neutral import visible
from govbot.chat.pins import conversation_of
from govbot.chat.store import Citation, get_citation
from govbot.db.access import Actor, as_actor
from govbot.documents import store, words
from govbot.documents.types import Document, Version
from govbot.errors import BadDocument, NotFound
from govbot.extract import PDF
from govbot.extract.render import WIDTHS, PagePicture, PageRenderer
from govbot.ids import ConversationId, MessageId, VersionId
from govbot.web import rates
from govbot.web.access_words import secrecy_name
from govbot.web.visit import CurrentVisit, Visit

if TYPE_CHECKING:
    from govbot.app import App

# Originals come from unknown hands: they load nothing, run nothing and belong to no site.
SANDBOX = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
# The browser's own PDF viewer draws with inline styles in a document of its own, and does not
# work in a sandbox.
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# Types that no browser runs or draws as part of a site; all others are sent as bytes.
PLAIN_TYPES = frozenset({PDF, "text/plain", "text/csv", "text/markdown"})
OFFICE_TYPES = ("application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.")


@dataclass(frozen=True, slots=True)
class Opened:
    """What the database says about the page, read in one transaction."""

    document: Document
    version: Version
    number: int
    pages: int
    text: str
    citation: Citation | None
    words: Sequence[words.Placed]
    conversation_id: ConversationId | None = None


async def page(
    visit: CurrentVisit,
    pages: NamedDependency[PageRenderer],
    version_id: FromPath[UUID],
    number: Annotated[int, PathParameter(ge=1, le=1_000_000)],
    m: FromQuery[UUID | None] = None,
    c: Annotated[int | None, QueryParameter(ge=1, le=999)] = None,
    k: FromQuery[Literal["cited", "nearest"]] = "cited",
) -> Response[str]:
    """Page `number`; `m`, `c` and `k` name the citation (message, number, kind) to mark."""
    opened = await _open(visit, VersionId(version_id), number, m, c, k)
    if opened.version.mime == PDF:
        await rates.count_picture(visit.app, visit.actor)
    picture = await _picture(visit, pages, opened)
    context: dict[str, Any] = {
        "opened": opened,
        "picture": picture,
        "parts": tuple(visible(part) for part in _parts(opened)),
        "mark": _mark(m, c, k),
        "quote": opened.citation.quote if opened.citation else "",
        "answer_id": m,
        "kind": k,
        "secrecy": secrecy_name(visit, opened.document.secrecy) if opened.document.secrecy else "",
    }
    if visit.wants_fragment:
        return visit.page("viewer/_page.html", **context)
    return visit.page("viewer/page.html", **context)


async def image(
    visit: CurrentVisit,
    pages: NamedDependency[PageRenderer],
    version_id: FromPath[UUID],
    number: Annotated[int, PathParameter(ge=1, le=1_000_000)],
    largura: FromQuery[int] = WIDTHS[0],
) -> Response[bytes]:
    """The picture of a page of a PDF."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, VersionId(version_id))
        if version.mime != PDF:
            raise NotFound
        resource = f"document:{version.document_id}"
        if not await audit.has_opened(conn, resource, version.number, number):
            details = {"page": number, "picture": True}
            await record_opened(conn, visit.actor, version, details)
    await rates.count_picture(visit.app, visit.actor)
    width = min((w for w in WIDTHS if w >= largura), default=WIDTHS[-1])
    path = visit.app.files.path_of(version.sha256)
    picture = await pages.page(path, number, width=width)
    return Response(picture.image, media_type=picture.media_type)


async def original(
    visit: CurrentVisit, version_id: FromPath[UUID], abrir: FromQuery[bool] = False
) -> File:
    """The file as it was put in; `abrir` shows a PDF in the browser instead of saving it."""
    return await original_file(visit.app, visit.actor, VersionId(version_id), show=abrir)


async def original_file(
    app: App, actor: Actor, version_id: VersionId, *, show: bool = False
) -> File:
    """The original of a version as a download, or shown in place if it is a PDF; audited."""
    async with as_actor(app.pool, actor, write=True) as conn:
        version = await store.get_version(conn, version_id)
        document = await store.get_document(conn, version.document_id)
        await record_opened(conn, actor, version, {"file": True})
    inline = show and version.mime == PDF
    path = app.files.path_of(version.sha256)
    if not path.is_file():
        raise NotFound
    known = version.mime in PLAIN_TYPES or version.mime.startswith(OFFICE_TYPES)
    return File(
        path,
        filename=document.filename,
        media_type=version.mime if known else "application/octet-stream",
        content_disposition_type="inline" if inline else "attachment",
        headers={"Content-Security-Policy": PDF_POLICY if inline else SANDBOX},
    )


async def _open(
    visit: Visit, version_id: VersionId, number: int, m: UUID | None, c: int | None, kind: Any
) -> Opened:
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, version_id)
        document = await store.get_document(conn, version.document_id)
        total = await store.page_count(conn, version_id)
        text = await store.page_text(conn, version_id, number)
        citation, conversation_id = None, None
        if m is not None and c is not None:
            citation = await get_citation(conn, MessageId(m), c, kind)
            if citation.version_id != version_id:
                raise NotFound
            conversation_id = await conversation_of(conn, MessageId(m))
        placed = []
        if citation is not None and number in version.ocr_pages:
            placed = await words.page_words(conn, version_id, number)
        cited = {} if citation is None else {"answer": str(m), "citation": citation.number}
        await record_opened(conn, visit.actor, version, {"page": number, **cited})
    total = max(total, version.pages)
    return Opened(document, version, number, total, text, citation, placed, conversation_id)


async def record_opened(conn: Any, actor: Actor, version: Version, details: dict[str, Any]) -> None:
    """Audits that somebody looked into a version."""
    await audit.record(
        conn,
        actor=actor,
        action="document.opened",
        resource=f"document:{version.document_id}",
        details={"version": version.number, **details},
    )


async def _picture(visit: Visit, pages: PageRenderer, opened: Opened) -> PagePicture | None:
    """The page as a picture with the passage's place; None for what has no pages to draw."""
    if opened.version.mime != PDF:
        return None
    path = visit.app.files.path_of(opened.version.sha256)
    quote = ""
    if opened.citation and _holds(opened.citation, opened.number):
        # What an answer hid stands in the page as it is, and is looked for there.
        place = _parts(opened)[1]
        quote = opened.citation.quote
        quote = place if len(place) == len(quote) else quote
    try:
        return await pages.page(
            path, opened.number, width=WIDTHS[0], quote=quote, words=opened.words
        )
    except (BadDocument, NotFound):
        return None


def _holds(citation: Citation, number: int) -> bool:
    return citation.page_from <= number <= citation.page_to


def _parts(opened: Opened) -> tuple[str, str, str]:
    """The page's text before, in and after the cited passage."""
    text, citation = opened.text, opened.citation
    if citation is None or not _holds(citation, opened.number):
        return text, "", ""
    start = citation.start if opened.number == citation.page_from else 0
    end = citation.end if opened.number == citation.page_to else len(text)
    one_page = citation.page_from == citation.page_to
    if one_page and text[start:end] != citation.quote:
        found = text.find(citation.quote)
        start, end = (found, found + len(citation.quote)) if found >= 0 else (start, end)
    start, end = min(start, len(text)), min(max(end, start), len(text))
    return text[:start], text[start:end], text[end:]


def _mark(m: UUID | None, c: int | None, kind: str) -> str:
    """The query that carries the citation to the pages before and after."""
    if m is None or c is None:
        return ""
    return f"?m={m}&c={c}" + ("&k=nearest" if kind == "nearest" else "")
