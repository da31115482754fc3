"""Vectors from a server with `/v1/embeddings`: vLLM, TEI, Ollama, llama-server, or another.

The server holds the model, so nobody here sees when it is exchanged: a sentence of our own is
embedded beside the passages, and a vector that it did not have before means another model.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence

import httpx

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.catalog import Preset, find_preset
from govbot.models.embeddings_wire import Wire
from govbot.models.files import MAX_TOKENS
from govbot.models.llama_files import prefixes_of
from govbot.models.query_cache import QueryCache
from govbot.models.remote_canary import CANARY, Canary, open_canary
from govbot.models.remote_tokens import open_tokens
from govbot.models.tokens import Tokens

log = logging.getLogger(__name__)

Vector = list[float]

QUESTIONS, PASSAGES = 16, 2  # requests under way at a time
LOOK_AGAIN_S = 60.0  # after this time a question takes the canary along
REST_S = 10.0  # after a failure questions go by words, without trying, for so long


def open_remote_embedder(
    settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None
) -> RemoteEmbedder:
    """The embedder of the configured server, which is not asked yet when its dimension is known.

    Raises Unavailable when it is not, and the server does not tell.
    """
    own = settings.embedder
    if not own.base_url or not own.model:
        raise Unavailable(
            "[embedder] kind openai needs base_url, the server's address, and model.",
            code="E-MODEL-NAME",
        )
    preset = find_preset(own.model) or Preset(own.model, "", max_tokens=MAX_TOKENS)
    query, passage = prefixes_of(own, preset)
    max_tokens = own.max_tokens or preset.max_tokens
    wire = Wire(own, transport=transport)
    said = f"{own.model}\0{query}\0{passage}\0{max_tokens}"
    canary = open_canary(
        settings.data_dir / "remote-embedder",
        hashlib.sha256(said.encode()).hexdigest(),
        dimension=own.dimension or preset.dimension,
        ask=lambda: wire.ask_now(passage + CANARY),
    )
    return RemoteEmbedder(
        name=own.model,
        wire=wire,
        canary=canary,
        tokens=open_tokens(own, max_tokens=max_tokens, passage_prefix=passage),
        prefixes=(query, passage),
        max_tokens=max_tokens,
        weight=preset.weight if own.weight is None else own.weight,
        settings=own,
    )


class RemoteEmbedder:
    """One server and one model; questions do not wait for passages, whose requests are few."""

    def __init__(
        self,
        *,
        name: str,
        wire: Wire,
        canary: Canary,
        tokens: Tokens,
        prefixes: tuple[str, str],
        max_tokens: int,
        weight: float,
        settings: EmbedderSettings,
    ):
        self.name = name
        self.max_tokens = max_tokens
        self.weight = weight
        self._wire = wire
        self._canary = canary
        self._tokens = tokens
        self._query_prefix, self._passage_prefix = prefixes
        self._batch_size = settings.batch_size
        self._query_timeout_s, self._timeout_s = settings.query_timeout_s, settings.timeout_s
        self._cache = QueryCache(settings.query_cache)
        self._questions = asyncio.Semaphore(QUESTIONS)
        self._passages = asyncio.Semaphore(PASSAGES)
        self._looked = -LOOK_AGAIN_S
        self._rests_until = 0.0

    @property
    def dimension(self) -> int:
        return self._canary.dimension

    @property
    def fingerprint(self) -> str:
        return self._canary.fingerprint

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question, in the space that `fingerprint` names afterwards.

        After a failure it fails at once for some seconds: words answer meanwhile.
        """
        if (known := self._cache.get(self.fingerprint, text)) is not None:
            return known
        now = time.monotonic()
        if now < self._rests_until:
            raise Unavailable(
                "The embedding server did not answer a moment ago.", code="E-MODEL-SERVER"
            )
        look = now - self._looked >= LOOK_AGAIN_S
        texts = [self._query_prefix + text]
        try:
            async with asyncio.timeout(self._query_timeout_s), self._questions:
                vectors = await self._asked(texts, look=look, tries=2)
        except TimeoutError as error:
            self._rest()
            raise Unavailable(
                "The embedding server did not answer in time: try again.", code="E-MODEL-TIME"
            ) from error
        except Unavailable:
            self._rest()
            raise
        self._cache.put(self.fingerprint, text, vectors[0])
        return vectors[0]

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order.

        Raises Unavailable E-MODEL when the server's model is not the one it was.
        """
        before = self.fingerprint
        vectors: list[Vector] = []
        for start in range(0, len(texts), self._batch_size):
            batch = [
                self._passage_prefix + text for text in texts[start : start + self._batch_size]
            ]
            async with self._passages:
                vectors += await self._asked(batch, look=True, tries=4)
            self._rests_until = 0.0
            if self.fingerprint != before:
                raise Unavailable(
                    "The embedding server has another model than before: run `govbot reindex`.",
                    code="E-MODEL",
                )
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without marks, or an estimate of them."""
        return self._tokens.count(texts)

    def passage_tokens(self) -> int:
        """How many tokens of a passage's text are sent at most."""
        return self._tokens.room()

    async def aclose(self) -> None:
        self._cache.clear()
        await self._wire.aclose()

    async def _asked(self, texts: list[str], *, look: bool, tries: int) -> list[Vector]:
        """The vectors, of the dimension that is expected; with `look` the canary goes along."""
        sent = [*texts, self._passage_prefix + CANARY] if look else texts
        vectors = await self._wire.vectors(sent, tries=tries, timeout_s=self._timeout_s)
        if look:
            self._looked = time.monotonic()
            if not self._canary.same(vectors.pop()):
                self._cache.clear()
                log.error(
                    "The embedding server has another model than before: run `govbot reindex`.",
                    extra={"action": "embedder.changed"},
                )
        found = {len(vector) for vector in vectors}
        if found - {self.dimension}:
            raise Unavailable(
                "The embedding server gives vectors of %(found)s numbers instead of %(dimension)s: "
                "check embedder.dimension and the server's model.",
                found=max(found),
                dimension=self.dimension,
                code="E-MODEL-ANSWER",
            )
        return vectors

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + REST_S
