"""What is sent to an OpenAI-compatible server and what comes back, and its failures in words."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import httpx

from govbot.errors import Busy, GovBotError, Unavailable
from govbot.generate import Request, Sampling
from govbot.generate.fit import Prompt

log = logging.getLogger(__name__)

_TOO_LONG = ("context length", "context_length", "context size", "context window", "too long",
             "exceed_context", "maximum context", "n_ctx")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the server counted; `shared` of the prompt it had in memory."""

    prompt: int
    shared: int
    completion: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a streamed answer; `finish` is the server's word for the end, if it is there."""

    text: str
    finish: str
    tokens: Tokens | None


def base_of(address: str) -> str:
    """The address that the paths of the protocol follow: given with or without `/v1`."""
    base = address.strip().rstrip("/").removesuffix("/chat/completions")
    return base if httpx.URL(base).path.rstrip("/") else f"{base}/v1"


def shown(url: str) -> str:
    """An address without the account that may stand in it."""
    return str(httpx.URL(url).copy_with(username=None, password=None))


def body(model: str, request: Request, prompt: Prompt, *, count: bool) -> dict[str, Any]:
    """The request in the protocol's words; `count` asks for the number of tokens.

    Only what all servers know is sent: top_k, min_p and repeat_penalty are not of the protocol.
    """
    sampling = request.sampling or Sampling(temperature=request.temperature, top_p=1.0)
    found: dict[str, Any] = {
        "model": model,
        "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
        "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "stream": True,
    }
    if request.sampling is not None:
        found["top_p"] = sampling.top_p
    if sampling.seed is not None:
        found["seed"] = sampling.seed
    if request.stop:
        found["stop"] = list(request.stop)
    if request.grammar is not None:
        found |= _form(request.grammar.kind, request.grammar.text)
    if count:
        found["stream_options"] = {"include_usage": True}
    return found


def _form(kind: str, text: str) -> dict[str, Any]:
    if kind == "gbnf":  # llama-server alone knows it
        return {"grammar": text}
    schema = {"name": "answer", "strict": True, "schema": json.loads(text)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def parsed(data: str) -> Chunk:
    """One event. Raises Unavailable when the server tells of a failure, or nonsense."""
    try:
        chunk = json.loads(data)
        if chunk.get("error"):
            log.warning(
                "The model server failed while answering.", extra={"action": "generation.failed"}
            )
            raise Unavailable(
                "The model server failed while writing the answer: try again.",
                code="E-MODEL-SERVER",
            )
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        finish = str(choices[0].get("finish_reason") or "")
        return Chunk(str(delta.get("content") or ""), finish, _tokens(chunk.get("usage")))
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise broken() from error


def whole(data: bytes) -> Chunk:
    """The answer of a server that does not stream."""
    try:
        answer = json.loads(data)
        choice = answer["choices"][0]
        text = str(choice["message"]["content"] or "")
        return Chunk(text, str(choice.get("finish_reason") or "stop"), _tokens(answer.get("usage")))
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise Unavailable(
            "The address in generation.base_url does not answer like a model server.",
            code="E-MODEL-ANSWER",
        ) from error


def _tokens(usage: Any) -> Tokens | None:
    if not usage:
        return None
    details = usage.get("prompt_tokens_details") or {}
    return Tokens(
        int(usage.get("prompt_tokens") or 0),
        int(details.get("cached_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
    )


def is_too_long(status: int, text: str) -> bool:
    lowered = text.lower()
    return status in {400, 413, 422, 500} and any(sign in lowered for sign in _TOO_LONG)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, where it says so in seconds."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None


def refusal(response: httpx.Response, model: str) -> GovBotError:
    """The error for a status that is no answer."""
    status = response.status_code
    # Its words are not logged: servers repeat the request in them, passages and all.
    log.warning(
        "The model server answered with status %d.",
        status,
        extra={"action": "generation.refused"},
    )
    if status in {401, 403}:
        return Unavailable(
            "The model server refuses the key: check generation.api_key.", code="E-MODEL-KEY"
        )
    if status == 404:
        return Unavailable(
            "The model server does not know the model %(model)s or the address: check "
            "generation.model and generation.base_url.",
            model=model,
            code="E-MODEL-NAME",
        )
    if status == 429:
        return Busy(
            "The model server is busy: try again in a moment.",
            retry_after=round(retry_after(response) or 5),
        )
    if status >= 500:
        return Unavailable(
            "The model server has a problem (HTTP %(status)d): try again later.",
            status=status,
            code="E-MODEL-SERVER",
        )
    return Unavailable(
        "The model server refused the request (HTTP %(status)d).",
        status=status,
        code="E-MODEL-REFUSED",
    )


def unreachable(url: str) -> Unavailable:
    return Unavailable(
        "The model server at %(host)s cannot be reached.",
        host=httpx.URL(url).copy_with(username=None, password=None).netloc.decode(),
        code="E-MODEL-SERVER",
    )


def left_alone(url: str, wait_s: float) -> Unavailable:
    return Unavailable(
        "The model server at %(host)s failed several times: it is asked again in %(seconds)d s.",
        host=httpx.URL(url).copy_with(username=None, password=None).netloc.decode(),
        seconds=max(1, round(wait_s)),
        code="E-MODEL-SERVER",
    )


def silent() -> Unavailable:
    return Unavailable("The model server did not answer in time: try again.", code="E-MODEL-TIME")


def broken() -> Unavailable:
    return Unavailable(
        "The connection to the model server broke before the answer was complete: try again.",
        code="E-MODEL-BROKEN",
    )
