"""The programming interfaces: REST under /api/v1 and what OpenAI's clients speak under /v1, their
routes in one table, and their OpenAPI document.

Every route needs a key (api_gate.py); `scope` is what the key must be allowed. Errors are JSON
(api_errors.py), lists are cut by cursors (api_call.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)

from govbot import __version__
from govbot.auth.api_keys import Scope
from govbot.web import api_conversations, api_documents, api_questions, openai
from govbot.web.api_call import Call
from govbot.web.api_questions import Slots
from govbot.web.api_route import Route
from govbot.web.api_types import Upload
from govbot.web.visit import HttpRequest

if TYPE_CHECKING:
    from govbot.app import App

ROOT = "/api/v1"
SCHEMA = ROOT + "/openapi.json"
MAX_JSON_BYTES = 64_000  # the longest question is 4000 characters
COLLECTION = "/collections/{collection_id:uuid}"
DOCUMENT = "/documents/{document_id:uuid}"
CONVERSATION = "/conversations/{conversation_id:uuid}"

DESCRIPTION = """Documents, search and answers with citations, under exactly the rights of the \
person behind the key. A document that may not be read answers like one that does not exist."""


@dataclass
class _BinaryBody(Operation):
    """An operation whose body is a file as it is."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody(
            content={"application/octet-stream": OpenAPIMediaType(schema=schema)},
            required=True,
        )


@dataclass
class _FileAnswer(Operation):
    """An operation that answers with a file of whatever kind it is."""

    def __post_init__(self) -> None:
        file = OpenAPIMediaType(schema=Schema(content_media_type="application/octet-stream"))
        answer = OpenAPIResponse(description="The file.", content={"*/*": file})
        self.responses = {**(self.responses or {}), "200": answer}


def router(upload_bytes: int) -> Router:
    """All routes with keys; `upload_bytes` is the largest body of those that take files."""
    slots = Slots()  # one for both interfaces
    handlers = [*_documents(upload_bytes), *_questions(), *_person(), _schema_route()]
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


def _documents(upload_bytes: int) -> list[HTTPRouteHandler]:
    def reads(name: str, **more: Any) -> Route:
        return Route(Scope.DOCUMENTS_READ, name, "documents", more=more)

    def writes(name: str, *problems: int, **more: Any) -> Route:
        return Route(Scope.DOCUMENTS_WRITE, name, "documents", (404, 409, *problems), more)

    duplicate = ResponseSpec(
        Upload, description="The collection has this content already.", generate_examples=False
    )
    sends: dict[str, Any] = {
        "request_max_body_size": upload_bytes,
        "status_code": 202,
        "responses": {200: duplicate},
    }
    return [
        reads("listCollections").get("/collections")(api_documents.list_collections),
        reads("getCollection").get(COLLECTION)(api_documents.get_collection),
        writes("uploadFile", 413, **sends, operation_class=_BinaryBody).post(
            COLLECTION + "/documents"
        )(api_documents.upload_raw),
        reads("listDocuments").get("/documents")(api_documents.list_documents),
        writes("uploadForm", 413, **sends).post("/documents")(api_documents.upload_form),
        reads("getDocument").get(DOCUMENT)(api_documents.get_document),
        writes("deleteDocument").delete(DOCUMENT)(api_documents.delete_document),
        reads("getOriginal", operation_class=_FileAnswer).get(DOCUMENT + "/original")(
            api_documents.original
        ),
        reads("getPageText").get(DOCUMENT + "/pages/{page:int}")(api_documents.page_text),
    ]


def _questions() -> list[HTTPRouteHandler]:
    def asks(name: str, scope: Scope = Scope.ASK, **more: Any) -> Route:
        return Route(scope, name, "questions", more=more)

    return [
        asks("search", Scope.SEARCH).post("/search")(api_questions.search),
        asks("ask").post("/ask")(api_questions.ask),
        asks("askStream", media_type="text/event-stream").post("/ask/stream")(
            api_questions.ask_stream
        ),
    ]


def _person() -> list[HTTPRouteHandler]:
    def reads(name: str) -> Route:
        return Route(Scope.CONVERSATIONS_READ, name, "person")

    def writes(name: str, **more: Any) -> Route:
        return Route(Scope.CONVERSATIONS_WRITE, name, "person", more=more)

    return [
        Route(None, "me", "person").get("/me")(api_conversations.me),
        reads("listConversations").get("/conversations")(api_conversations.list_conversations),
        reads("getConversation").get(CONVERSATION)(api_conversations.get_conversation),
        writes("deleteConversation").delete(CONVERSATION)(api_conversations.delete_conversation),
        writes("rateAnswer", status_code=204).post(
            CONVERSATION + "/answers/{answer_id:uuid}/rating"
        )(api_conversations.rate_answer),
    ]


def _schema_route() -> HTTPRouteHandler:
    async def openapi() -> Response[dict[str, Any]]:
        """The OpenAPI document of this API."""
        return Response(document(), media_type="application/json")

    opt = {"bare": True, "public": True}  # it is the same for everybody and holds no data
    return get("/openapi.json", opt=opt, include_in_schema=False)(openapi)


def _call(request: HttpRequest) -> Call:
    app: App = request.app.state.govbot
    return Call(app, request)
