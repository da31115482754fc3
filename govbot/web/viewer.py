"""A page of a document with what is marked on it, its picture, and the original file.

Every look goes through row-level security as the one who asks: what they may not read does not
exist for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter
from litestar.response import File

from govbot import audit
from govbot.db.access import Actor, as_actor
from govbot.documents import store
from govbot.documents.needle import MAX_TERM
from govbot.errors import NotFound
from govbot.extract import PDF
from govbot.extract.render import THUMBNAIL, WIDTHS
from govbot.ids import VersionId
from govbot.web import rates
from govbot.web.document_words import helpers
from govbot.web.viewer_open import mark, open_page, record_opened
from govbot.web.viewer_place import CitationKind, Place, nearest_zoom
from govbot.web.viewer_sheets import PAGE_WIDTH, Sheets
from govbot.web.viewer_text import paragraphs
from govbot.web.viewer_words import lines_of
from govbot.web.visit import CurrentVisit

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
CHUNK = 64 * 1024  # of a file on its way: each slow reader holds one or two

Number = Annotated[int, PathParameter(ge=1, le=1_000_000)]
Term = Annotated[str, QueryParameter(max_length=MAX_TERM)]
Message = FromQuery[UUID | None]
CitationNumber = Annotated[int | None, QueryParameter(ge=1, le=999)]
Zoom = Annotated[int, QueryParameter(ge=1, le=10_000)]


async def page(
    visit: CurrentVisit,
    pages: NamedDependency[Sheets],
    version_id: FromPath[UUID],
    number: Number,
    m: Message = None,
    c: CitationNumber = None,
    k: FromQuery[CitationKind] = "cited",
    busca: Term = "",
    achado: Annotated[int, QueryParameter(ge=-1, le=100_000)] = 1,
    zoom: Zoom = 100,
) -> Response[str]:
    """Page `number`; `m`, `c` and `k` name the citation (message, number, kind) to mark, `busca`
    what is searched for and `achado` which of its places on the page is looked at."""
    place = Place(VersionId(version_id), number, m, c, k, busca.strip(), achado, nearest_zoom(zoom))
    if not place.needle.empty:  # other pages are read for the way to the next place
        await rates.count_picture(visit.app, visit.actor)
    opened = await open_page(visit, place)
    marked = await mark(visit, pages, opened, place)
    in_text = place.needle.spans(opened.text)
    on_page = len(marked.hits) if marked and marked.hits else len(in_text)
    current = min(achado, on_page) if achado > 0 else on_page
    context: dict[str, Any] = {
        "opened": opened,
        "about": opened.about,
        "place": place,
        "marked": marked,
        "lines": lines_of(marked.sheet) if marked else (),
        "paragraphs": paragraphs(opened.text, opened.cited, in_text, current),
        "hits": on_page,
        "current": current,
        "quote": opened.citation.quote if opened.citation else "",
        "widths": WIDTHS[1:],
        **helpers(visit),
    }
    if visit.wants_fragment:
        return visit.page("viewer/_page.html", **context)
    return visit.page("viewer/page.html", **context)


async def jump(
    visit: CurrentVisit,
    version_id: FromPath[UUID],
    numero: Annotated[int, QueryParameter(ge=-1_000_000, le=1_000_000)] = 1,
    m: Message = None,
    c: CitationNumber = None,
    k: FromQuery[CitationKind] = "cited",
    busca: Term = "",
    zoom: Zoom = 100,
) -> Response[Any]:
    """Leads to a page by its number; beyond the last page to the last one."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        version = await store.get_version(conn, VersionId(version_id))
        last = max(await store.page_count(conn, version.id), 1)
    number = min(max(numero, 1), last)
    place = Place(version.id, number, m, c, k, busca.strip(), zoom=nearest_zoom(zoom))
    return visit.redirect(place.page(number))


async def image(
    visit: CurrentVisit,
    pages: NamedDependency[Sheets],
    version_id: FromPath[UUID],
    number: Number,
    largura: FromQuery[int] = PAGE_WIDTH,
) -> Response[bytes]:
    """The picture of a page of a PDF; one that is too small to be read is not written down."""
    width = min((w for w in WIDTHS if w >= largura), default=WIDTHS[-1])
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        version = await store.get_version(conn, VersionId(version_id))
        if version.mime != PDF:
            raise NotFound
        resource = f"document:{version.document_id}"
        readable = width > THUMBNAIL
        if readable and not await audit.has_opened(conn, resource, version.number, number):
            details = {"page": number, "picture": True}
            await record_opened(conn, visit.actor, version, details)
    picture, media_type = await pages.picture(visit.app, visit.actor, version, number, width)
    return Response(picture, media_type=media_type)


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
        chunk_size=CHUNK,
        headers={"Content-Security-Policy": PDF_POLICY if inline else SANDBOX},
    )
