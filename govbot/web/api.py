"""The programming interfaces: REST under /api/v1 and what OpenAI's clients speak under /v1, their
routes in one table, and their OpenAPI document.

Every route needs a key (api_gate.py); `scope` is what the key must be allowed. Errors are JSON
(api_errors.py), lists are cut by cursors (api_call.py).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from govbot import __version__
from govbot.web import api_table, openai
from govbot.web.api_call import Call
from govbot.web.api_questions import Slots
from govbot.web.visit import HttpRequest

if TYPE_CHECKING:
    from govbot.app import App

ROOT = "/api/v1"
SCHEMA = ROOT + "/openapi.json"
MAX_JSON_BYTES = 64_000  # the longest question is 4000 characters

DESCRIPTION = """Documents, search and answers with citations, under exactly the rights of the \
person behind the key. A document that may not be read answers like one that does not exist."""


def router(upload_bytes: int) -> Router:
    """All routes with keys; `upload_bytes` is the largest body of those that take files."""
    slots = Slots()  # one for both interfaces
    handlers = [*api_table.routes(upload_bytes), _schema_route()]
    rest = Router(ROOT, route_handlers=handlers, request_max_body_size=MAX_JSON_BYTES)
    chats = Router(
        openai.ROOT, route_handlers=openai.routes(), request_max_body_size=openai.MAX_BYTES
    )
    return Router(
        "/",
        route_handlers=[rest, chats],
        dependencies={
            "call": Provide(_call, sync_to_thread=False),
            "slots": Provide(lambda: slots, sync_to_thread=False),
        },
    )


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes, as JSON holds it."""
    site = Litestar(
        route_handlers=[router(MAX_JSON_BYTES)],
        dependencies={"worker_alive": Provide(lambda: bool, sync_to_thread=False)},
        openapi_config=OpenAPIConfig(
            title="GovBot",
            version=__version__,
            description=DESCRIPTION,
            use_handler_docstrings=True,
            components=Components(
                security_schemes={
                    "key": SecurityScheme(
                        type="http",
                        scheme="bearer",
                        bearer_format="gb_<id>_<secret>",
                        description="An API key, made on the page /conta/chaves.",
                    )
                }
            ),
        ),
        logging_config=None,
    )
    return site.openapi_schema.to_schema()


def _schema_route() -> HTTPRouteHandler:
    async def openapi() -> Response[dict[str, Any]]:
        """The OpenAPI document of this API."""
        return Response(document(), media_type="application/json")

    opt = {"bare": True, "public": True}  # it is the same for everybody and holds no data
    return get("/openapi.json", opt=opt, include_in_schema=False)(openapi)


def _call(request: HttpRequest) -> Call:
    app: App = request.app.state.govbot
    return Call(app, request)
