"""From what was found and answered to figures. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.eval.questions import Question

CUTS = (1, 3, 5, 10)
DEPTH = 10  # of the reciprocal rank

_MARK = re.compile(r"\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a found passage stands."""

    filename: str
    page_from: int
    page_to: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question. Answer fields are None when only retrieval was measured."""

    question: Question
    found: Sequence[Place]
    search_ms: float
    sufficient: bool
    answer: str | None = None
    refused: bool | None = None
    answer_ms: float | None = None


def rank(question: Question, found: Sequence[Place], *, by_page: bool = True) -> int | None:
    """Place of the first right passage, from 1; a question with pages needs one of them."""
    for place, passage in enumerate(found, 1):
        if passage.filename not in question.documents:
            continue
        if not by_page or not question.pages:
            return place
        if any(passage.page_from <= page <= passage.page_to for page in question.pages):
            return place
    return None


def holds_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the answers stands in the text, whole words, whatever case, accents and
    punctuation; citation marks do not count."""
    shown = f" {normalised(_MARK.sub(' ', text))} "
    return any(f" {wanted} " in shown for wanted in map(normalised, answers) if wanted)


def normalised(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = (
        char if char.isalnum() else " " for char in decomposed if not unicodedata.combining(char)
    )
    return " ".join("".join(letters).split())


def summary(outcomes: Sequence[Outcome]) -> dict[str, float | int | None]:
    """The figures of a run; a share is None where nothing was there to count.

    hit@k, mrr@10 and doc_hit@k are over the answerable questions whose document is known;
    answer_hit and refused_wrong over the answerable ones; refused_right over the others. p50_ms
    and p95_ms are of the search, embedding included.
    """
    located = [o for o in outcomes if o.question.located]
    ranks = [rank(o.question, o.found) for o in located]
    by_document = [rank(o.question, o.found, by_page=False) for o in located]
    answered = [o for o in outcomes if o.answer is not None]
    answerable = [o for o in answered if o.question.answerable]
    others = [o for o in answered if not o.question.answerable]
    times = [o.answer_ms for o in answered if o.answer_ms is not None]
    return {
        "n": len(outcomes),
        "n_located": len(located),
        **{f"hit@{k}": _share([r is not None and r <= k for r in ranks]) for k in CUTS},
        f"mrr@{DEPTH}": _mean([1 / r if r is not None and r <= DEPTH else 0.0 for r in ranks]),
        **{f"doc_hit@{k}": _share([r is not None and r <= k for r in by_document]) for k in CUTS},
        "answer_hit": _share(
            [not o.refused and holds_answer(o.answer or "", o.question.answers) for o in answerable]
        ),
        "refused": _share([bool(o.refused) for o in answered]),
        "refused_right": _share([bool(o.refused) for o in others]),
        "refused_wrong": _share([bool(o.refused) for o in answerable]),
        "p50_ms": percentile([o.search_ms for o in outcomes], 50),
        "p95_ms": percentile([o.search_ms for o in outcomes], 95),
        "answer_p50_ms": percentile(times, 50),
        "answer_p95_ms": percentile(times, 95),
    }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile, to a tenth."""
    if not values:
        return None
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * percent // 100) - 1)
    return round(ordered[int(place)], 1)


def _share(hits: Sequence[bool]) -> float | None:
    return _mean([float(hit) for hit in hits])


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
