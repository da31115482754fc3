"""Answers from any server that speaks OpenAI's chat completions: vLLM, Ollama, LM Studio,
llama-server, or a commercial one that the organisation allows.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
from httpx_sse import EventSource, SSEError

from govbot.errors import Busy, GovBotError, Unavailable
from govbot.generate import GenerationSettings, Request, State, Status
from govbot.generate.fit import Prompt, smaller, too_long
from govbot.generate.reasoning import ReasoningFilter

log = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 10.0
_MAX_CONNECTIONS = 256
_RETRY_WAIT_S = 0.5
_RETRIED = frozenset({502, 503, 504})  # a server that restarts or still loads its model
_DROP_STEP = 1 / 3  # of the passages, each time the server finds the prompt too long
_TOO_LONG = ("context length", "context_length", "context size", "context window", "too long",
             "exceed_context", "maximum context", "n_ctx")  # fmt: skip


class RemoteGenerator:
    """One server and one model. Keeps connections open between requests."""

    excerpts = False

    def __init__(
        self,
        settings: GenerationSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry_wait_s: float = _RETRY_WAIT_S,
    ) -> None:
        self.name = f"openai:{settings.model}"
        self._model = settings.model
        self._url = completions_url(settings.base_url)
        self._timeout_s = float(settings.timeout_s)
        self._retry_wait_s = retry_wait_s
        self._error = ""
        self._running = 0
        key = settings.api_key.get_secret_value()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(
                self._timeout_s, connect=min(_CONNECT_TIMEOUT_S, self._timeout_s)
            ),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
            transport=transport,
        )

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Text deltas. A silence longer than the timeout, before the first text or between two,
        ends it. Nothing is tried again once text has come."""
        self._running += 1
        try:
            async with aclosing(self._attempts(request)) as texts:
                async for text in texts:
                    yield text
            self._error = ""
        except GovBotError as error:
            self._error = str(error)
            raise
        finally:
            self._running -= 1

    def status(self) -> Status:
        state = State.FAILED if self._error else State.READY
        return Status(state, device=self._url, error=self._error, running=self._running)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _attempts(self, request: Request) -> AsyncGenerator[str, None]:
        for prompt in smaller(request, step=_DROP_STEP):
            async with self._opened(request, prompt) as response:
                if response is None:
                    continue  # too long: the next one is smaller
                if request.on_sources is not None:
                    request.on_sources(prompt.sources)
                thoughts = ReasoningFilter()
                async with aclosing(self._deltas(response)) as deltas:
                    async for delta in deltas:
                        if text := thoughts.feed(delta):
                            yield text
                if rest := thoughts.end():
                    yield rest
                return
        raise too_long()

    @asynccontextmanager
    async def _opened(
        self, request: Request, prompt: Prompt
    ) -> AsyncIterator[httpx.Response | None]:
        """The response whose body is still to come; None when the prompt is too long."""
        response = await self._send(_body(self._model, request, prompt))
        try:
            if response.status_code != httpx.codes.OK:
                text = await _read_error(response)
                if not _is_too_long(response.status_code, text):
                    raise self._refusal(response.status_code)
                yield None
            else:
                yield response
        finally:
            await response.aclose()

    async def _send(self, body: dict[str, Any]) -> httpx.Response:
        """Headers of the answer; one more try when the server is not there or not ready."""
        for last_try in (False, True):
            outgoing = self._client.build_request("POST", self._url, json=body)
            try:
                async with asyncio.timeout(self._timeout_s):
                    response = await self._client.send(outgoing, stream=True)
            except (httpx.TimeoutException, TimeoutError) as error:
                raise _silent() from error
            except httpx.HTTPError as error:
                if last_try:
                    raise _unreachable(self._url) from error
            else:
                if last_try or response.status_code not in _RETRIED:
                    return response
                await response.aclose()
            await asyncio.sleep(self._retry_wait_s)
        raise AssertionError("the last try returns or raises")

    async def _deltas(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        if "text/event-stream" not in response.headers.get("content-type", ""):
            yield _whole_answer(await response.aread())
            return
        finished = False
        events = EventSource(response).aiter_sse()
        try:
            while True:
                # Around every event, because comments that keep the connection open would reset
                # the read timeout of the socket for ever.
                async with asyncio.timeout(self._timeout_s):
                    event = await anext(events, None)
                if event is None or event.data.strip() == "[DONE]":
                    break
                text, last = _parsed(event.data)
                finished = finished or last
                if text:
                    yield text
        except (httpx.TimeoutException, TimeoutError) as error:
            raise _silent() from error
        except (httpx.HTTPError, SSEError, UnicodeDecodeError) as error:
            raise _broken() from error
        finally:
            await events.aclose()
        if event is None and not finished:
            raise _broken()

    def _refusal(self, status: int) -> GovBotError:
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
                model=self._model,
                code="E-MODEL-NAME",
            )
        if status == 429:
            return Busy("The model server is busy: try again in a moment.")
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


def completions_url(base_url: str) -> str:
    """Where to post, for a base address with or without `/v1` (or the whole path)."""
    base = base_url.strip().rstrip("/").removesuffix("/chat/completions")
    path = httpx.URL(base).path.rstrip("/")
    return f"{base}/chat/completions" if path else f"{base}/v1/chat/completions"


def _body(model: str, request: Request, prompt: Prompt) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
    }


async def _read_error(response: httpx.Response) -> str:
    try:
        return (await response.aread()).decode("utf-8", errors="replace")
    except httpx.HTTPError:
        return ""


def _is_too_long(status: int, text: str) -> bool:
    lowered = text.lower()
    return status in {400, 413, 422, 500} and any(sign in lowered for sign in _TOO_LONG)


def _parsed(data: str) -> tuple[str, bool]:
    """Text of one event, and whether it says that the answer is complete."""
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
        return str(delta.get("content") or ""), choices[0].get("finish_reason") is not None
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise _broken() from error


def _whole_answer(body: bytes) -> str:
    """For servers that do not stream."""
    try:
        return str(json.loads(body)["choices"][0]["message"]["content"] or "")
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Unavailable(
            "The address in generation.base_url does not answer like a model server.",
            code="E-MODEL-ANSWER",
        ) from error


def _unreachable(url: str) -> Unavailable:
    return Unavailable(
        "The model server at %(host)s cannot be reached.",
        host=httpx.URL(url).netloc.decode(),
        code="E-MODEL-SERVER",
    )


def _silent() -> Unavailable:
    return Unavailable("The model server did not answer in time: try again.", code="E-MODEL-TIME")


def _broken() -> Unavailable:
    return Unavailable(
        "The connection to the model server broke before the answer was complete: try again.",
        code="E-MODEL-BROKEN",
    )
