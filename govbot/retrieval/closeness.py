"""How close together a passage holds what is asked: the order of the best candidates, refined.

BM25 counts words wherever they stand. Here counts what one stretch of a passage holds of the
question, by the same stems or by relatives of its words ("licenciado" for "licença"), and how many
neighbouring words they share as they stand. Measured: tests/bench/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

from govbot.generate.cues import Kind, expected_kinds, holds
from govbot.generate.stems import content_stems, fold, stem
from govbot.retrieval.passages import Passage
from govbot.retrieval.variants import Variant

# Beside the fused score, which weighs 1, all from 0 to 1.
STRETCH: Final = 1.0
SHORT_STRETCH: Final = 0.5
RELATED: Final = 0.5
ALIKE: Final = 0.5
KIND: Final = 0.1

# Words of a stretch and of a short one; around a stretch, words among which the kind of thing asked
# for is looked for; neighbouring words in common from which more count no more.
SPAN: Final = 25
SHORT_SPAN: Final = 12
BEFORE, BEHIND = 30, 20
MOST_ALIKE: Final = 10
SYNONYM: Final = 0.5  # of the weight of the stem that it stands for
# Letters that related words begin with; shorter ones are related with all but their last letter.
BEGINNING: Final = 5

_WORD = re.compile(r"\d+(?:[.,/]\d+)*|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks for.

    `worth`: by lexeme, the stem of the question that it stands for and the weight of it, which is
    its rarity, less where it is another stem. `words`: by their first letters, words with the stem
    they have. `neighbours`: stems that stand side by side, stop words included. `kinds`: of the
    thing asked for, such as a date.
    """

    worth: Mapping[str, tuple[str, float]]
    words: Mapping[str, Sequence[tuple[str, str]]]
    neighbours: frozenset[tuple[str, str]]
    kinds: frozenset[Kind]
    total: float


def asked(
    question: str, worth: Mapping[str, tuple[str, float]], variants: Sequence[Variant] = ()
) -> Asked:
    """`worth` comes of the search; `variants` that stand for one stem count for it, by half."""
    worth = {**_synonyms(worth, variants), **worth}
    tokens = _WORD.findall(question)
    stems = [stem(token) for token in tokens]
    words: dict[str, list[tuple[str, str]]] = {}
    for token, its_stem in zip(tokens, stems, strict=True):
        word = _folded(token)
        if its_stem in worth and len(word) >= BEGINNING and word.isalpha():
            words.setdefault(word[: BEGINNING - 1], []).append((word, its_stem))
    whole: dict[str, float] = {}
    for origin, weight in worth.values():
        whole[origin] = max(weight, whole.get(origin, 0.0))
    neighbours = frozenset(pairwise(stems))
    return Asked(worth, words, neighbours, expected_kinds(question), sum(whole.values()))


def _synonyms(
    worth: Mapping[str, tuple[str, float]], variants: Sequence[Variant]
) -> dict[str, tuple[str, float]]:
    found = {}
    for variant in variants:
        stems = content_stems(variant.text)
        if len(stems) == len(variant.origins) == 1 and variant.origins[0] in worth:
            origin, weight = worth[variant.origins[0]]
            found[stems[0]] = (origin, SYNONYM * weight)
    return found


def by_closeness(
    passages: Sequence[Passage], wanted: Asked, words_weight: float = 1.0
) -> list[Passage]:
    """The passages with scores that count it, best first; what is equal keeps its order.

    `words_weight` is the share of the words in the fused score: as closeness is one of words, it
    counts so much less beside an embedder that is trusted.
    """
    if wanted.total <= 0:
        return list(passages)
    most = STRETCH + SHORT_STRETCH + RELATED + ALIKE + KIND
    refined = []
    for passage in passages:
        score = passage.score + words_weight * _closeness(passage.text, wanted)
        refined.append(replace(passage, score=score / (1 + words_weight * most)))
    return sorted(refined, key=lambda passage: -passage.score)


def _closeness(text: str, wanted: Asked) -> float:
    """The weighted sum of what a passage is worth beside its fused score."""
    tokens = list(_WORD.finditer(text))
    stems = [stem(token[0]) for token in tokens]
    places, related = _places([token[0] for token in tokens], stems, wanted)
    stretch, end = _best_stretch(places, SPAN)
    short, _ = _best_stretch(places, SHORT_SPAN)
    alike = min(len(wanted.neighbours.intersection(pairwise(stems))), MOST_ALIKE) / MOST_ALIKE
    held = (STRETCH * stretch + SHORT_STRETCH * short + RELATED * related) / wanted.total
    kind = 0.0
    if wanted.kinds and places:
        around = tokens[max(0, end - BEFORE) : end + BEHIND]
        kind = float(holds(wanted.kinds, text[around[0].start() : around[-1].end()]))
    return held + ALIKE * alike + KIND * kind


def _places(
    tokens: Sequence[str], stems: Sequence[str], wanted: Asked
) -> tuple[list[tuple[int, str, float]], float]:
    """Where stems of the question stand, or relatives of those that stand nowhere, with their
    weights; and the weight of what relatives alone hold."""
    worth = wanted.worth
    places = [(place, *worth[each]) for place, each in enumerate(stems) if each in worth]
    held = {origin for _, origin, _ in places}
    related: dict[str, float] = {}
    for place, token in enumerate(tokens):
        word = _folded(token)
        if word[: BEGINNING - 1] not in wanted.words:
            continue
        for origin, likeness in _relatives(word, wanted):
            if origin not in held:
                weight = worth[origin][1] * likeness
                places.append((place, origin, weight))
                related[origin] = max(weight, related.get(origin, 0.0))
    return sorted(places), sum(related.values())


def _relatives(word: str, wanted: Asked) -> list[tuple[str, float]]:
    """Stems of the question's words that begin like this one, and how much they are alike."""
    found = []
    for other, origin in wanted.words[word[: BEGINNING - 1]]:
        shared = next(
            (n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b),
            min(len(word), len(other)),
        )
        if shared >= min(BEGINNING, len(word) - 1):
            found.append((origin, shared / max(len(word), len(other))))
    return found


def _best_stretch(places: Sequence[tuple[int, str, float]], span: int) -> tuple[float, int]:
    """The greatest weight of different stems within `span` words, and where that ends."""
    best, best_end = 0.0, 0
    for last, (end, _, _) in enumerate(places):
        inside: dict[str, float] = {}
        for place, origin, weight in reversed(places[: last + 1]):
            if place < end - span:
                break
            inside[origin] = max(weight, inside.get(origin, 0.0))
        if (found := sum(inside.values())) > best:
            best, best_end = found, end
    return best, best_end


@lru_cache(maxsize=100_000)
def _folded(token: str) -> str:
    return fold(token)
