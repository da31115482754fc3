"""The passages found put in the order of a cross-encoder, blended with the order of the search."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.reranker import Reranker
from govbot.retrieval.passages import Passage

log = logging.getLogger(__name__)


async def reranked(
    question: str, passages: Sequence[Passage], reranker: Reranker, settings: Settings
) -> list[Passage]:
    """The passages by (1 - weight) * fused score + weight * the reranker's score.

    The first `reranker.candidates` are read; the others keep their fused share and so stay behind.
    When the model fails, or takes longer than `reranker.timeout_s`, the order of the search stands.
    """
    chosen = settings.reranker
    read = passages[: chosen.candidates]
    if not read:
        return list(passages)
    try:
        async with asyncio.timeout(chosen.timeout_s):
            scores = await reranker.score(question, [_shown(passage) for passage in read])
    except (Unavailable, TimeoutError) as error:
        log.warning(
            "The reranker gave no scores; the order of the search stands: %s",
            error or "it took too long",
            extra={"action": "retrieval.not-reranked"},
        )
        return list(passages)
    kept = 1 - chosen.weight
    blended = [
        replace(passage, score=kept * passage.score + chosen.weight * score, rerank=score)
        for passage, score in zip(read, scores, strict=True)
    ]
    blended += [replace(p, score=kept * p.score) for p in passages[chosen.candidates :]]
    return sorted(blended, key=lambda passage: -passage.score)


def _shown(passage: Passage) -> str:
    """What the model reads: a passage out of the middle of a document needs its heading."""
    return "\n".join(part for part in (passage.title, passage.heading, passage.text) if part)
