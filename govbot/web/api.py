"""The REST API under /api/v1: its routes in one table, and their OpenAPI document.

Every route needs a key (api_gate.py); `scope` is what the key must be allowed. Errors are JSON
(api_errors.py), lists are cut by cursors (api_call.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response, Router, delete, get, post
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
from govbot.web import api_conversations, api_documents, api_questions
from govbot.web.api_call import Call
from govbot.web.api_questions import Slots
from govbot.web.api_types import Problem, Upload
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
_PROBLEMS = {
    400: "The request is malformed.",
    401: "The key is missing, not valid, expired or revoked.",
    403: "The key lacks the scope, or the person may read this but not do that.",
    404: "It does not exist, or may not be read: the two look alike.",
    405: "This address does not know this method.",
    409: "It conflicts with what is there.",
    413: "It is larger than the limit.",
    422: "A value is not valid.",
    429: "Too many requests: `Retry-After` says how many seconds to wait.",
    503: "A part that is needed is not available: try again later.",
}


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


@dataclass(frozen=True)
class _Call:
    """The options of a route: its scope, its name in the document, and what else differs."""

    scope: Scope | None
    name: str
    tag: str
    problems: tuple[int, ...] = (404,)
    more: dict[str, Any] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """What a Litestar handler is made with."""
        statuses = sorted({400, 401, 403, 405, 422, 429, 503, *self.problems})
        responses = {
            status: ResponseSpec(Problem, description=_PROBLEMS[status], generate_examples=False)
            for status in statuses
        }
        responses |= self.more.get("responses", {})
        roles = [self.scope.value] if self.scope else []
        return {
            "opt": {"api": True, "scope": self.scope},
            "operation_id": self.name,
            "tags": [self.tag],
            "security": [{"key": roles}],
            **self.more,
            "responses": responses,
        }


def router(upload_bytes: int) -> Router:
    """The routes of the API; `upload_bytes` is the largest body of those that take files."""
    slots = Slots()
    return Router(
        ROOT,
        route_handlers=[*_documents(upload_bytes), *_questions(), *_person(), _schema_route()],
        dependencies={
            "call": Provide(_call, sync_to_thread=False),
            "slots": Provide(lambda: slots, sync_to_thread=False),
        },
        request_max_body_size=MAX_JSON_BYTES,
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
    reads, writes = Scope.DOCUMENTS_READ, Scope.DOCUMENTS_WRITE
    here = "documents"
    duplicate = ResponseSpec(
        Upload, description="The collection has this content already.", generate_examples=False
    )
    sends: dict[str, Any] = {
        "request_max_body_size": upload_bytes,
        "status_code": 202,
        "responses": {200: duplicate},
    }
    refuses = (404, 409, 413)
    return [
        _get("/collections", _Call(reads, "listCollections", here))(api_documents.list_collections),
        _get(COLLECTION, _Call(reads, "getCollection", here))(api_documents.get_collection),
        _post(
            COLLECTION + "/documents",
            _Call(writes, "uploadFile", here, refuses, {**sends, "operation_class": _BinaryBody}),
        )(api_documents.upload_raw),
        _get("/documents", _Call(reads, "listDocuments", here))(api_documents.list_documents),
        _post("/documents", _Call(writes, "uploadForm", here, refuses, sends))(
            api_documents.upload_form
        ),
        _get(DOCUMENT, _Call(reads, "getDocument", here))(api_documents.get_document),
        delete(DOCUMENT, **_Call(writes, "deleteDocument", here, (404, 409)).options())(
            api_documents.delete_document
        ),
        _get(
            DOCUMENT + "/original",
            _Call(reads, "getOriginal", here, more={"operation_class": _FileAnswer}),
        )(api_documents.original),
        _get(DOCUMENT + "/pages/{page:int}", _Call(reads, "getPageText", here))(
            api_documents.page_text
        ),
    ]


def _questions() -> list[HTTPRouteHandler]:
    streams = {"media_type": "text/event-stream"}
    return [
        _post("/search", _Call(Scope.SEARCH, "search", "questions"))(api_questions.search),
        _post("/ask", _Call(Scope.ASK, "ask", "questions"))(api_questions.ask),
        _post("/ask/stream", _Call(Scope.ASK, "askStream", "questions", more=streams))(
            api_questions.ask_stream
        ),
    ]


def _person() -> list[HTTPRouteHandler]:
    reads, writes = Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE
    return [
        _get("/me", _Call(None, "me", "person"))(api_conversations.me),
        _get("/conversations", _Call(reads, "listConversations", "person"))(
            api_conversations.list_conversations
        ),
        _get(CONVERSATION, _Call(reads, "getConversation", "person"))(
            api_conversations.get_conversation
        ),
        delete(CONVERSATION, **_Call(writes, "deleteConversation", "person").options())(
            api_conversations.delete_conversation
        ),
        _post(
            CONVERSATION + "/answers/{answer_id:uuid}/rating",
            _Call(writes, "rateAnswer", "person", more={"status_code": 204}),
        )(api_conversations.rate_answer),
    ]


def _schema_route() -> HTTPRouteHandler:
    async def openapi() -> Response[dict[str, Any]]:
        """The OpenAPI document of this API."""
        return Response(document(), media_type="application/json")

    opt = {"bare": True, "public": True}  # it is the same for everybody and holds no data
    return get("/openapi.json", opt=opt, include_in_schema=False)(openapi)


def _get(path: str, call: _Call) -> Callable[[Any], HTTPRouteHandler]:
    return get(path, **call.options())


def _post(path: str, call: _Call) -> Callable[[Any], HTTPRouteHandler]:
    return post(path, **{"status_code": 200, **call.options()})


def _call(request: HttpRequest) -> Call:
    app: App = request.app.state.govbot
    return Call(app, request)
