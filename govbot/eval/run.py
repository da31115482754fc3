"""Puts every question of a set through search and answer, as one actor."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from govbot.chat.answer import Answer, ask
from govbot.chat.arrangement import Arrangement
from govbot.chat.cited import Citation
from govbot.chat.reply import Wishes
from govbot.chat.support import State, Support
from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection, Pool
from govbot.eval.questions import Question
from govbot.eval.score import DEPTH, Cited, Outcome, Place, normalised
from govbot.generate import Generator, Priority
from govbot.models.embedder import Embedder
from govbot.models.entailment import Entailment
from govbot.models.reranker import Reranker
from govbot.privacy import Kind, mask
from govbot.retrieval.retrieve import Mode, find


@dataclass(frozen=True, slots=True)
class Bench:
    """The parts of the application that are measured."""

    pool: Pool
    settings: Settings
    embedder: Embedder | None
    generator: Generator
    reranker: Reranker | None = None
    entailment: Entailment | None = None
    arrangement: Arrangement = field(default_factory=Arrangement)


class App(Protocol):
    """The parts of the application that are measured, as it holds them."""

    @property
    def pool(self) -> Pool: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def reranker(self) -> Reranker | None: ...
    @property
    def entailment(self) -> Entailment | None: ...
    @property
    def generator(self) -> Generator: ...


def bench_of(app: App) -> Bench:
    """The parts of an application."""
    return Bench(app.pool, app.settings, app.embedder, app.generator, app.reranker, app.entailment)


async def evaluate(
    bench: Bench,
    actor: Actor,
    questions: Sequence[Question],
    *,
    mode: Mode = "hybrid",
    answers: bool = True,
    on_done: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """The outcomes of all questions, in their order (see `outcomes`)."""
    found = []
    async for outcome in outcomes(bench, actor, questions, mode=mode, answers=answers):
        found.append(outcome)
        on_done()
    return found


async def outcomes(
    bench: Bench,
    actor: Actor,
    questions: Sequence[Question],
    *,
    mode: Mode = "hybrid",
    answers: bool = True,
) -> AsyncGenerator[Outcome, None]:
    """What comes of one question after the other; without `answers` only the search is measured.

    Answers go the way of the chat, so each question also stands in the audit log. The modes
    "lexical" and "dense" measure their leg alone, without reranker.
    """
    bench = _parts_for(bench, mode)
    await _warm_up(bench, questions)
    for question in questions:
        yield await _outcome(bench, actor, question, mode, answers)


async def _warm_up(bench: Bench, questions: Sequence[Question]) -> None:
    """The first text loads the models: not a part of the time of a question."""
    if questions and bench.embedder is not None:
        await bench.embedder.embed_query(questions[0].text)
    if questions and bench.reranker is not None:
        await bench.reranker.score(questions[0].text, [questions[0].text])


async def _outcome(
    bench: Bench, actor: Actor, question: Question, mode: Mode, answers: bool
) -> Outcome:
    found = await find(
        bench.pool,
        actor,
        question.text,
        embedder=bench.embedder,
        settings=bench.settings,
        reranker=bench.reranker,
        limit=DEPTH,
        mode=mode,
    )
    outcome = Outcome(
        question,
        [Place(p.filename, p.page_from, p.page_to, p.document_key) for p in found.passages],
        search_ms=sum(found.timings.values()) * 1000,
        sufficient=found.sufficient,
    )
    if not answers:
        return outcome
    started = time.perf_counter()
    wishes = Wishes(priority=Priority.BACKGROUND)
    answer = await ask(bench, actor, question.text, cache="off", wishes=wishes)
    return replace(
        outcome,
        answer_ms=(time.perf_counter() - started) * 1000,
        answer=answer.text,
        refused=answer.refused,
        citations=await _cited(bench.pool, actor, answer),
        support=_supported(answer.support),
    )


def _supported(verdicts: Sequence[Support]) -> float | None:
    """Share of the sentences of an answer that the cited passages say; None without verdicts."""
    if not verdicts:
        return None
    return sum(each.state is State.SUPPORTED for each in verdicts) / len(verdicts)


async def _cited(pool: Pool, actor: Actor, answer: Answer) -> list[Cited]:
    if not answer.citations:
        return []
    async with as_actor(pool, actor) as conn:
        return [
            Cited(
                Place(each.filename, each.page_from, each.page_to, each.document_key),
                each.quote,
                await _opens(conn, each),
            )
            for each in answer.citations
        ]


async def _opens(conn: Connection, citation: Citation) -> bool:
    """Whether the pages it leads to hold the quoted text, hidden as in the quote."""
    cursor = await conn.execute(
        """
        SELECT string_agg(p.text, E'\n' ORDER BY p.number) AS text,
               govbot_masked_kinds(ARRAY[%(key)s]::integer[]) AS masked
        FROM version_pages p
        WHERE p.version_id = %(version)s AND p.number BETWEEN %(first)s AND %(last)s
        """,
        {
            "key": citation.document_key,
            "version": citation.version_id,
            "first": citation.page_from,
            "last": citation.page_to,
        },
    )
    row = await cursor.fetchone()
    if row is None or row["text"] is None:
        return False
    text = mask(row["text"], frozenset(map(Kind, row["masked"])))
    return normalised(citation.quote) in normalised(text)


def _parts_for(bench: Bench, mode: Mode) -> Bench:
    """The parts that make search and chat work in this mode."""
    if mode == "hybrid":
        return bench
    if mode == "lexical" or bench.embedder is None:
        return replace(bench, embedder=None, reranker=None)
    return replace(bench, embedder=_Alone(bench.embedder), reranker=None)


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
