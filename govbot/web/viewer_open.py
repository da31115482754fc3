"""What the viewer shows of a page: read as the visitor in one transaction, then placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from govbot import audit
from govbot.chat.pins import conversation_of
from govbot.chat.store import Citation, get_citation
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection
from govbot.documents import hits, store, words
from govbot.documents.needle import Span
from govbot.documents.types import Document, Version
from govbot.errors import BadDocument, NotFound
from govbot.extract import PDF
from govbot.extract.place import over
from govbot.extract.render import Rect
from govbot.extract.words import Word, letters_of
from govbot.ids import ConversationId, MessageId
from govbot.web import viewer_about
from govbot.web.viewer_place import Place
from govbot.web.viewer_sheets import Sheet, Sheets
from govbot.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Opened:
    """What the database says about the page; `before` and `after` are the nearest other pages
    that hold what is searched for."""

    document: Document
    version: Version
    number: int
    pages: int
    text: str
    citation: Citation | None
    words: Sequence[Word]
    conversation_id: ConversationId | None
    before: int | None
    after: int | None
    about: dict[str, Any]

    @property
    def cited(self) -> Span | None:
        """Where the cited passage stands in the text of this page."""
        text, citation = self.text, self.citation
        if citation is None or not citation.page_from <= self.number <= citation.page_to:
            return None
        start = citation.start if self.number == citation.page_from else 0
        end = citation.end if self.number == citation.page_to else len(text)
        if citation.page_from == citation.page_to and text[start:end] != citation.quote:
            found = text.find(citation.quote)
            start, end = (found, found + len(citation.quote)) if found >= 0 else (start, end)
        start, end = min(start, len(text)), min(max(end, start), len(text))
        return (start, end) if end > start else None

    @property
    def quote(self) -> str:
        """What to look for in the picture: what an answer hid stands in the page as it is."""
        if self.citation is None or self.cited is None:
            return ""
        place = self.text[slice(*self.cited)]
        return place if len(place) == len(self.citation.quote) else self.citation.quote


@dataclass(frozen=True, slots=True)
class Marked:
    """The page as a picture, what is marked on it, and the words to select."""

    sheet: Sheet
    cited: tuple[Rect, ...]
    hits: tuple[tuple[Rect, ...], ...]


async def open_page(visit: Visit, place: Place) -> Opened:
    """The page for who may read it; written down in the audit log. Raises NotFound."""
    version_id, number, needle = place.version_id, place.number, place.needle
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, version_id)
        document = await store.get_document(conn, version.document_id)
        total = await store.page_count(conn, version_id)
        text = await store.page_text(conn, version_id, number)
        citation, conversation_id = None, None
        if place.m is not None and place.c is not None:
            citation = await get_citation(conn, MessageId(place.m), place.c, place.k)
            if citation.version_id != version_id:
                raise NotFound
            conversation_id = await conversation_of(conn, MessageId(place.m))
        placed = []
        if number in version.ocr_pages:
            placed = await words.page_words(conn, version_id, number)
        before = after = None
        if not needle.empty:
            before = await hits.page_before(conn, version_id, needle, number)
            after = await hits.page_after(conn, version_id, needle, number)
        about = await viewer_about.about(conn, visit, document, version)
        await _record(conn, visit.actor, version, place, citation)
    return Opened(
        document=document,
        version=version,
        number=number,
        pages=max(total, version.pages),
        text=text,
        citation=citation,
        words=[Word(*word) for word in placed],
        conversation_id=conversation_id,
        before=before,
        after=after,
        about=about,
    )


async def mark(visit: Visit, sheets: Sheets, opened: Opened, place: Place) -> Marked | None:
    """The page as a picture with its marks; None for what has no pages to draw."""
    if opened.version.mime != PDF:
        return None
    try:
        sheet = await sheets.sheet(visit.app, visit.actor, opened.version, opened.number)
    except (BadDocument, NotFound):
        return None
    if opened.words:
        sheet = Sheet(sheet.width, sheet.height, tuple(opened.words))
    cited = await sheets.locate(opened.quote, sheet.words) if opened.quote else ()
    return Marked(sheet, cited, _hits(sheet.words, place))


async def record_opened(
    conn: Connection, actor: Actor, version: Version, details: dict[str, Any]
) -> None:
    """Audits that somebody looked into a version."""
    await audit.record(
        conn,
        actor=actor,
        action="document.opened",
        resource=f"document:{version.document_id}",
        details={"version": version.number, **details},
    )


async def _record(
    conn: Connection, actor: Actor, version: Version, place: Place, citation: Citation | None
) -> None:
    """Once for a page that is searched and zoomed; always for an answer's source."""
    resource = f"document:{version.document_id}"
    again = place.term or place.zoom != 100
    if again and await audit.has_opened(conn, resource, version.number, place.number):
        return
    cited = {} if citation is None else {"answer": str(place.m), "citation": citation.number}
    await record_opened(conn, actor, version, {"page": place.number, **cited})


def _hits(words: Sequence[Word], place: Place) -> tuple[tuple[Rect, ...], ...]:
    """Of each time that the term stands on the picture: where."""
    needle = place.needle
    if needle.empty:
        return ()
    letters, owners = letters_of(words)
    spans = needle.spans("".join(letters))
    return tuple(tuple(Rect(*rect) for rect in over(words, owners, [span])) for span in spans)
