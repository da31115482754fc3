"""Answers from any server that speaks OpenAI's chat completions: vLLM, Ollama, LM Studio, TGI,
llama-server, or a commercial one that the organisation allows.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from httpx_sse import EventSource, SSEError

from govbot.errors import Busy, GovBotError, Invalid, Unavailable
from govbot.generate import GenerationSettings, Request, State, Status, Usage, remote_wire
from govbot.generate.breaker import Breaker
from govbot.generate.fit import Prompt, smaller, too_long
from govbot.generate.reasoning import ReasoningFilter
from govbot.generate.remote_wire import Chunk, Tokens
from govbot.generate.turns import Turns

log = logging.getLogger(__name__)

_CHECK_TIMEOUT_S = 5.0
_MAX_CONNECTIONS = 256
_RETRY_WAIT_S = 0.5
_LONGEST_RETRY_WAIT_S = 8.0
_RETRIED = frozenset({502, 503, 504})  # a server that restarts or still loads its model
_DROP_STEP = 1 / 3  # of the passages, each time the server finds the prompt too long
_BREAKS = frozenset({"E-MODEL-SERVER", "E-MODEL-TIME", "E-MODEL-BROKEN", "E-MODEL-ANSWER",
                     "E-MODEL-KEY", "E-MODEL-NAME"})  # fmt: skip
_LETTERS_PER_TOKEN = 4  # where a server does not count


@dataclass(slots=True)
class _Writing:
    """One request on its way; `deadline` is a time of the loop."""

    request: Request
    started: float
    deadline: float
    first_ms: float = 0.0
    letters: int = 0
    prompt_letters: int = 0
    finish: str = ""
    tokens: Tokens | None = None

    def hear(self, chunk: Chunk) -> None:
        self.finish = chunk.finish or self.finish
        self.tokens = chunk.tokens or self.tokens

    def show(self, text: str) -> None:
        if not self.letters:
            self.first_ms = (time.perf_counter() - self.started) * 1000
        self.letters += len(text)

    def report(self) -> None:
        """Says what it took, by the server's count or, without one, by a guess from its letters."""
        if self.request.on_usage is None or not self.prompt_letters:
            return
        counted = self.tokens or Tokens(
            self.prompt_letters // _LETTERS_PER_TOKEN, 0, -(-self.letters // _LETTERS_PER_TOKEN)
        )
        finish: Literal["stop", "length", "cancelled"] = "cancelled"
        if self.finish:
            finish = "length" if self.finish == "length" else "stop"
        self.request.on_usage(
            Usage(counted.prompt, counted.shared, counted.completion, self.first_ms, finish)
        )


