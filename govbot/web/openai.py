"""The routes under /v1 that OpenAI's clients speak, with the keys and rights of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema

from govbot.auth.api_keys import Scope
from govbot.web import openai_chat, openai_embeddings, openai_models
from govbot.web.api_route import Route
from govbot.web.openai_types import OpenAIProblem

ROOT = "/v1"
TAG = "openai"
MAX_BYTES = 2_000_000  # 64 texts of 16000 characters, or a long conversation


@dataclass
class _Streamable(Operation):
    """An operation that answers with JSON or with events."""

    def __post_init__(self) -> None:
        events = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/event-stream"] = events


def routes() -> list[HTTPRouteHandler]:
    """The table of routes."""
    return [
        _route(Scope.ASK, "chatCompletions", (404, 413), {"operation_class": _Streamable}).post(
            "/chat/completions"
        )(openai_chat.chat_completions),
        _route(Scope.ASK, "listModels", ()).get("/models")(openai_models.list_models),
        _route(Scope.ASK, "getModel").get("/models/{model:path}")(openai_models.get_model),
        _route(Scope.EMBED, "embeddings", (404, 413)).post("/embeddings")(
            openai_embeddings.embeddings
        ),
    ]


def _route(
    scope: Scope, name: str, problems: tuple[int, ...] = (404,), more: dict[str, Any] | None = None
) -> Route:
    return Route(scope, name, TAG, problems, more or {}, problem=OpenAIProblem)
