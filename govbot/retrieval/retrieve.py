"""From a question to the passages that may answer it, and whether they can."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Pool
from govbot.models.embedder import Embedder
from govbot.retrieval.beside import beside
from govbot.retrieval.calibration import load, models_of
from govbot.retrieval.closeness import asked, by_closeness
from govbot.retrieval.evidence import judge
from govbot.retrieval.fusion import named_first
from govbot.retrieval.hybrid import require_model, search
from govbot.retrieval.masking import masked
from govbot.retrieval.passages import Passage, diverse, passage_of
from govbot.retrieval.query import Mode, Query, prepare
from govbot.retrieval.rerank import reranked
from govbot.retrieval.scope import EVERYTHING, Scope, enter
from govbot.retrieval.signals import Worth
from govbot.retrieval.variants import Variant

if TYPE_CHECKING:
    from govbot.models.reranker import Reranker

__all__ = ["Mode", "Retrieval", "find", "retrieve"]

# Rows fetched for each passage wanted, so that there is a choice, and how many at least: what words
# and vectors rank lower is hardly ever the right one.
CHOICE = 3
DEPTH = 50


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first. `sufficient`: they hold enough of what is asked to attempt an answer;
    `confidence` of that, 0 to 1.

    `timings` are seconds: embed, search, and rerank where a reranker is in use. `worth` is what the
    question's stems weigh, as signals.py takes it.
    """

    passages: list[Passage]
    sufficient: bool
    confidence: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    worth: Worth = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search is to bring, and under which settings."""

    query: Query
    settings: Settings
    limit: int
    as_of: date
    scope: Scope
    preferred: Sequence[int]
    surrounded: bool
    models: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates in their order, and what the question's stems weigh."""

    passages: Sequence[Passage]
    worth: Worth


async def find(
    pool: Pool,
    actor: Actor,
    question: str,
    *,
    embedder: Embedder | None,
    settings: Settings,
    reranker: Reranker | None = None,
    variants: Sequence[Variant] = (),
    limit: int | None = None,
    mode: Mode = "hybrid",
    as_of: date | None = None,
    scope: Scope = EVERYTHING,
    preferred: Sequence[int] = (),
    surrounded: bool = False,
) -> Retrieval:
    """`retrieve` for those who hold no connection: none is taken while models compute."""
    query = await prepare(question, embedder=embedder, mode=mode, variants=variants)
    models = models_of(embedder, reranker)
    wanted = _wanted(query, settings, limit, as_of, scope, preferred, surrounded, models)
    started = time.perf_counter()
    async with as_actor(pool, actor) as conn:
        await enter(conn, scope)
        found = await _candidates(conn, wanted)
        if reranker is None:
            return await _finished(conn, wanted, found, _timings(query, started))
        # Masked here: what this transaction may read decides what the next one shows.
        found = replace(found, passages=await masked(conn, found.passages))
    timings = _timings(query, started)
    found = await _reranked(wanted, found, reranker, timings)
    async with as_actor(pool, actor) as conn:
        await enter(conn, scope)
        return await _finished(conn, wanted, found, timings, shown=True)


async def retrieve(
    conn: AsyncConnection[Any],
    question: str | Query,
    *,
    embedder: Embedder | None,
    settings: Settings,
    reranker: Reranker | None = None,
    variants: Sequence[Variant] = (),
    limit: int | None = None,
    mode: Mode = "hybrid",
    as_of: date | None = None,
    scope: Scope = EVERYTHING,
    preferred: Sequence[int] = (),
    surrounded: bool = False,
) -> Retrieval:
    """Finds passages among what the actor of `conn` (inside `as_actor`) may read.

    Personal data that a collection hides is masked in them. Only documents in force on the day
    `as_of` (today by the server's clock) are searched, and of these what `scope` leaves. A Query is
    used as it is; a text is made one first. Documents with `preferred` keys come before others.
    `surrounded` adds what stands beside the best passages, and what they refer to, behind the
    `limit` passages wanted.

    Raises Unavailable where mode "dense" has no embedder.
    """
    query = question
    if isinstance(query, str):
        query = await prepare(query, embedder=embedder, mode=mode, variants=variants)
    models = models_of(embedder, reranker)
    wanted = _wanted(query, settings, limit, as_of, scope, preferred, surrounded, models)
    started = time.perf_counter()
    await enter(conn, scope)
    found = await _candidates(conn, wanted)
    timings = _timings(query, started)
    if reranker is not None:
        found = await _reranked(wanted, found, reranker, timings)
    return await _finished(conn, wanted, found, timings)


def _wanted(
    query: Query,
    settings: Settings,
    limit: int | None,
    as_of: date | None,
    scope: Scope,
    preferred: Sequence[int],
    surrounded: bool,
    models: tuple[str, str],
) -> _Wanted:
    limit = limit or settings.retrieval.passages
    return _Wanted(
        query, settings, limit, as_of or date.today(), scope, tuple(preferred), surrounded, models
    )


def _timings(query: Query, started: float) -> dict[str, float]:
    return {"embed": query.seconds, "search": time.perf_counter() - started}


async def _candidates(conn: AsyncConnection[Any], wanted: _Wanted) -> _Found:
    query, settings = wanted.query, wanted.settings.retrieval
    if query.mode == "dense" and query.dense is not None:
        await require_model(conn, query.dense.fingerprint)
    rows = await search(
        conn,
        query,
        candidates=max(settings.candidates, wanted.limit),
        exact_scan_limit=settings.exact_scan_limit,
        limit=max(wanted.limit * CHOICE, DEPTH),
        as_of=wanted.as_of,
        within=wanted.scope,
        preferred=wanted.preferred,
    )
    found = [passage_of(row) for row in rows]
    worth: Worth = (rows[0]["worth"] or {}) if rows else {}
    if query.mode != "dense":
        weight = query.dense.weight if query.dense else 0.0
        found = by_closeness(found, asked(query.text, worth, query.variants), 1 - weight)
    ordered = named_first(found, {row["document_key"] for row in rows if row["named"]})
    return _Found(ordered, worth)


async def _reranked(
    wanted: _Wanted, found: _Found, reranker: Reranker, timings: dict[str, float]
) -> _Found:
    started = time.perf_counter()
    ordered = await reranked(wanted.query.text, found.passages, reranker, wanted.settings)
    timings["rerank"] = time.perf_counter() - started
    return replace(found, passages=ordered)


async def _finished(
    conn: AsyncConnection[Any],
    wanted: _Wanted,
    found: _Found,
    timings: dict[str, float],
    *,
    shown: bool = False,
) -> Retrieval:
    """The choice among those found, judged; `shown`: their personal data is masked already."""
    passages = diverse(found.passages, wanted.limit)
    settings = wanted.settings.retrieval
    judgement = judge(
        wanted.query.text,
        passages,
        found.worth,
        await load(conn, *wanted.models),
        min_confidence=settings.min_confidence,
    )
    if not shown:
        passages = await masked(conn, passages)
    if wanted.surrounded and judgement.sufficient:
        more = await beside(conn, passages, settings)
        passages += await masked(conn, more)
    return Retrieval(passages, judgement.sufficient, judgement.confidence, timings, found.worth)
