"""From what was found and answered to figures. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from govbot.eval.questions import Question

CUTS = (1, 3, 5, 10)
DEPTH = 10  # of the reciprocal rank and of nDCG

_MARK = re.compile(r"\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a found passage stands; `key` is that of its document."""

    filename: str
    page_from: int
    page_to: int
    key: int = 0


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation of an answer: where, and what it quotes.

    `opens`: the page it leads to holds the quoted text (None: not looked at).
    """

    place: Place
    quote: str
    opens: bool | None = None


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
    citations: Sequence[Cited] = ()
    support: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What is kept of an outcome: no text but the question's label. None: not measured.

    `gain` is nDCG@10; `cited_page`, `cited_span` and `cited_opens` are shares of the citations.
    """

    label: str
    gold_id: UUID | None
    answerable: bool
    located: bool
    rank: int | None
    document_rank: int | None
    gain: float | None
    sufficient: bool
    refused: bool | None
    contained: bool | None
    cited_page: float | None
    cited_span: float | None
    cited_opens: float | None
    support: float | None
    search_ms: float
    answer_ms: float | None


Measure = Callable[[Scored], float | None]
Figures = dict[str, float | int | None]


def _hit(cut: int) -> Measure:
    return lambda s: float(s.rank is not None and s.rank <= cut) if s.located else None


def _document_hit(cut: int) -> Measure:
    return lambda s: (
        float(s.document_rank is not None and s.document_rank <= cut) if s.located else None
    )


def _reciprocal(s: Scored) -> float | None:
    if not s.located:
        return None
    return 1 / s.rank if s.rank is not None and s.rank <= DEPTH else 0.0


def _refused(s: Scored, *, of_answerable: bool | None = None) -> float | None:
    if s.refused is None or of_answerable not in (None, s.answerable):
        return None
    return float(s.refused)


def _withheld(s: Scored, *, of_answerable: bool) -> float | None:
    return float(not s.sufficient) if s.answerable is of_answerable else None


def _flag(value: bool | None) -> float | None:
    return None if value is None else float(value)


# What each question counts for; None: it does not. A figure is the mean over those that count.
MEASURES: Final[dict[str, Measure]] = {
    **{f"hit@{cut}": _hit(cut) for cut in CUTS},
    f"mrr@{DEPTH}": _reciprocal,
    f"ndcg@{DEPTH}": lambda s: s.gain,
    **{f"doc_hit@{cut}": _document_hit(cut) for cut in CUTS},
    "withheld_right": lambda s: _withheld(s, of_answerable=False),
    "withheld_wrong": lambda s: _withheld(s, of_answerable=True),
    "answer_hit": lambda s: _flag(s.contained),
    "cite_page": lambda s: s.cited_page,
    "cite_span": lambda s: s.cited_span,
    "cite_opens": lambda s: s.cited_opens,
    "refusal": lambda s: None if s.refused is None else float(s.refused is not s.answerable),
    "refused": _refused,
    "refused_right": lambda s: _refused(s, of_answerable=False),
    "refused_wrong": lambda s: _refused(s, of_answerable=True),
    "support": lambda s: s.support,
}
# Figures of which less is better, and those that are neither.
LESS_IS_BETTER: Final = frozenset({"withheld_wrong", "refused_wrong"})
NEUTRAL: Final = frozenset({"refused"})
# These need answers; all others the search alone.
OF_ANSWERS: Final = frozenset(
    {"answer_hit", "cite_page", "cite_span", "cite_opens", "support"}
    | {"refusal", "refused", "refused_right", "refused_wrong"}
)


