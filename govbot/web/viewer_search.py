"""Searching in one document, and its pages as small pictures: both lead to a page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery, QueryParameter

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import hits, personal, store
from govbot.documents.hits import Hits, PageHits
from govbot.documents.types import Document, Version
from govbot.extract import PDF
from govbot.extract.render import THUMBNAIL
from govbot.ids import VersionId
from govbot.privacy import Finding, Kind, hide, mask
from govbot.web import rates, viewer_about
from govbot.web.document_words import helpers
from govbot.web.viewer import CitationNumber, Message, Term, Zoom
from govbot.web.viewer_open import record_opened
from govbot.web.viewer_place import CitationKind, Place, nearest_zoom
from govbot.web.viewer_text import Snippet, snippet
from govbot.web.visit import CurrentVisit

ROW: Final = 24  # small pages at once
PageNumber = Annotated[int, QueryParameter(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page with the term: each place with the words around it."""

    number: int
    snippets: tuple[Snippet, ...]


async def search(
    visit: CurrentVisit,
    version_id: FromPath[UUID],
    q: Term = "",
    pagina: PageNumber = 1,
    m: Message = None,
    c: CitationNumber = None,
    k: FromQuery[CitationKind] = "cited",
    zoom: Zoom = 100,
) -> Response[str]:
    """Every place of a term in the document, page by page; `pagina` is where one came from.

    What the collection hides of personal data is masked here, as in every list of results.
    """
    place = Place(VersionId(version_id), pagina, m, c, k, q.strip(), zoom=nearest_zoom(zoom))
    await rates.count_picture(visit.app, visit.actor)
    found, shown = Hits((), more=False), list[FoundPage]()
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, place.version_id)
        document = await store.get_document(conn, version.document_id)
        if not place.needle.empty:
            found = await hits.find_hits(conn, version.id, place.needle)
            shown = await _snippets(conn, version, found.pages)
            if found.pages:
                await record_opened(conn, visit.actor, version, {"search": True})
        context = await _context(visit, conn, document, version, place)
    context |= {"found": shown, "count": found.count, "more": found.more}
    template = "viewer/_hits.html" if visit.wants_fragment else "viewer/hits.html"
    return visit.page(template, **context)


async def thumbnails(
    visit: CurrentVisit,
    version_id: FromPath[UUID],
    pagina: PageNumber = 1,
    n: Annotated[int | None, QueryParameter(ge=1, le=1_000_000)] = None,
    m: Message = None,
    c: CitationNumber = None,
    k: FromQuery[CitationKind] = "cited",
    zoom: Zoom = 100,
) -> Response[str]:
    """Small pictures of the pages, ROW at a time, from page `n` on or those around `pagina`."""
    place = Place(VersionId(version_id), pagina, m, c, k, zoom=nearest_zoom(zoom))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        version = await store.get_version(conn, place.version_id)
        document = await store.get_document(conn, version.document_id)
        last = max(await store.page_count(conn, version.id), version.pages, 1)
        context = await _context(visit, conn, document, version, place)
    first = (min(n or pagina, last) - 1) // ROW * ROW + 1
    until = min(first + ROW - 1, last)
    context |= {
        "numbers": range(first, until + 1),
        "last": last,
        "earlier": max(1, first - ROW) if first > 1 else None,
        "later": until + 1 if until < last else None,
        "drawn": version.mime == PDF,
        "thumbnail": THUMBNAIL,
    }
    template = "viewer/_thumbnails.html" if visit.wants_fragment else "viewer/thumbnails.html"
    return visit.page(template, **context)


async def _context(
    visit: CurrentVisit, conn: Connection, document: Document, version: Version, place: Place
) -> dict[str, Any]:
    return {
        "document": document,
        "version": version,
        "place": place,
        "about": await viewer_about.about(conn, visit, document, version),
        **helpers(visit),
    }


async def _snippets(
    conn: Connection, version: Version, pages: Sequence[PageHits]
) -> list[FoundPage]:
    kinds = (await personal.masked_kinds(conn, [version.document_key]))[version.document_key]
    places = await personal.places(conn, version.id, [each.number for each in pages], kinds)
    return await asyncio.to_thread(_cut, pages, places, kinds)


def _cut(
    pages: Sequence[PageHits], places: dict[int, list[Finding]], kinds: frozenset[Kind]
) -> list[FoundPage]:
    """The whole page is masked before it is cut, so that no half of a value escapes."""
    found = []
    for page in pages:
        text = page.text
        if kinds:
            text = mask(hide(text, places.get(page.number, [])), kinds)
        snippets = tuple(snippet(text, span) for span in page.spans)
        found.append(FoundPage(page.number, snippets))
    return found
