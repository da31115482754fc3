"""The generator that needs no model: the best sentences of the best sources, word for word.

A sentence is scored by what it shares with the question (words weighted by rarity, pairs of
neighbouring words), by its surroundings (lead-in, sentence before, title), by the rank of its
source, and by whether it holds the kind of thing asked for (a date for "quando"). A regression
fitted on FaQuAD did no better than these round weights under cross-validation.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from govbot.generate import Request, Source, State, Status
from govbot.generate.cues import expected_kinds, holds
from govbot.generate.sentences import Sentence, split
from govbot.generate.stems import content_stems, fold

MAX_SENTENCES = 3
WEIGHTS: dict[str, float] = {
    "overlap": 3.0,
    "pairs": 1.0,
    "lead": 1.0,
    "before": 0.8,
    "after": 0.3,
    "title": 0.5,
    "passage": 2.0,
    "first": 0.5,
    "kind": 1.0,
    "length": 0.5,
    "fragment": -0.5,
}
_REPEAT = 0.7  # share of stems in common from which two sentences say the same
_MAX_ITEMS = 700  # characters of items shown after the sentence that introduces them
_FAINT = 0.35  # a further excerpt below this part of the best score is left out
_MARKDOWN = re.compile(r"([\\`*\[\]<|~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;))")
_BLOCK_START = re.compile(r"^(#{1,6}(?=\s)|[-+>](?=\s)|={3,}|-{3,})")
_NUMBER_START = re.compile(r"^(\d{1,9})([.)])(?=\s)")


class ExtractiveGenerator:
    """Answers with literal excerpts. Holds no state; its work is some milliseconds in a thread."""

    name = "extractive"
    excerpts = True

    async def stream(self, request: Request) -> AsyncIterator[str]:
        if request.on_sources is not None:
            request.on_sources(request.sources)
        excerpts = await asyncio.to_thread(choose, request.question, request.sources)
        for index, text in enumerate(render(excerpts)):
            yield ("\n\n" if index else "") + text

    def status(self) -> Status:
        return Status(State.READY, device="CPU")

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Pieces of one source, in order, each literal: lead-ins and chosen sentences."""

    number: int
    pieces: tuple[str, ...]


@dataclass(slots=True)
class Candidate:
    """A sentence that may be shown, with what its score is made of."""

    source: Source
    sentence: Sentence
    index: int  # among the sentences of its source
    text: str
    stems: frozenset[str]
    features: dict[str, float] = field(default_factory=dict)
    score: float = 0.0


def choose(
    question: str, sources: Sequence[Source], *, limit: int = MAX_SENTENCES
) -> list[Excerpt]:
    """At most `limit` sentences as excerpts, best source first, in the order of the text."""
    candidates = scored(question, sources)
    return _excerpts(_pick(candidates, limit))


def render(excerpts: Sequence[Excerpt]) -> list[str]:
    """One Markdown paragraph per excerpt, ending in its citation mark; the text stays literal."""
    return [
        f"{' (…) '.join(_escape(piece) for piece in excerpt.pieces)} [{excerpt.number}]"
        for excerpt in excerpts
    ]


def scored(question: str, sources: Sequence[Source]) -> list[Candidate]:
    """All sentences of all sources with their features and scores, in order."""
    candidates = _candidates(sources)
    asked = content_stems(question)
    rarity = _rarity(candidates)
    kinds = expected_kinds(question)
    best = max((source.score for source in sources), default=0.0)
    order = sorted(sources, key=lambda source: -source.score)
    rank = {source.number: place for place, source in enumerate(order)}
    for position, candidate in enumerate(candidates):
        neighbours = (
            _neighbour(candidates, position, -1),
            _neighbour(candidates, position, +1),
        )
        features = _text_features(candidate, neighbours, asked, rarity)
        features["passage"] = candidate.source.score / best if best > 0 else 0.0
        features["first"] = 1.0 / (1 + rank[candidate.source.number])
        features["kind"] = 1.0 if holds(kinds, candidate.text) else 0.0
        candidate.features = features
        candidate.score = sum(WEIGHTS[name] * value for name, value in features.items())
    return candidates


def _candidates(sources: Sequence[Source]) -> list[Candidate]:
    candidates = []
    for source in sources:
        for index, sentence in enumerate(split(source.text)):
            text = source.text[sentence.start : sentence.end]
            if sentence.level >= 0:
                stems = frozenset(content_stems(text))
                candidates.append(Candidate(source, sentence, index, text, stems))
    return candidates


