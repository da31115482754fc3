"""Pairs from gold questions: their answer, and the passages that GovBot's own search brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from govbot.chat import prompt
from govbot.config import Settings
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import NotFound
from govbot.eval import gold
from govbot.eval.questions import Question
from govbot.eval.score import holds_answer
from govbot.finetune.pairs import Pair, cited_answer, with_cited
from govbot.finetune.reach import Reach, passages_in
from govbot.models.embedder import Embedder
from govbot.models.reranker import Reranker
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import find


class App(Protocol):
    """The parts that a search needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def reranker(self) -> Reranker | None: ...


@dataclass(frozen=True, slots=True)
class Located:
    """A question with the passages that hold its answer, none for one without answers."""

    question: Question
    holding: tuple[Passage, ...]


async def questions_of(pool: Pool, sets: Sequence[str]) -> list[Question]:
    """The questions of these gold sets; without a name, of all. Raises NotFound for an unknown."""
    async with as_system(pool) as conn:
        known = await gold.sets(conn)
        names = {each.name for each in known}
        for name in sets:
            if name not in names:
                raise NotFound('There is no gold set "%(name)s".', name=name)
        return [
            each.as_question()
            for found in known
            if not sets or found.name in sets
            for each in await gold.questions(conn, found.id)
        ]


async def located(
    pool: Pool, reach: Reach, questions: Sequence[Question], left_out: Counter[str]
) -> list[Located]:
    """Each question with the passages within reach that hold one of its answers literally."""
    found = []
    async with as_actor(pool, OPERATOR) as conn:
        for question in questions:
            if not question.answerable:
                found.append(Located(question, ()))
                continue
            passages = await passages_in(
                conn, reach, keys=question.keys, filenames=question.documents, pages=question.pages
            )
            holding = tuple(p for p in passages if holds_answer(p.text, question.answers))
            if holding:
                found.append(Located(question, holding))
            else:
                left_out["no passage" if passages else "out of reach"] += 1
    return found


async def searched(
    app: App, actor: Actor, reach: Reach, question: str, limit: int
) -> list[Passage]:
    """What the chat would read for a question of the actor, within reach."""
    found = await find(
        app.pool,
        actor,
        question,
        embedder=app.embedder,
        settings=app.settings,
        reranker=app.reranker,
        limit=limit,
    )
    return [each for each in found.passages if each.document_key in reach.documents]


async def gold_pairs(
    app: App,
    reach: Reach,
    questions: Sequence[Question],
    left_out: Counter[str],
    on_done: Callable[[], None] = lambda: None,
) -> list[Pair]:
    """One pair for each question whose answer stands within reach, and for each without answers.

    What has no answer is to be refused with the sentence that the rules ask for.
    """
    limit = app.settings.retrieval.passages
    pairs = []
    for each in await located(app.pool, reach, questions, left_out):
        found = await searched(app, OPERATOR, reach, each.question.text, limit)
        if each.question.answerable:
            pairs.append(_answered(each, found, limit))
        else:
            refusal = prompt.not_found_sentence(app.settings.language)
            pairs.append(Pair(each.question.text, refusal, tuple(found), "gold", confirmed=True))
        on_done()
    return pairs


def _answered(each: Located, found: Sequence[Passage], limit: int) -> Pair:
    holding = {passage.chunk_id for passage in each.holding}
    chosen = next((p for p in found if p.chunk_id in holding), each.holding[0])
    passages = with_cited(found, [chosen], limit)
    number = 1 + next(at for at, p in enumerate(passages) if p.chunk_id == chosen.chunk_id)
    answer = next(a for a in each.question.answers if holds_answer(chosen.text, [a]))
    return Pair(
        each.question.text, cited_answer(answer, number), tuple(passages), "gold", confirmed=True
    )
