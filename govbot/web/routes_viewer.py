"""The routes of the viewer: pages of documents, searched, compared and taken along."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from govbot.web import viewer, viewer_compare, viewer_search

VERSION = "/documentos/{version_id:uuid}"
DOCUMENT = "/documentos/{document_id:uuid}"


def viewing() -> list[HTTPRouteHandler]:
    """For everybody who is signed in; row-level security decides what is there."""
    return [
        get(VERSION + "/pagina")(viewer.jump),
        get(VERSION + "/pagina/{number:int}")(viewer.page),
        get(VERSION + "/pagina/{number:int}/imagem")(viewer.image),
        get(VERSION + "/busca")(viewer_search.search),
        get(VERSION + "/miniaturas")(viewer_search.thumbnails),
        get(VERSION + "/arquivo")(viewer.original),
        get(DOCUMENT + "/comparar")(viewer_compare.compare),
    ]
