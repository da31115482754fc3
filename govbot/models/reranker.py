"""Question and passage read together by a cross-encoder, in a thread of its own.

Questions asked at once take turns batch by batch. Loading is lazy and strictly offline.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.cross_encoder import CrossScorer, Pair, open_cross_encoder
from govbot.models.cross_files import CrossFiles, find_cross_encoder
from govbot.models.extra import require_torch
from govbot.models.lane import Lane

__all__ = ["Reranker", "ThreadedReranker", "open_reranker"]

log = logging.getLogger(__name__)

CLOSE_S = 3.0
# A tokenizer reads all of a text before it cuts: no more than any window can hold.
MAX_CHARACTERS = 8000


class Reranker(Protocol):
    """A model that says how well a passage answers a question, from 0 to 1.

    `fingerprint` names the model: scores compare only within one.
    """

    name: str
    fingerprint: str

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score for each passage, in their order; raises Unavailable."""
        ...

    async def aclose(self) -> None: ...


def open_reranker(settings: Settings) -> Reranker | None:
    """Finds the configured model without loading it; None when none is configured.

    Raises Unavailable when it is not here.
    """
    if not settings.reranker.model:
        return None
    require_torch("[reranker] model")
    files = find_cross_encoder(settings)
    return ThreadedReranker(
        files,
        lambda: open_cross_encoder(files, settings.reranker.device),
        batch_size=settings.reranker.batch_size,
    )


class ThreadedReranker:
    """Runs a cross-encoder in one thread, started with its first pair."""

    def __init__(self, files: CrossFiles, load: Callable[[], CrossScorer], *, batch_size: int):
        self.name = files.name
        self.fingerprint = files.fingerprint
        self._load = load
        self._batch_size = batch_size
        self._scorer: CrossScorer | None = None
        self._pairs: Lane[Pair, float] = Lane(
            "reranker", self._score, failed=_wrapped, closed=_closed
        )

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """The scores in the order of the passages.

        A batch is handed over when the one before is done: another question waits for one batch
        of this one, and a cancelled question leaves no more than one behind.
        """
        pairs = [(question[:MAX_CHARACTERS], text[:MAX_CHARACTERS]) for text in passages]
        # Texts of one length together: padding to the longest of a batch is wasted work.
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][1]))
        scores = [0.0] * len(pairs)
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            found = await asyncio.wrap_future(self._pairs.submit([pairs[i] for i in batch]))
            for i, score in zip(batch, found, strict=True):
                scores[i] = score
        return scores

    async def aclose(self) -> None:
        """Ends the thread after the batch under way; what still waits fails with Unavailable."""
        self._pairs.close()
        await asyncio.to_thread(self._pairs.join, CLOSE_S)
        self._scorer = None

    def _score(self, pairs: Sequence[Pair]) -> list[float]:
        if self._scorer is None:
            self._scorer = self._load()
        scores = self._scorer.score(pairs)
        if not all(math.isfinite(score) for score in scores):
            raise ValueError("the reranker gave scores that are no numbers")
        return scores


def _closed() -> Unavailable:
    return Unavailable("The reranker is closed.")


def _wrapped(error: Exception) -> Exception:
    if isinstance(error, Unavailable):
        return error
    log.error("The reranker failed.", exc_info=error, extra={"action": "reranker.failed"})
    unavailable = Unavailable("The reranker failed: see the log of the service.")
    unavailable.__cause__ = error
    return unavailable
