"""Text to vectors, in two threads over one model: questions never wait for passages.

The thread of the passages gives way to everything else on the machine. Loading is lazy and strictly
offline. Which kind of model it is makes no difference to those who ask for vectors.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.encoder import Encoder, open_encoder
from govbot.models.extra import has_torch, require_torch
from govbot.models.files import ModelFiles, find_model
from govbot.models.lane import Lane
from govbot.models.llama_vocab import VocabTokens
from govbot.models.query_cache import QueryCache
from govbot.models.tokens import TokenCounter, Tokens

if TYPE_CHECKING:
    from govbot.models.llama_files import LlamaFiles

__all__ = ["Embedder", "ThreadedEmbedder", "kind_of", "open_embedder"]

log = logging.getLogger(__name__)

# On a CPU larger batches are no faster, and a short one is soon over when it is not wanted now.
CPU_BATCH = 8
# Passages run at this niceness: on 2 cores a question beside them then takes no longer than alone
# (25 to 35 ms instead of 85 ms), and the database and the pages come first too.
NICENESS = 15

Vector = list[float]


class Embedder(Protocol):
    """A model that turns text into L2-normalised vectors of `dimension` numbers.

    `fingerprint` names the vector space: vectors compare only within one. Text beyond
    `max_tokens` is cut. `weight` is the share of the vectors in the hybrid score, 0 to 1.
    """

    name: str
    max_tokens: int
    weight: float

    @property
    def dimension(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

    async def embed_query(self, text: str) -> Vector: ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text alone, from any thread; raises Unavailable."""
        ...

    def passage_tokens(self) -> int:
        """Tokens of a passage's text that are seen; raises Unavailable."""
        ...

    async def aclose(self) -> None: ...


def open_embedder(settings: Settings) -> Embedder | None:
    """Finds the configured model without loading it; None when words are to search alone.

    Raises Unavailable when the model, or what it needs, is not here. A server is asked once, the
    first time ever.
    """
    own = settings.embedder
    match kind_of(settings):
        case "none":
            return None
        case "openai":
            from govbot.models.remote_embedder import open_remote_embedder

            return open_remote_embedder(settings)
        case "gguf":
            from govbot.models.llama_files import find_gguf

            return _open_gguf(find_gguf(settings), own)
        case _:
            require_torch("[embedder] model")
            files = find_model(settings)
            return ThreadedEmbedder(
                files,
                lambda: open_encoder(files, own.device, own.query_threads),
                tokens=TokenCounter(files),
                settings=own,
            )


def kind_of(settings: Settings) -> str:
    """The kind of embedder that "auto" stands for here: see the setting's description."""
    from govbot.models.llama_files import gguf_path, named_gguf

    own = settings.embedder
    if own.kind != "auto":
        return own.kind
    if own.base_url:
        return "openai"
    if own.model.lower().endswith(".gguf") or named_gguf(settings) is not None:
        return "gguf"
    if not has_torch():
        if gguf_path(settings) is not None:
            return "gguf"
        if own.model == "starter":
            return "none"
    return "sentence-transformers"  # which says what is missing


def _open_gguf(files: LlamaFiles, own: EmbedderSettings) -> ThreadedEmbedder:
    def load() -> Encoder:
        from govbot.models.llama_encoder import open_llama_encoder

        return open_llama_encoder(files, own.device, own.query_threads)

    model = files.model
    tokens = VocabTokens(
        files.vocab, max_tokens=model.max_tokens, passage_prefix=model.passage_prefix
    )
    return ThreadedEmbedder(model, load, tokens=tokens, settings=own)


CLOSE_S = 3.0


class ThreadedEmbedder:
    """Runs an encoder in two threads, each started with its first text.

    Questions that wait together are encoded together, and their vectors are kept for the next
    time the same words are asked.
    """

    def __init__(
        self,
        files: ModelFiles,
        load: Callable[[], Encoder],
        *,
        tokens: Tokens,
        settings: EmbedderSettings,
    ):
        self.name = files.name
        self.dimension = files.dimension
        self.fingerprint = files.fingerprint
        self.max_tokens = files.max_tokens
        self.weight = files.weight
        self._load = load
        self._tokens = tokens
        self._batch_size = settings.batch_size
        self._cache = QueryCache(settings.query_cache)
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()
        self._questions: Lane[str, Vector] = Lane(
            "embedder of questions",
            self._encode_queries,
            failed=_wrapped,
            closed=_closed,
            together=settings.query_batch,
        )
        self._passages: Lane[str, Vector] = Lane(
            "embedder", self._encode_passages, failed=_wrapped, closed=_closed, niceness=NICENESS
        )

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question; it waits for other questions only."""
        if (known := self._cache.get(self.fingerprint, text)) is not None:
            return known
        [vector] = await asyncio.wrap_future(self._questions.submit([text]))
        self._cache.put(self.fingerprint, text, vector)
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order; cancelling drops the batches not yet begun."""
        if not texts:
            return []
        # Texts of one length together: padding to the longest of a batch is wasted work.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        size = self._passage_batch()
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        futures = [
            asyncio.wrap_future(self._passages.submit([texts[i] for i in b])) for b in batches
        ]
        vectors: list[Vector] = [[] for _ in texts]
        try:
            for batch, future in zip(batches, futures, strict=True):
                for i, vector in zip(batch, await future, strict=True):
                    vectors[i] = vector
        finally:
            for future in futures:
                if future.done() and not future.cancelled():
                    future.exception()  # of a batch after the one that failed: seen, not reported
                future.cancel()
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special marks; needs the tokenizer alone, not the weights.

        Raises Unavailable when it cannot be read.
        """
        return self._tokens.count(texts)

    def passage_tokens(self) -> int:
        """How many tokens of a passage's text the model sees: its window less marks and prefix.

        Raises Unavailable when the tokenizer cannot be read.
        """
        return self._tokens.room()

    async def aclose(self) -> None:
        """Ends the threads after the batch under way; what still waits fails with Unavailable.

        A thread that is loading its model, which nothing can interrupt, is left behind.
        """
        lanes = (self._questions, self._passages)
        for lane in lanes:
            lane.close()
        await asyncio.gather(*(asyncio.to_thread(lane.join, CLOSE_S) for lane in lanes))
        self._encoder = None
        self._cache.clear()

    def _passage_batch(self) -> int:
        on_cpu = self._encoder is None or self._encoder.device == "cpu"
        return min(self._batch_size, CPU_BATCH) if on_cpu else self._batch_size

    def _encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        """What several people ask in the same words is encoded once."""
        different = list(dict.fromkeys(texts))
        vectors = self._loaded().encode(different, query=True)
        if len(different) == len(texts):
            return vectors
        by_text = dict(zip(different, vectors, strict=True))
        return [list(by_text[text]) for text in texts]

    def _encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._loaded().encode(texts, query=False)

    def _loaded(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder


def _closed() -> Unavailable:
    return Unavailable("The embedder is closed.")


def _wrapped(error: Exception) -> Exception:
    if isinstance(error, Unavailable):
        return error
    log.error("The embedder failed.", exc_info=error, extra={"action": "embedder.failed"})
    unavailable = Unavailable("The embedding model failed: see the log of the service.")
    unavailable.__cause__ = error
    return unavailable
