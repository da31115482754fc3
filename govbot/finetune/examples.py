"""What an embedder learns from: questions, the passages that answer them, and hard negatives.

Hard negatives are what GovBot's own search ranks high and what does not hold the answer. Texts are
made as at ingestion: title and path before the words, a long passage in several windows.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from govbot.db.access import OPERATOR, as_actor
from govbot.eval.questions import Question
from govbot.eval.score import Place, holds_answer, is_right
from govbot.finetune.gold_pairs import App, searched
from govbot.finetune.pairs import part_of
from govbot.finetune.reach import Reach, every_passage, passages_in
from govbot.ingest.measure import Measure, embedded_windows
from govbot.models.files import ModelFiles
from govbot.models.tokens import TokenCounter
from govbot.retrieval.passages import Passage

SEARCHED: Final = 30  # passages of a search that are looked at


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the window of a passage that answers it, and windows that do not."""

    question: str
    positive: str
    negatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage of the measured corpus, as windows, with its place."""

    place: Place
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """Examples to train on, questions to measure with, and the corpus they are measured in.

    `corpus_of` is how many passages were within reach.
    """

    examples: tuple[Example, ...]
    held: tuple[Question, ...]
    corpus: tuple[Candidate, ...]
    corpus_of: int
    left_out: dict[str, int] = field(default_factory=dict)


async def material(
    app: App,
    files: ModelFiles,
    reach: Reach,
    questions: Sequence[Question],
    *,
    held: float,
    negatives: int,
    corpus: int,
    seed: int,
    on_done: Callable[[], None] = lambda: None,
) -> Material:
    """Searches every question once. At most `corpus` passages are measured in: those that answer
    a held question and those that the search found are among them, the rest is drawn by `seed`.

    The same question always falls on the same side, and twins fall together.
    """
    counter = TokenCounter(files)
    measure = Measure(counter.count, await asyncio.to_thread(counter.room))
    async with as_actor(app.pool, OPERATOR) as conn:
        passages = await every_passage(conn, reach)
    gathered = _Gathered(measure, negatives)
    for question in _once(questions):
        if question.located:
            await _look_up(app, reach, question, gathered, held)
        else:
            gathered.left_out["no document named"] += 1
        on_done()
    chosen = _chosen(passages, gathered.wanted, corpus, seed)
    return Material(
        examples=tuple(gathered.examples),
        held=tuple(gathered.held),
        corpus=tuple(Candidate(_place(each), gathered.windows(each)) for each in chosen),
        corpus_of=len(passages),
        left_out={why: n for why, n in sorted(gathered.left_out.items()) if n},
    )


@dataclass(slots=True)
class _Gathered:
    """What comes together, question by question; `wanted` are chunks that the corpus must hold."""

    measure: Measure
    negatives: int
    examples: list[Example] = field(default_factory=list)
    held: list[Question] = field(default_factory=list)
    wanted: set[int] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)

    def windows(self, passage: Passage) -> tuple[str, ...]:
        return tuple(embedded_windows(passage.title, passage.heading, passage.text, self.measure))

    def window(self, passage: Passage, answers: Sequence[str]) -> str:
        """The one that holds an answer, else the first."""
        windows = self.windows(passage)
        return next((each for each in windows if holds_answer(each, answers)), windows[0])


async def _look_up(
    app: App, reach: Reach, question: Question, gathered: _Gathered, held: float
) -> None:
    async with as_actor(app.pool, OPERATOR) as conn:
        right = await passages_in(
            conn, reach, keys=question.keys, filenames=question.documents, pages=question.pages
        )
    if not right:
        gathered.left_out["out of reach"] += 1
        return
    found = await searched(app, OPERATOR, reach, question.text, SEARCHED)
    if part_of(question.text, held) == "held":
        gathered.held.append(question)
        gathered.wanted |= {each.chunk_id for each in (*right, *found)}
        return
    wrong = [each for each in found if _is_wrong(question, each)][: gathered.negatives]
    if len(wrong) < gathered.negatives:
        gathered.left_out["no hard negative"] += 1
        return
    best = _best(question, right, found)
    gathered.examples.append(
        Example(
            question.text,
            gathered.window(best, question.answers),
            tuple(gathered.windows(each)[0] for each in wrong),
        )
    )


def _is_wrong(question: Question, passage: Passage) -> bool:
    return not is_right(question, _place(passage)) and not holds_answer(
        passage.text, question.answers
    )


def _best(question: Question, right: Sequence[Passage], found: Sequence[Passage]) -> Passage:
    """Of the passages of the right places one that holds the answer, the best found before."""
    ranks = {each.chunk_id: at for at, each in enumerate(found)}
    return min(
        right,
        key=lambda each: (
            not holds_answer(each.text, question.answers),
            ranks.get(each.chunk_id, len(found)),
            each.chunk_id,
        ),
    )


def _chosen(
    passages: Sequence[Passage], wanted: set[int], limit: int, seed: int
) -> Sequence[Passage]:
    if len(passages) <= limit:
        return passages
    others = [each for each in passages if each.chunk_id not in wanted]
    drawn = random.Random(seed).sample(others, max(0, limit - (len(passages) - len(others))))  # noqa: S311 - no secret
    kept = wanted | {each.chunk_id for each in drawn}
    return [each for each in passages if each.chunk_id in kept]


def _once(questions: Sequence[Question]) -> list[Question]:
    """Those with the same words once."""
    return list({question.text.casefold(): question for question in questions}.values())


def _place(passage: Passage) -> Place:
    return Place(passage.filename, passage.page_from, passage.page_to, passage.document_key)
