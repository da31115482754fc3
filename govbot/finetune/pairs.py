"""A question with the answer a model should have written, over numbered passages. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from govbot.chat import prompt
from govbot.eval.score import normalised
from govbot.generate import ChatMessage, Source
from govbot.privacy import mask
from govbot.retrieval.passages import Passage

Origin = Literal["gold", "rated"]
Part = Literal["train", "held"]

_MARK: Final = re.compile(r"\[(\d{1,3})\]")
_ENDS: Final = ".!?:;"
_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Pair:
    """What is learned. [n] in `answer` stands for `passages[n - 1]`; without a mark, a refusal.

    `confirmed`: a curator looked at it, as the author of the gold question or in the queue.
    """

    question: str
    answer: str
    passages: tuple[Passage, ...]
    origin: Origin
    confirmed: bool

    @property
    def cited(self) -> frozenset[int]:
        """The numbers of the passages that the answer cites."""
        return frozenset(int(found) for found in _MARK.findall(self.answer))

    @property
    def id(self) -> str:
        """The same for the same question in every export."""
        return key_of(self.question)


def key_of(question: str) -> str:
    """Sixteen hexadecimal digits of a question, whatever its case, accents and punctuation."""
    return hashlib.sha256(normalised(question).encode()).hexdigest()[:16]


def part_of(question: str, held: float) -> Part:
    """Whether a question is trained on or held back, the same at every time; `held` is 0 to 1."""
    bucket = int(key_of(question), 16) % _BUCKETS
    return "held" if bucket < held * _BUCKETS else "train"


def cited_answer(answer: str, number: int) -> str:
    """A short answer as the rules ask for it: one sentence that ends with its mark.

    A text of several sentences gets the mark at its end alone.
    """
    text = " ".join(answer.split()).rstrip(_ENDS + " ")
    return f"{text[:1].upper()}{text[1:]} [{number}]."


def renumbered(answer: str, numbers: Mapping[int, int]) -> str:
    """The answer with its marks changed; marks that stand for nothing are taken out."""

    def mark(found: re.Match[str]) -> str:
        number = numbers.get(int(found[1]))
        return f"[{number}]" if number is not None else ""

    return _MARK.sub(mark, answer)


def with_cited(found: Sequence[Passage], cited: Sequence[Passage], limit: int) -> list[Passage]:
    """The passages found, `limit` at most, the cited ones among them in any case."""
    wanted = {each.chunk_id for each in cited}
    others = [each.chunk_id for each in found if each.chunk_id not in wanted]
    kept = wanted.union(others[: max(0, limit - len(wanted))])
    there = {each.chunk_id for each in found}
    return [each for each in found if each.chunk_id in kept] + [
        each for each in cited if each.chunk_id not in there
    ]


def without_personal_data(pair: Pair) -> Pair | None:
    """The pair with every kind of personal data hidden; None when the answer is made of it."""
    if mask(pair.answer) != pair.answer:
        return None
    shown = tuple(
        replace(
            each,
            text=mask(each.text),
            heading=mask(each.heading),
            title=mask(each.title),
            filename=mask(each.filename),
        )
        for each in pair.passages
    )
    return replace(pair, question=mask(pair.question), passages=shown)


def unique(pairs: Iterable[Pair]) -> list[Pair]:
    """The first pair of each question."""
    found: dict[str, Pair] = {}
    for pair in pairs:
        found.setdefault(pair.id, pair)
    return list(found.values())


def sources_of(passages: Sequence[Passage]) -> tuple[Source, ...]:
    """The passages as the prompt takes them."""
    return tuple(
        Source(
            number=number,
            text=passage.text,
            title=passage.title or passage.filename,
            heading=passage.heading,
            page=passage.page_from,
            score=passage.score,
        )
        for number, passage in enumerate(passages, 1)
    )


def record_of(pair: Pair, language: str) -> dict[str, Any]:
    """A line of the export: the messages of the chat, the answer last, and their parts.

    The parts let a trainer make the messages again with fewer passages.
    """
    sources = sources_of(pair.passages)
    messages = (
        *prompt.prompt_for(pair.question, sources, language=language),
        ChatMessage("assistant", pair.answer),
    )
    return {
        "id": pair.id,
        "origin": pair.origin,
        "confirmed": pair.confirmed,
        "language": language,
        "messages": [{"role": each.role, "content": each.content} for each in messages],
        "question": pair.question,
        "answer": pair.answer,
        "passages": [
            {
                "number": each.number,
                "title": each.title,
                "heading": each.heading,
                "page": each.page,
                "text": each.text,
                "cited": each.number in pair.cited,
            }
            for each in sources
        ],
    }
