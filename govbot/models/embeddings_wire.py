"""Requests to `/v1/embeddings`: tries, times, texts that are too long, answers that are wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Sequence
from typing import Any

import httpx

from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable

log = logging.getLogger(__name__)

Vector = list[float]

CONNECT_S = 5.0
MAX_CONNECTIONS = 32
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LEAST_CHARACTERS = 16
_RETRIED = frozenset({429, 502, 503, 504})  # busy, or it restarts or still loads its model
_TOO_MUCH = ("context length", "context_length", "context size", "context window", "too long",
             "exceed_context", "maximum context", "n_ctx", "batch size", "too large",
             "must have less than")  # fmt: skip


class Wire:
    """One server and one model. Keeps connections open between requests."""

    def __init__(
        self,
        own: EmbedderSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = embeddings_url(own.base_url)
        self._model = own.model
        key = own.api_key.get_secret_value()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = httpx.Timeout(own.timeout_s, connect=min(CONNECT_S, own.timeout_s))
        self._client = httpx.AsyncClient(
            headers=self._headers,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            transport=transport,
        )

    async def vectors(self, texts: Sequence[str], *, tries: int, timeout_s: float) -> list[Vector]:
        """Vectors of length 1, in the order of the texts; raises Unavailable.

        `timeout_s` bounds each try. What the server finds too much is sent in halves, and a single
        text that is too long loses its end.
        """
        try:
            return await self._sent(texts, tries, timeout_s)
        except _TooMuch:
            if len(texts) > 1:
                half = len(texts) // 2
                return [
                    *await self.vectors(texts[:half], tries=tries, timeout_s=timeout_s),
                    *await self.vectors(texts[half:], tries=tries, timeout_s=timeout_s),
                ]
            if len(texts[0]) <= LEAST_CHARACTERS:
                raise
            shorter = texts[0][: len(texts[0]) * 3 // 4]
            return await self.vectors([shorter], tries=tries, timeout_s=timeout_s)

    def ask_now(self, text: str) -> Vector:
        """The vector of one text, without an event loop: for the first start."""
        with httpx.Client(headers=self._headers, timeout=self._timeout) as client:
            try:
                response = client.post(self.url, json=self._body([text]))
            except httpx.TimeoutException as error:
                raise _silent() from error
            except httpx.HTTPError as error:
                raise self._unreachable() from error
        return self._read(response, 1)[0]

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _sent(self, texts: Sequence[str], tries: int, timeout_s: float) -> list[Vector]:
        for left in reversed(range(tries)):
            wait_s = FIRST_WAIT_S * 2 ** (tries - 1 - left)
            try:
                async with asyncio.timeout(timeout_s):
                    response = await self._client.post(self.url, json=self._body(texts))
            except (httpx.TimeoutException, TimeoutError) as error:
                if not left:
                    raise _silent() from error
            except httpx.HTTPError as error:
                if not left:
                    raise self._unreachable() from error
            else:
                if not left or response.status_code not in _RETRIED:
                    return self._read(response, len(texts))
                wait_s = max(wait_s, _asked_wait(response))
            await asyncio.sleep(min(wait_s, LONGEST_WAIT_S))
        raise AssertionError("the last try returns or raises")

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": self._model, "input": list(texts), "encoding_format": "float"}

    def _read(self, response: httpx.Response, count: int) -> list[Vector]:
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response)
        try:
            data = json.loads(response.content)["data"]
            rows = sorted(data, key=lambda row: int(row["index"]))
            if [row["index"] for row in rows] != list(range(count)):
                raise ValueError("not one vector for each text")
            vectors = [_unit(row["embedding"]) for row in rows]
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable(
                "The address in embedder.base_url does not answer like an embedding server.",
                code="E-MODEL-ANSWER",
            ) from error
        return vectors

    def _refusal(self, response: httpx.Response) -> Unavailable:
        # Its words are not logged: servers repeat the request in them.
        status = response.status_code
        text = response.text.lower()
        if status == 413 or (status in {400, 422, 500} and any(sign in text for sign in _TOO_MUCH)):
            return _TooMuch(
                "The embedding server refused the request (HTTP %(status)d).",
                status=status,
                code="E-MODEL-REFUSED",
            )
        log.warning(
            "The embedding server answered with status %d.",
            status,
            extra={"action": "embedder.refused"},
        )
        if status in {401, 403}:
            return Unavailable(
                "The embedding server refuses the key: check embedder.api_key.",
                code="E-MODEL-KEY",
            )
        if status == 404:
            return Unavailable(
                "The embedding server does not know the model %(model)s or the address: check "
                "embedder.model and embedder.base_url.",
                model=self._model,
                code="E-MODEL-NAME",
            )
        if status == 429 or status >= 500:
            return Unavailable(
                "The embedding server has a problem (HTTP %(status)d): try again later.",
                status=status,
                code="E-MODEL-SERVER",
            )
        return Unavailable(
            "The embedding server refused the request (HTTP %(status)d).",
            status=status,
            code="E-MODEL-REFUSED",
        )

    def _unreachable(self) -> Unavailable:
        return Unavailable(
            "The embedding server at %(host)s cannot be reached.",
            host=httpx.URL(self.url).netloc.decode(),
            code="E-MODEL-SERVER",
        )


class _TooMuch(Unavailable):
    """The server takes less at once."""


def embeddings_url(base_url: str) -> str:
    """Where to post, for a base address with or without `/v1` (or the whole path)."""
    base = base_url.strip().rstrip("/").removesuffix("/embeddings")
    path = httpx.URL(base).path.rstrip("/")
    return f"{base}/embeddings" if path else f"{base}/v1/embeddings"


def _unit(numbers: Any) -> Vector:
    """The vector with length 1; ValueError when it has no direction."""
    vector = [float(number) for number in numbers]
    length = math.sqrt(sum(number * number for number in vector))
    if not math.isfinite(length) or length == 0:
        raise ValueError("a vector without a direction")
    return [number / length for number in vector]


def _asked_wait(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, 0 when it does not say."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else 0.0


def _silent() -> Unavailable:
    return Unavailable(
        "The embedding server did not answer in time: try again.", code="E-MODEL-TIME"
    )
