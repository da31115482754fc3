"""Puts every question of a set through search and answer, as one actor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from govbot.chat.answer import ask
from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Pool
from govbot.eval.questions import Question
from govbot.eval.score import DEPTH, Outcome, Place
from govbot.generate import Generator
from govbot.models.embedder import Embedder
from govbot.retrieval.retrieve import Mode, Retrieval, retrieve


@dataclass(frozen=True, slots=True)
class Bench:
    """The parts of the application that are measured."""

    pool: Pool
    settings: Settings
    embedder: Embedder | None
    generator: Generator


async def evaluate(
    bench: Bench,
    actor: Actor,
    questions: Sequence[Question],
    *,
    mode: Mode = "hybrid",
    answers: bool = True,
    on_done: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """One outcome per question, in their order; without `answers` only the search is measured.

    Answers go the way of the chat, so each question also stands in the audit log.
    """
    # The first text loads the model: not a part of the time of a question.
    if mode != "lexical" and bench.embedder is not None:
        await bench.embedder.embed_query(questions[0].text)
    outcomes = []
    for question in questions:
        outcomes.append(await _outcome(bench, actor, question, mode, answers))
        on_done()
    return outcomes


async def _outcome(
    bench: Bench, actor: Actor, question: Question, mode: Mode, answers: bool
) -> Outcome:
    found = await _search(bench, actor, question, mode)
    places = [Place(p.filename, p.page_from, p.page_to) for p in found.passages]
    search_ms = sum(found.timings.values()) * 1000
    if not answers:
        return Outcome(question, places, search_ms, found.sufficient)
    started = time.perf_counter()
    answer = await ask(_parts_for(bench, mode), actor, question.text, cache="off")
    return Outcome(
        question,
        places,
        search_ms,
        found.sufficient,
        answer=answer.text,
        refused=answer.refused,
        answer_ms=(time.perf_counter() - started) * 1000,
    )


async def _search(bench: Bench, actor: Actor, question: Question, mode: Mode) -> Retrieval:
    async with as_actor(bench.pool, actor) as conn:
        return await retrieve(
            conn,
            question.text,
            embedder=bench.embedder,
            settings=bench.settings,
            limit=DEPTH,
            mode=mode,
        )


def _parts_for(bench: Bench, mode: Mode) -> Bench:
    """The parts that make the chat search in this mode."""
    if mode == "hybrid" or bench.embedder is None:
        return bench
    if mode == "lexical":
        return Bench(bench.pool, bench.settings, None, bench.generator)
    return Bench(bench.pool, bench.settings, _Alone(bench.embedder), bench.generator)


class _Alone:
    """An embedder whose vectors decide alone."""

    weight = 1.0

    def __init__(self, embedder: Embedder):
        self._embedder = embedder
        self.name = embedder.name
        self.dimension = embedder.dimension
        self.fingerprint = embedder.fingerprint
        self.max_tokens = embedder.max_tokens

    async def embed_query(self, text: str) -> list[float]:
        return await self._embedder.embed_query(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embedder.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def passage_tokens(self) -> int:
        return self._embedder.passage_tokens()

    async def aclose(self) -> None:
        await self._embedder.aclose()