def scored(outcome: Outcome) -> Scored:
    """What counts of an outcome."""
    question = outcome.question
    answered = outcome.answer is not None and not outcome.refused
    right = [c for c in outcome.citations if is_right(question, c.place)]
    holding = [c for c in outcome.citations if holds_answer(c.quote, question.answers)]
    seen = [c.opens for c in outcome.citations if c.opens is not None]
    counts = answered and question.answerable and bool(outcome.citations)
    return Scored(
        label=question.id,
        gold_id=question.gold_id,
        answerable=question.answerable,
        located=question.located,
        rank=rank(question, outcome.found),
        document_rank=rank(question, outcome.found, by_page=False),
        gain=ndcg(question, outcome.found) if question.located else None,
        sufficient=outcome.sufficient,
        refused=outcome.refused if outcome.answer is not None else None,
        contained=_contained(outcome),
        cited_page=len(right) / len(outcome.citations) if counts and question.located else None,
        cited_span=len(holding) / len(outcome.citations) if counts else None,
        cited_opens=sum(seen) / len(seen) if answered and seen else None,
        support=outcome.support if answered else None,
        search_ms=outcome.search_ms,
        answer_ms=outcome.answer_ms,
    )


def _contained(outcome: Outcome) -> bool | None:
    if outcome.answer is None or not outcome.question.answerable:
        return None
    return not outcome.refused and holds_answer(outcome.answer, outcome.question.answers)


def is_right(question: Question, place: Place, *, by_page: bool = True) -> bool:
    """Whether the answer stands there; a question with pages needs one of them."""
    if place.filename not in question.documents and place.key not in question.keys:
        return False
    if not by_page or not question.pages:
        return True
    return any(place.page_from <= page <= place.page_to for page in question.pages)


def rank(question: Question, found: Sequence[Place], *, by_page: bool = True) -> int | None:
    """Place of the first right passage, from 1."""
    rights = (at for at, each in enumerate(found, 1) if is_right(question, each, by_page=by_page))
    return next(rights, None)


def ndcg(question: Question, found: Sequence[Place]) -> float:
    """Normalised discounted cumulative gain of the first ten (Järvelin and Kekäläinen, 2002).

    Each page that holds the answer is worth one, once; a question without pages has one thing to
    find.
    """
    missing: set[int] = set(question.pages) or {0}
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(missing), DEPTH) + 1))
    gained = 0.0
    for place, passage in enumerate(found[:DEPTH], 1):
        if not is_right(question, passage):
            continue
        pages = range(passage.page_from, passage.page_to + 1)
        new = {page for page in missing if page == 0 or page in pages}
        if new:
            gained += 1 / math.log2(place + 1)
            missing.discard(min(new))
    return gained / best


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


def summary(outcomes: Sequence[Outcome]) -> Figures:
    """`figures` of outcomes."""
    return figures([scored(outcome) for outcome in outcomes])


def figures(rows: Sequence[Scored]) -> Figures:
    """The figures of a run; a share is None where nothing was there to count.

    hit@k, mrr@10, ndcg@10 and doc_hit@k are over the answerable questions whose document is known;
    answer_hit and refused_wrong over the answerable ones; refused_right over the others; refusal
    (answered exactly where it can be) over all; cite_* over the answers with citations, support
    over those checked. p50_ms and p95_ms are of the search, embedding included.
    """
    times = [row.answer_ms for row in rows if row.answer_ms is not None]
    return {
        "n": len(rows),
        "n_located": sum(row.located for row in rows),
        **{name: _mean(values(rows, name)) for name in MEASURES},
        "p50_ms": percentile([row.search_ms for row in rows], 50),
        "p95_ms": percentile([row.search_ms for row in rows], 95),
        "answer_p50_ms": percentile(times, 50),
        "answer_p95_ms": percentile(times, 95),
    }


def standard_errors(rows: Sequence[Scored]) -> dict[str, float]:
    """The standard error of each mean: the deviation of the sample by the root of its size."""
    errors = {}
    for name in MEASURES:
        counted = values(rows, name)
        if len(counted) > 1:
            mean = sum(counted) / len(counted)
            variance = sum((value - mean) ** 2 for value in counted) / (len(counted) - 1)
            errors[name] = round(math.sqrt(variance / len(counted)), 4)
    return errors


def values(rows: Sequence[Scored], measure: str) -> list[float]:
    """What each question counts for in a figure, those left out that do not count."""
    found = (MEASURES[measure](row) for row in rows)
    return [value for value in found if value is not None]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile, to a tenth."""
    if not values:
        return None
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * percent // 100) - 1)
    return round(ordered[int(place)], 1)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