class RemoteGenerator:
    """One server and one model. Keeps connections open between requests, and leaves the server
    alone for a while after failures in a row."""

    excerpts = False

    def __init__(
        self,
        settings: GenerationSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry_wait_s: float = _RETRY_WAIT_S,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = f"openai:{settings.model}"
        self._model = settings.model
        base = remote_wire.base_of(settings.base_url)
        self._url, self._list_url = f"{base}/chat/completions", f"{base}/models"
        self._timeout_s = float(settings.timeout_s)
        self._answer_s = float(settings.answer_timeout_s)
        self._retries = settings.retries
        self._retry_wait_s = retry_wait_s
        self._breaker = breaker or Breaker()
        self._turns = Turns(settings.parallel)
        self._places = settings.parallel
        self._counts = True
        self._failure: GovBotError | None = None
        key = settings.api_key.get_secret_value()
        connect_s = min(float(settings.connect_timeout_s), self._timeout_s)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(self._timeout_s, connect=connect_s),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
            transport=transport,
        )

    @property
    def breaker(self) -> Literal["closed", "open", "half-open"]:
        """ "open": the server failed several times in a row and is not asked."""
        return self._breaker.state

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Text deltas. A silence longer than the timeout, before the first text or between two,
        ends it. Nothing is tried again once text has come."""
        loop = asyncio.get_running_loop()
        limit_s = self._answer_s if request.timeout_s is None else request.timeout_s
        deadline = loop.time() + limit_s
        writing = _Writing(request, time.perf_counter(), deadline)
        try:
            async with (
                self._turns.place(request, until=deadline),
                aclosing(self._guarded(writing)) as texts,
            ):
                async for text in texts:
                    writing.show(text)
                    yield text
        except TimeoutError as error:
            raise remote_wire.silent() from error
        finally:
            writing.report()

    async def check(self) -> None:
        """Asks the server for its models: whether it is there, and takes the key."""
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                response = await self._client.get(self._list_url, timeout=_CHECK_TIMEOUT_S)
        except (httpx.HTTPError, TimeoutError):
            self._fails(remote_wire.unreachable(self._url))
            return
        if response.status_code in {401, 403} or response.status_code >= 500:
            self._fails(remote_wire.refusal(response, self._model))
        else:  # a server without a list of models answers 404: it is there
            self._works()

    def status(self) -> Status:
        return Status(
            State.FAILED if self._failure else State.READY,
            device=remote_wire.shown(self._url),
            failure=self._failure,
            running=self._turns.running,
            waiting=self._turns.waiting,
            slots=max(1, self._places),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _guarded(self, writing: _Writing) -> AsyncGenerator[str, None]:
        """The answer, unless the server is left alone; the breaker hears how it went."""
        if not self._breaker.enter():
            raise remote_wire.left_alone(self._url, self._breaker.wait_s)
        told = False
        try:
            async with aclosing(self._attempts(writing)) as texts:
                async for text in texts:
                    yield text
            self._works()
            told = True
        except GovBotError as error:
            told = True
            if error.error_code in _BREAKS:
                self._fails(error)
            elif isinstance(error, Invalid):
                self._works()
            else:
                self._failure = None if isinstance(error, Busy) else error
                self._breaker.left()
            raise
        finally:
            if not told:
                self._breaker.left()

    def _works(self) -> None:
        self._failure = None
        self._breaker.succeeded()

    def _fails(self, error: GovBotError) -> None:
        self._failure = error
        self._breaker.failed()
        if self._breaker.state == "open":
            log.error(
                "The model server %s is left alone for %.0f s: %s",
                remote_wire.shown(self._url),
                self._breaker.wait_s,
                error.error_code,
                extra={"action": "generation.breaker-open"},
            )

    async def _attempts(self, writing: _Writing) -> AsyncGenerator[str, None]:
        request = writing.request
        for prompt in smaller(request, step=_DROP_STEP):
            async with self._opened(writing, prompt) as response:
                if response is None:
                    continue  # too long: the next one is smaller
                writing.prompt_letters = sum(len(each.content) for each in prompt.messages)
                if request.on_sources is not None:
                    request.on_sources(prompt.sources)
                thoughts = ReasoningFilter()
                async with aclosing(self._chunks(response, writing)) as chunks:
                    async for chunk in chunks:
                        writing.hear(chunk)
                        if text := thoughts.feed(chunk.text):
                            yield text
                writing.finish = writing.finish or "stop"
                if rest := thoughts.end():
                    yield rest
                return
        raise too_long()

    @asynccontextmanager
    async def _opened(
        self, writing: _Writing, prompt: Prompt
    ) -> AsyncIterator[httpx.Response | None]:
        """The response whose body is still to come; None when the prompt is too long."""
        response = await self._asked(writing, prompt)
        try:
            if response.status_code != httpx.codes.OK:
                text = await _read_error(response)
                if not remote_wire.is_too_long(response.status_code, text):
                    raise remote_wire.refusal(response, self._model)
                yield None
            else:
                yield response
        finally:
            await response.aclose()

    async def _asked(self, writing: _Writing, prompt: Prompt) -> httpx.Response:
        """As `_send`; a server that does not know how to count tokens is asked without."""
        count = writing.request.on_usage is not None and self._counts
        body = remote_wire.body(self._model, writing.request, prompt, count=count)
        response = await self._send(body, writing.deadline)
        if count and response.status_code in {400, 422}:
            text = await _read_error(response)
            if "stream_options" in text or "include_usage" in text:
                self._counts = False
                await response.aclose()
                body.pop("stream_options")
                return await self._send(body, writing.deadline)
        return response

    async def _send(self, body: dict[str, Any], deadline: float) -> httpx.Response:
        """Headers of the answer; tried again with growing waits while the server is not there or
        not ready."""
        for attempt in range(self._retries + 1):
            found = await self._try(body, deadline)
            wait_s = min(self._retry_wait_s * 2**attempt, _LONGEST_RETRY_WAIT_S)
            wait_s *= random.uniform(0.75, 1.0)  # noqa: S311 - so that not all come back at once
            if isinstance(found, httpx.Response):
                wait_s = max(wait_s, remote_wire.retry_after(found) or 0.0)
                if found.status_code not in _RETRIED or wait_s > _LONGEST_RETRY_WAIT_S:
                    return found
            if attempt < self._retries:
                if isinstance(found, httpx.Response):
                    await found.aclose()
                if wait_s >= self._patience(deadline):
                    raise remote_wire.silent()
                await asyncio.sleep(wait_s)
        if isinstance(found, httpx.Response):
            return found
        raise found

    async def _try(self, body: dict[str, Any], deadline: float) -> httpx.Response | Unavailable:
        """What the server answers, or that it is not there. Raises Unavailable when it is silent:
        it may be writing already, so it is not asked a second time."""
        outgoing = self._client.build_request("POST", self._url, json=body)
        try:
            async with asyncio.timeout(self._patience(deadline)):
                return await self._client.send(outgoing, stream=True)
        except httpx.ConnectTimeout:
            return remote_wire.unreachable(self._url)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise remote_wire.silent() from error
        except httpx.HTTPError:
            return remote_wire.unreachable(self._url)

    async def _chunks(
        self, response: httpx.Response, writing: _Writing
    ) -> AsyncGenerator[Chunk, None]:
        if "text/event-stream" not in response.headers.get("content-type", ""):
            yield remote_wire.whole(await self._body(response, writing.deadline))
            return
        finished = False
        events = EventSource(response).aiter_sse()
        try:
            while True:
                # Around every event, because comments that keep the connection open would reset
                # the read timeout of the socket for ever.
                async with asyncio.timeout(self._patience(writing.deadline)):
                    event = await anext(events, None)
                if event is None or event.data.strip() == "[DONE]":
                    break
                chunk = remote_wire.parsed(event.data)
                finished = finished or bool(chunk.finish)
                yield chunk
        except (httpx.TimeoutException, TimeoutError) as error:
            raise remote_wire.silent() from error
        except (httpx.HTTPError, SSEError, UnicodeDecodeError) as error:
            raise remote_wire.broken() from error
        finally:
            await events.aclose()
        if event is None and not finished:
            raise remote_wire.broken()

    async def _body(self, response: httpx.Response, deadline: float) -> bytes:
        try:
            async with asyncio.timeout(self._patience(deadline)):
                return await response.aread()
        except (httpx.TimeoutException, TimeoutError) as error:
            raise remote_wire.silent() from error
        except httpx.HTTPError as error:
            raise remote_wire.broken() from error

    def _patience(self, deadline: float) -> float:
        """Seconds to wait for the next sign of life."""
        return max(0.0, min(self._timeout_s, deadline - asyncio.get_running_loop().time()))


async def _read_error(response: httpx.Response) -> str:
    try:
        return (await response.aread()).decode("utf-8", errors="replace")
    except httpx.HTTPError:
        return ""


def completions_url(base_url: str) -> str:
    """Where to post, for a base address with or without `/v1` (or the whole path)."""
    return f"{remote_wire.base_of(base_url)}/chat/completions"
