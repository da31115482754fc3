"""From a question to the passages that may answer it, and whether they can."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Pool
from govbot.models.embedder import Embedder
from govbot.retrieval.evidence import Judgement, judge
from govbot.retrieval.hybrid import require_model, search
from govbot.retrieval.masking import masked
from govbot.retrieval.passages import Passage, diverse, passage_of
from govbot.retrieval.query import Mode, Query, prepare
from govbot.retrieval.variants import Variant

if TYPE_CHECKING:
    from govbot.models.reranker import Reranker

__all__ = ["Mode", "Retrieval", "find", "retrieve"]

# Rows fetched for each passage wanted, so that there is a choice.
CHOICE = 3


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first. `sufficient`: they hold enough of what is asked to attempt an answer;
    `confidence` of that, 0 to 1.

    `timings` are seconds: embed, search.
    """

    passages: list[Passage]
    sufficient: bool
    confidence: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)


async def find(
    pool: Pool,
    actor: Actor,
    question: str,
    *,
    embedder: Embedder | None,
    settings: Settings,
    reranker: Reranker | None = None,
    variants: Sequence[Variant] | None = None,
    limit: int | None = None,
    mode: Mode = "hybrid",
    as_of: date | None = None,
    collection_key: int | None = None,
) -> Retrieval:
    """`retrieve` for those who hold no connection: none is taken while models compute."""
    query = await prepare(question, embedder=embedder, mode=mode, variants=variants)
    async with as_actor(pool, actor) as conn:
        return await retrieve(
            conn,
            query,
            embedder=embedder,
            settings=settings,
            reranker=reranker,
            limit=limit,
            mode=mode,
            as_of=as_of,
            collection_key=collection_key,
        )


async def retrieve(
    conn: AsyncConnection[Any],
    question: str | Query,
    *,
    embedder: Embedder | None,
    settings: Settings,
    reranker: Reranker | None = None,
    variants: Sequence[Variant] | None = None,
    limit: int | None = None,
    mode: Mode = "hybrid",
    as_of: date | None = None,
    collection_key: int | None = None,
) -> Retrieval:
    """Finds passages among what the actor of `conn` (inside `as_actor`) may read.

    Personal data that a collection hides is masked in them. Only documents in force on the day
    `as_of` (today by the server's clock) are searched, and with `collection_key` only those of one
    collection that the actor reads. A Query is used as it is; a text is made one first.

    Raises Unavailable where mode "dense" has no embedder.
    """
    query = question
    if isinstance(query, str):
        query = await prepare(query, embedder=embedder, mode=mode, variants=variants)
    started = time.perf_counter()
    limit = limit or settings.retrieval.passages
    if query.mode == "dense" and query.dense is not None:
        await require_model(conn, query.dense.fingerprint)
    rows = await search(
        conn,
        query.text,
        dense=query.dense,
        candidates=max(settings.retrieval.candidates, limit),
        exact_scan_limit=settings.retrieval.exact_scan_limit,
        limit=limit * CHOICE,
        as_of=as_of or date.today(),
        only=collection_key,
    )
    passages = diverse((passage_of(row) for row in rows), limit)
    judgement = _judged(query.text, passages, settings)
    return Retrieval(
        passages=await masked(conn, passages),
        sufficient=judgement.sufficient,
        confidence=judgement.confidence,
        timings={"embed": query.seconds, "search": time.perf_counter() - started},
    )


def _judged(question: str, passages: Sequence[Passage], settings: Settings) -> Judgement:
    return judge(question, passages, settings.retrieval.min_coverage)