def _rarity(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Weight of a stem: how few of the sentences at hand hold it."""
    counts = Counter(stem for candidate in candidates for stem in candidate.stems)
    total = len(candidates)
    return {stem: math.log(1 + total / count) for stem, count in counts.items()}


def _neighbour(candidates: Sequence[Candidate], position: int, step: int) -> Candidate | None:
    other = position + step
    if not 0 <= other < len(candidates):
        return None
    same = candidates[other].source.number == candidates[position].source.number
    return candidates[other] if same else None


def _text_features(
    candidate: Candidate,
    neighbours: tuple[Candidate | None, Candidate | None],
    asked: Sequence[str],
    rarity: dict[str, float],
) -> dict[str, float]:
    source, sentence = candidate.source, candidate.sentence
    lead = " ".join(source.text[start:end] for start, end in sentence.leads)
    title = f"{source.title} {source.heading}"
    own = candidate.stems
    before = neighbours[0].stems if neighbours[0] else frozenset()
    after = neighbours[1].stems if neighbours[1] else frozenset()
    length = len(candidate.text)
    return {
        "overlap": _share(asked, own, rarity),
        "pairs": _pairs(asked, content_stems(candidate.text)),
        "lead": _share(asked, frozenset(content_stems(lead)) - own, rarity) if lead else 0.0,
        "before": _share(asked, before - own, rarity),
        "after": _share(asked, after - own, rarity),
        "title": _share(asked, frozenset(content_stems(title)) - own, rarity),
        "length": min(1.0, math.log1p(length) / math.log1p(400)),
        "fragment": 1.0 if _is_fragment(candidate) else 0.0,
    }


def _share(asked: Sequence[str], found: frozenset[str], rarity: dict[str, float]) -> float:
    """Part of the weight of the question that `found` covers, 0 to 1."""
    unknown = max(rarity.values(), default=1.0)
    weights = {stem: rarity.get(stem, unknown) for stem in asked}
    total = sum(weights.values())
    return (
        sum(weight for stem, weight in weights.items() if stem in found) / total if total else 0.0
    )


def _pairs(asked: Sequence[str], stems: Sequence[str]) -> float:
    """Part of the neighbouring word pairs of the question that stand side by side here too."""
    wanted = set(pairwise(asked))
    found = set(pairwise(stems))
    return len(wanted & found) / len(wanted) if wanted else 0.0


def _is_fragment(candidate: Candidate) -> bool:
    """Whether the passage cuts this sentence at its begin or end."""
    cut_begin = candidate.index == 0 and candidate.text[0].islower()
    cut_end = candidate.sentence.end >= len(candidate.source.text.rstrip()) and (
        candidate.text[-1] not in '.;:!?…)"”»'
    )
    return cut_begin or cut_end


def _pick(candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
    chosen: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        if len(chosen) == limit:
            break
        if chosen and candidate.score < _FAINT * chosen[0].score:
            break
        if not any(_repeats(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _repeats(candidate: Candidate, other: Candidate) -> bool:
    smaller = min(len(candidate.stems), len(other.stems))
    if smaller == 0:
        return fold(candidate.text) == fold(other.text)
    return len(candidate.stems & other.stems) / smaller > _REPEAT


def _excerpts(chosen: Sequence[Candidate]) -> list[Excerpt]:
    by_source: dict[int, list[Candidate]] = {}
    for candidate in chosen:  # the best comes first, so sources come in order of their best
        by_source.setdefault(candidate.source.number, []).append(candidate)
    excerpts = []
    for number, group in by_source.items():
        source = group[0].source
        spans = _spans(source.text, group)
        excerpts.append(
            Excerpt(number, tuple(" ".join(source.text[a:b].split()) for a, b in spans))
        )
    return excerpts


def _spans(text: str, group: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Spans of the sentences and their lead-ins in order; those with nothing between are one."""
    wanted = {(each.sentence.start, each.sentence.end) for each in group}
    wanted.update(span for each in group for span in each.sentence.leads)
    wanted.update(item for each in group for item in _items(text, each.sentence))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(wanted):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _items(text: str, lead: Sentence) -> list[tuple[int, int]]:
    """Spans of what a sentence that ends in a colon introduces, up to some length: the caput
    alone ("são direitos:") would be no answer."""
    if text[lead.end - 1] != ":":
        return []
    items = [each for each in split(text) if (lead.start, lead.end) in each.leads]
    return [(each.start, each.end) for each in items if each.end - lead.end <= _MAX_ITEMS]


def _escape(text: str) -> str:
    """The text so that Markdown shows it as it is."""
    escaped = _MARKDOWN.sub(r"\\\1", text)
    escaped = _BLOCK_START.sub(r"\\\1", escaped)
    return _NUMBER_START.sub(r"\1\\\2", escaped)
