"""A question made ready for the search: its wordings and their vectors.

Embedding takes its time and needs no database, so it happens before a transaction is open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from govbot.errors import Unavailable
from govbot.models.embedder import Embedder
from govbot.retrieval.meaning import MAX_VECTORS, DenseQuery
from govbot.retrieval.variants import Variant, by_rule

log = logging.getLogger(__name__)

Mode = Literal["hybrid", "lexical", "dense"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for. `seconds` is how long the embedding took."""

    text: str
    variants: tuple[Variant, ...]
    dense: DenseQuery | None
    mode: Mode
    seconds: float


async def prepare(
    question: str,
    *,
    embedder: Embedder | None,
    mode: Mode = "hybrid",
    variants: Sequence[Variant] = (),
) -> Query:
    """Embeds the question and its whole `variants`, which come beside those made by rule.

    A hybrid search goes on with the words alone when the embedder fails; mode "dense" raises
    Unavailable then.
    """
    started = time.perf_counter()
    wordings = (*by_rule(question), *variants)
    dense = await _dense(question, wordings, embedder, mode)
    return Query(question, wordings, dense, mode, time.perf_counter() - started)


async def _dense(
    question: str, variants: Sequence[Variant], embedder: Embedder | None, mode: Mode
) -> DenseQuery | None:
    if mode == "lexical":
        return None
    if embedder is None and mode == "dense":
        raise Unavailable("There is no embedder to search by meaning.")
    if embedder is None or (mode == "hybrid" and embedder.weight == 0):
        return None
    whole = [variant for variant in variants if variant.whole][: MAX_VECTORS - 1]
    try:
        texts = [question, *(each.text for each in whole)]
        vector, *rest = await asyncio.gather(*map(embedder.embed_query, texts))
    except Unavailable as error:
        if mode == "dense":
            raise
        log.warning(
            "The embedder is not available; the search goes on with the words alone: %s",
            error,
            extra={"action": "retrieval.lexical-only"},
        )
        return None
    weight = 1.0 if mode == "dense" else embedder.weight
    others = [(found, each.weight) for found, each in zip(rest, whole, strict=True)]
    return DenseQuery(vector, embedder.fingerprint, weight, others)
