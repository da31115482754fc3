"""From a question to the passages that may answer it, and whether they can."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from psycopg import AsyncConnection

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.embedder import Embedder
from govbot.retrieval.evidence import sufficient
from govbot.retrieval.hybrid import require_model, search
from govbot.retrieval.masking import masked
from govbot.retrieval.meaning import DenseQuery
from govbot.retrieval.passages import Passage, diverse, passage_of

log = logging.getLogger(__name__)

Mode = Literal["hybrid", "lexical", "dense"]

# Rows fetched for each passage wanted, so that there is a choice.
CHOICE = 3


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first. `sufficient`: they hold enough of what is asked to attempt an answer.

    `timings` are seconds: embed, search.
    """

    passages: list[Passage]
    sufficient: bool
    timings: dict[str, float] = field(default_factory=dict)


async def retrieve(
    conn: AsyncConnection[Any],
    question: str,
    *,
    embedder: Embedder | None,
    settings: Settings,
    limit: int | None = None,
    mode: Mode = "hybrid",
    as_of: date | None = None,
    collection_key: int | None = None,
) -> Retrieval:
    """Finds passages among what the actor of `conn` (inside `as_actor`) may read.

    Personal data that a collection hides is masked in them. Only documents in force on the day
    `as_of` (today by the server's clock) are searched, and with `collection_key` only those of one
    collection that the actor reads.

    A hybrid search goes on with the words alone when the embedder fails; mode "dense" raises
    Unavailable then.
    """
    started = time.perf_counter()
    dense = await _dense(question, embedder, mode)
    embedded = time.perf_counter()
    limit = limit or settings.retrieval.passages
    if mode == "dense" and dense is not None:
        await require_model(conn, dense.fingerprint)
    rows = await search(
        conn,
        question,
        dense=dense,
        candidates=max(settings.retrieval.candidates, limit),
        exact_scan_limit=settings.retrieval.exact_scan_limit,
        limit=limit * CHOICE,
        as_of=as_of or date.today(),
        only=collection_key,
    )
    passages = diverse((passage_of(row) for row in rows), limit)
    return Retrieval(
        passages=await masked(conn, passages),
        sufficient=sufficient(question, passages, settings.retrieval.min_coverage),
        timings={"embed": embedded - started, "search": time.perf_counter() - embedded},
    )


async def _dense(question: str, embedder: Embedder | None, mode: Mode) -> DenseQuery | None:
    if mode == "lexical":
        return None
    if embedder is None and mode == "dense":
        raise Unavailable("There is no embedder to search by meaning.")
    if embedder is None or (mode == "hybrid" and embedder.weight == 0):
        return None
    try:
        vector = await embedder.embed_query(question)
    except Unavailable as error:
        if mode == "dense":
            raise
        log.warning(
            "The embedder is not available; the search goes on with the words alone: %s",
            error,
            extra={"action": "retrieval.lexical-only"},
        )
        return None
    return DenseQuery(vector, embedder.fingerprint, 1.0 if mode == "dense" else embedder.weight)
