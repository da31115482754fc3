"""The web site of an App: every route in one table, and what stands around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar, get, post
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from govbot import resources
from govbot.extract.render import PageRenderer
from govbot.web import account, assets, chat, errors, health, viewer
from govbot.web.guards import Gate
from govbot.web.headers import Frame
from govbot.web.i18n import _
from govbot.web.render import NavItem, Renderer
from govbot.web.visit import HttpRequest, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ASGIApp

    from govbot.app import App

MAX_FORM_BYTES = 1_000_000  # routes that take files set their own limit

OPEN = {"bare": True, "public": True}  # no session is read
PUBLIC = {"public": True}
BEFORE_PASSWORD = {"before_password": True}

CONVERSATION = "/conversas/{conversation_id:uuid}"
ANSWER = CONVERSATION + "/respostas/{answer_id:uuid}"
VERSION = "/documentos/{version_id:uuid}"

NAV = (NavItem("/", _("Ask"), "chat"),)


def routes() -> list[HTTPRouteHandler]:
    """The table of routes. A route without `opt` is for everybody who is signed in."""
    return [
        get("/static/{digest:str}/{name:path}", opt=OPEN)(assets.static_file),
        get("/healthz", opt=OPEN)(health.healthz),
        get("/readyz", opt=OPEN)(health.readyz),
        get("/metrics", opt=OPEN)(health.figures),
        # Account
        get("/entrar", opt=PUBLIC)(account.sign_in_form),
        post("/entrar", opt=PUBLIC, status_code=200)(account.sign_in),
        post("/sair", opt=BEFORE_PASSWORD, status_code=200)(account.sign_out),
        post("/preferencias", opt=PUBLIC, status_code=200)(account.preferences),
        get("/conta")(account.account),
        get("/conta/senha", opt=BEFORE_PASSWORD)(account.password_form),
        post("/conta/senha", opt=BEFORE_PASSWORD, status_code=200)(account.change_password),
        # Chat
        get("/")(chat.home),
        get("/conversas")(chat.listing),
        post("/conversas", status_code=200)(chat.start),
        get(CONVERSATION)(chat.show),
        post(CONVERSATION + "/perguntas", status_code=200)(chat.ask),
        get(CONVERSATION + "/titulo")(chat.title_form),
        post(CONVERSATION + "/titulo", status_code=200)(chat.rename),
        get(CONVERSATION + "/excluir")(chat.delete_form),
        post(CONVERSATION + "/excluir", status_code=200)(chat.delete),
        get(ANSWER + "/eventos")(chat.events),
        post(ANSWER + "/parar", status_code=200)(chat.stop),
        post(ANSWER + "/refazer", status_code=200)(chat.regenerate),
        # Viewer
        get(VERSION + "/pagina/{number:int}")(viewer.page),
        get(VERSION + "/pagina/{number:int}/imagem")(viewer.image),
        get(VERSION + "/arquivo")(viewer.original),
    ]


def build_site(app: App, *, worker_alive: Callable[[], bool] = lambda: True) -> ASGIApp:
    """The ASGI application for `app`; `worker_alive` tells whether documents are processed."""
    files = assets.Assets(resources.static_dir())
    renderer = Renderer(resources.templates_dir(), files, NAV)
    pages = PageRenderer()

    def visit_of(request: HttpRequest) -> Visit:
        return Visit(app, renderer, request)

    async def visit(request: HttpRequest) -> Visit:
        return visit_of(request)

    hosts = list(app.settings.web.allowed_hosts)
    site = Litestar(
        route_handlers=routes(),
        guards=[Gate(app)],
        dependencies={
            "visit": Provide(visit),
            "assets": Provide(lambda: files, sync_to_thread=False),
            "pages": Provide(lambda: pages, sync_to_thread=False),
            "worker_alive": Provide(lambda: worker_alive, sync_to_thread=False),
        },
        exception_handlers=errors.handlers(visit_of),
        allowed_hosts=AllowedHostsConfig(allowed_hosts=hosts) if hosts else None,
        request_max_body_size=MAX_FORM_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return Frame(site, secure=app.settings.web.secure_cookies)
