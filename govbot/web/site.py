"""The web site of an App: its routes (govbot.web.routes) and what stands around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from govbot import resources
from govbot.db.access import Role
from govbot.web import api, assets, errors, menu, uploads
from govbot.web.appearance import look_of
from govbot.web.border import Border
from govbot.web.document_events import Streams
from govbot.web.forms import MAX_FORM_BYTES, MAX_PARTS, BoundedRequest
from govbot.web.guards import Gate
from govbot.web.headers import Frame
from govbot.web.i18n import _
from govbot.web.menu import Group, NavItem
from govbot.web.render import Renderer
from govbot.web.routes import routes
from govbot.web.viewer_sheets import Sheets
from govbot.web.visit import HttpRequest, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ASGIApp

    from govbot.app import App

# The main menu, in its order. Items of a group of GROUPS are folded together.
GROUPS = {
    "quality": Group(_("Quality"), "target"),
    "admin": Group(_("Administration"), "gear"),
}
NAV = (
    NavItem("/", _("Ask"), "chat"),
    NavItem("/documentos", _("Documents"), "document"),
    NavItem("/colecoes", _("Collections"), "folder"),
    NavItem("/revisoes", _("Reviews"), "stamp", waiting=True),
    NavItem("/curadoria", _("Curation"), "flag", (Role.ADMIN, Role.CURATOR), group="quality"),
    NavItem("/avaliacao", _("Evaluation"), "target", (Role.ADMIN, Role.CURATOR), group="quality"),
    NavItem("/analises", _("Analytics"), "chart", (Role.ADMIN, Role.CURATOR), group="quality"),
    NavItem("/admin", _("Overview"), "grid", (Role.ADMIN,), group="admin"),
    NavItem("/admin/fila", _("Queue"), "layers", (Role.ADMIN, Role.CURATOR), group="admin"),
    NavItem("/admin/pastas", _("Folders"), "inbox", (Role.ADMIN,), group="admin"),
    NavItem("/admin/modelos", _("Models"), "download", (Role.ADMIN,), group="admin"),
    NavItem("/admin/usuarios", _("People"), "user", (Role.ADMIN,), group="admin"),
    NavItem("/admin/grupos", _("Groups"), "users", (Role.ADMIN,), group="admin"),
    NavItem("/admin/diretorio", _("Directory"), "key", (Role.ADMIN,), group="admin"),
    NavItem("/admin/acesso/teste", _("Leak test"), "lock", (Role.ADMIN,), group="admin"),
    NavItem(
        "/admin/auditoria", _("Audit log"), "shield", (Role.ADMIN, Role.AUDITOR), group="admin"
    ),
    NavItem("/admin/copias", _("Backups"), "download", (Role.ADMIN,), group="admin"),
    NavItem("/admin/sistema", _("System"), "pulse", (Role.ADMIN,), group="admin"),
    NavItem("/admin/configuracoes", _("Settings"), "gear", (Role.ADMIN,), group="admin"),
    NavItem("/admin/avisos", _("Announcements"), "megaphone", (Role.ADMIN,), group="admin"),
)


def build_site(app: App, *, worker_alive: Callable[[], bool] = lambda: True) -> ASGIApp:
    """The ASGI application for `app`; `worker_alive` tells whether documents are processed."""
    site = application(app, worker_alive=worker_alive)
    return Frame(Border(site, app.settings), secure=app.settings.web.secure)


def application(app: App, *, worker_alive: Callable[[], bool] = lambda: True) -> Litestar:
    """The routes and what they need, without what stands before them (see build_site)."""
    look = look_of(app.settings.appearance)
    files = assets.Assets(resources.static_dir(), look.files)
    renderer = Renderer(resources.templates_dir(), files, menu.Menu(NAV, GROUPS), look)
    pages = Sheets()
    streams = Streams()

    def visit_of(request: HttpRequest) -> Visit:
        return Visit(app, renderer, request)

    async def visit(request: HttpRequest) -> Visit:
        return visit_of(request)

    return Litestar(
        route_handlers=[
            *routes(uploads.body_limit(app.settings)),
            api.router(uploads.body_limit(app.settings)),
        ],
        state=State({"govbot": app}),
        guards=[Gate(app)],
        dependencies={
            "visit": Provide(visit),
            "assets": Provide(lambda: files, sync_to_thread=False),
            "pages": Provide(lambda: pages, sync_to_thread=False),
            "streams": Provide(lambda: streams, sync_to_thread=False),
            "worker_alive": Provide(lambda: worker_alive, sync_to_thread=False),
        },
        exception_handlers=errors.handlers(visit_of),
        request_max_body_size=MAX_FORM_BYTES,
        request_class=BoundedRequest,
        multipart_form_part_limit=MAX_PARTS,
        openapi_config=None,
        logging_config=None,
    )
