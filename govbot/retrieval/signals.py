"""What tells whether the passages found hold the answer: signals from 0 to 1. Pure.

Words are matched as in the search: by stem, by what the search takes for the same, or by a word
of the same family.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final

from govbot.generate.stems import STOPWORDS, fold, stem
from govbot.retrieval.lexical import ASKING_STEMS
from govbot.retrieval.passages import Passage

# Only the first passages are judged, however many are asked for: more of them find more words.
JUDGED: Final = 8
# Words of a stretch, about two sentences.
SPAN: Final = 25
# Words within which two neighbouring stems of the question stand together.
NEAR: Final = 4
# Letters that words of one family begin with, and what a relative counts for.
FAMILY: Final = 5
RELATIVE: Final = 0.7

_TOKEN = re.compile(r"\d+(?:[.,/]\d+)*|[^\W\d_]+")
_ASKING = frozenset(ASKING_STEMS)

Worth = Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Signals:
    """All from 0 to 1, more is better evidence. Shares are of the question's stems by rarity.

    `coverage`: what the best passage holds with its title and heading. `stretch`: what its best
    stretch of 25 words holds. `pairs`: neighbouring stems that stand together there. `names`: names
    and numbers that stand there. `standout`: how much more the best passage holds than the others
    do. `dense`: the best cosine. `rerank`: the reranker's best score, 0 without one.
    """

    coverage: float = 0.0
    stretch: float = 0.0
    pairs: float = 0.0
    names: float = 0.0
    standout: float = 0.0
    dense: float = 0.0
    rerank: float = 0.0


NAMES: Final = tuple(field.name for field in fields(Signals))


def signals_of(question: str, passages: Sequence[Passage], worth: Worth) -> Signals:
    """`worth` comes of the search: by lexeme, the stem it stands for and the weight of that."""
    judged = passages[:JUDGED]
    asked = _asked(question, worth)
    if not judged or not asked.weights:
        return Signals()
    held = [_held(asked, passage) for passage in judged]
    best = max(held, key=_whole)
    totals = sorted(map(_whole, held), reverse=True)
    others = totals[1:] or [0.0]
    return Signals(
        coverage=best.coverage,
        stretch=best.stretch,
        pairs=best.pairs,
        names=best.names,
        standout=(totals[0] - sum(others) / len(others)) / 3,
        dense=_share(max(passage.dense for passage in judged)),
        rerank=max(passage.rerank or 0.0 for passage in judged),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """`weights` by stem of the question; `stands_for`: the stem and its part by what stands for
    it; `families`: stems by the first letters of their words; `pairs` of neighbouring stems."""

    weights: Mapping[str, float]
    total: float
    stands_for: Mapping[str, tuple[str, float]]
    families: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Held:
    coverage: float
    stretch: float
    pairs: float
    names: float


def _whole(held: _Held) -> float:
    return held.coverage + held.stretch + held.pairs


def _asked(question: str, worth: Worth) -> _Asked:
    weights: dict[str, float] = {}
    for origin, weight in worth.values():
        weights[origin] = max(weight, weights.get(origin, 0.0))
    tokens = _TOKEN.findall(question)
    sequence = [each for each in map(stem, tokens) if each in weights]
    return _Asked(
        weights,
        sum(weights.values()),
        {
            lexeme: (origin, weight / weights[origin] if weights[origin] else 0.0)
            for lexeme, (origin, weight) in worth.items()
        },
        {
            fold(token)[:FAMILY]: stem(token)
            for token in tokens
            if stem(token) in weights and len(token) >= FAMILY and token.isalpha()
        },
        [(one, other) for one, other in pairwise(sequence) if one != other],
        frozenset(each for each in _names(question) if each in weights),
    )


def _names(question: str) -> set[str]:
    """Stems of numbers, of words in capitals, and of capitalised words but the first."""
    found = set()
    for place, match in enumerate(_TOKEN.finditer(question)):
        word = match[0]
        named = word[0].isdigit() or (
            len(word) > 1 and (word.isupper() or (place and word[0].isupper()))
        )
        if named and fold(word) not in STOPWORDS and stem(word) not in _ASKING:
            found.add(stem(word))
    return found


def _held(asked: _Asked, passage: Passage) -> _Held:
    """What one passage holds; the words of its title and heading count wherever they are asked."""
    places = _places(asked, passage.text)
    credit: dict[str, float] = {}
    for _, origin, part in places:
        credit[origin] = max(part, credit.get(origin, 0.0))
    stretch = _best_stretch(asked, places)
    for _, origin, part in _places(asked, f"{passage.title} {passage.heading}"):
        credit[origin] = max(part, credit.get(origin, 0.0))
    covered = sum(asked.weights[origin] * part for origin, part in credit.items()) / asked.total
    names = [credit.get(name, 0.0) for name in asked.names]
    return _Held(
        # The search knows of the words what the text does not show, such as a norm by its number.
        coverage=_share(max(covered, passage.coverage)),
        stretch=_share(stretch / asked.total),
        # One word has no neighbour to miss.
        pairs=_pairs(asked, places) if asked.pairs else _share(stretch / asked.total),
        names=sum(names) / len(names) if names else 1.0,
    )


def _places(asked: _Asked, text: str) -> list[tuple[int, str, float]]:
    """Where something stands for a stem of the question, and for what part of it."""
    places = []
    for place, match in enumerate(_TOKEN.finditer(text)):
        its_stem = stem(match[0])
        if its_stem in asked.stands_for:
            places.append((place, *asked.stands_for[its_stem]))
        elif (relative := asked.families.get(fold(match[0])[:FAMILY])) is not None:
            places.append((place, relative, RELATIVE))
    return places


def _best_stretch(asked: _Asked, places: Sequence[tuple[int, str, float]]) -> float:
    best = 0.0
    for last, (end, _, _) in enumerate(places):
        inside: dict[str, float] = {}
        for place, origin, part in reversed(places[: last + 1]):
            if place <= end - SPAN:
                break
            inside[origin] = max(part, inside.get(origin, 0.0))
        best = max(best, sum(asked.weights[each] * part for each, part in inside.items()))
    return best


def _pairs(asked: _Asked, places: Sequence[tuple[int, str, float]]) -> float:
    """Share of the question's neighbouring stems that stand near one another, in their order."""
    together = set()
    for last, (end, origin, _) in enumerate(places):
        for place, before, _ in reversed(places[:last]):
            if place < end - NEAR:
                break
            together.add((before, origin))
    weights = [asked.weights[one] + asked.weights[other] for one, other in asked.pairs]
    held = [w for w, pair in zip(weights, asked.pairs, strict=True) if pair in together]
    return sum(held) / sum(weights) if sum(weights) > 0 else 0.0


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
