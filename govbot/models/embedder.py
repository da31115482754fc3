"""Text to vectors, in the one thread that owns the model: questions go before passages.

Loading is lazy and strictly offline.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.encoder import Encoder, open_encoder
from govbot.models.files import ModelFiles, find_model

__all__ = ["Embedder", "ThreadedEmbedder", "open_embedder"]

log = logging.getLogger(__name__)

# A question waits for the batch under way: on a CPU, where larger batches are no faster, short
# batches keep that wait short (8 passages take about half a second on 2 cores).
CPU_BATCH = 8

Vector = list[float]


class Embedder(Protocol):
    """A model that turns text into L2-normalised vectors of `dimension` numbers.

    `fingerprint` names the vector space: vectors compare only within one. Text beyond
    `max_tokens` is cut. `weight` is the share of the vectors in the hybrid score, 0 to 1.
    """

    name: str
    dimension: int
    fingerprint: str
    max_tokens: int
    weight: float

    async def embed_query(self, text: str) -> Vector: ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]: ...

    async def aclose(self) -> None: ...


def open_embedder(settings: Settings) -> Embedder:
    """Finds the configured model without loading it; raises Unavailable when it is not here."""
    files = find_model(settings)
    return ThreadedEmbedder(
        files,
        lambda: open_encoder(files, settings.embedder.device, settings.embedder.query_threads),
        batch_size=settings.embedder.batch_size,
    )


@dataclass(order=True, slots=True)
class _Job:
    """A batch for the thread; the smallest goes first."""

    rank: int
    number: int
    texts: Sequence[str] = field(compare=False, default=())
    future: Future[list[Vector]] | None = field(compare=False, default=None)


QUERY, PASSAGE, STOP = 0, 1, 2
CLOSE_S = 3.0


class ThreadedEmbedder:
    """Runs an encoder in a thread of its own, started with the first text."""

    def __init__(self, files: ModelFiles, load: Callable[[], Encoder], *, batch_size: int):
        self.name = files.name
        self.dimension = files.dimension
        self.fingerprint = files.fingerprint
        self.max_tokens = files.max_tokens
        self.weight = files.weight
        self._load = load
        self._batch_size = batch_size
        self._encoder: Encoder | None = None
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question; it waits at most for the batch under way."""
        return (await asyncio.wrap_future(self._submit(QUERY, [text])))[0]

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order; cancelling drops the batches not yet begun."""
        if not texts:
            return []
        # Texts of one length together: padding to the longest of a batch is wasted work.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        size = self._passage_batch()
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        futures = [
            asyncio.wrap_future(self._submit(PASSAGE, [texts[i] for i in b])) for b in batches
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

    async def aclose(self) -> None:
        """Ends the thread after the batch under way; what still waits fails with Unavailable.

        A thread that is loading its model, which nothing can interrupt, is left behind.
        """
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._jobs.put(_Job(rank=-1, number=next(self._numbers)))
            await asyncio.to_thread(thread.join, CLOSE_S)

    def _passage_batch(self) -> int:
        on_cpu = self._encoder is None or self._encoder.device == "cpu"
        return min(self._batch_size, CPU_BATCH) if on_cpu else self._batch_size

    def _submit(self, rank: int, texts: Sequence[str]) -> Future[list[Vector]]:
        future: Future[list[Vector]] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The embedder is closed.")
            self._jobs.put(_Job(rank, next(self._numbers), texts, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
                self._thread.start()
        return future

    def _run(self) -> None:
        while (job := self._jobs.get()).future is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(self._encode(job))
            except Exception as error:
                job.future.set_exception(_wrapped(error))
        self._encoder = None
        self._fail_rest()

    def _encode(self, job: _Job) -> list[Vector]:
        if self._encoder is None:
            self._encoder = self._load()
        return self._encoder.encode(job.texts, query=job.rank == QUERY)

    def _fail_rest(self) -> None:
        while not self._jobs.empty():
            job = self._jobs.get()
            if job.future is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(Unavailable("The embedder is closed."))


def _wrapped(error: Exception) -> Exception:
    if isinstance(error, Unavailable):
        return error
    log.error("The embedder failed.", exc_info=error, extra={"action": "embedder.failed"})
    unavailable = Unavailable("The embedding model failed: see the log of the service.")
    unavailable.__cause__ = error
    return unavailable
