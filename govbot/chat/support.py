"""Whether the passages that a sentence of an answer cites say what it says.

Numbers, dates and names must stand in a cited passage, and so must enough of the words, weighted
by rarity. What the words leave open is decided by an entailment model where there is one, else by
the embedder. Excerpts are literal and supported by construction.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from govbot.chat.citations import find_quote
from govbot.chat.claims import Claim, claims_of
from govbot.chat.values import Evidence, Span, days, numbers
from govbot.errors import Unavailable
from govbot.generate import Source
from govbot.generate.stems import content_stems, fold
from govbot.models.embedder import Embedder
from govbot.models.entailment import Entailment

log = logging.getLogger(__name__)

# Part of the weight of a sentence's words that its passages hold: from SURE on it is supported,
# below FAINT it is not; between them the meaning decides. Measured on 215 answers that people wrote
# to Pirá's questions: held against their own passage 72 % are supported and 11 % weak, against
# the nearest other one 8 % and 25 %. Nine in ten of the latter have a cosine below 0.7.
SURE = 0.60
FAINT = 0.30
LIKE = 0.75  # cosine from which a sentence with some of its words is supported
BUDGET_S = 0.6  # for the embedder
ENTAILED = 0.5  # probability from which the entailment model is believed
ENTAILMENT_BUDGET_S = 10.0
_LITERAL = 0.8  # with so much in common, a turned meaning is no matter of other words
_NEGATED = re.compile(
    r"\b(?:nao|nunca|jamais|nem)\s+(?:(?:e|sera|serao|foi|ser|sao|se|lhe|poder\w*|pod\w+|dever\w*|"
    r"deve\w*)\s+){0,2}(\w{4,})"
)
_FORBIDS = re.compile(r"\b(?:vedad|proibid|veda-se|proibe|nao (?:e|sera|sao) (?:permitid|admitid))")
_ALLOWS = re.compile(
    r"(?<!nao e )(?<!nao sera )(?<!nao sao )\b(?:permitid|autorizad|facultad|admitid)"
)


class State(StrEnum):
    SUPPORTED = "supported"
    WEAK = "weak"
    UNSUPPORTED = "unsupported"


class Reason(StrEnum):
    """Why a sentence is not supported."""

    NONE = ""
    UNCITED = "uncited"
    VALUE = "value"  # a number, date or name that no cited passage holds
    WORDS = "words"
    NEGATION = "negation"  # one says "não" where the other does not
    CONTRADICTED = "contradicted"  # the entailment model says so


@dataclass(frozen=True, slots=True)
class Support:
    """The verdict on `answer[start:end]`; `marks` are the citation numbers it was held against,
    `missing` the spans of what no cited passage holds."""

    start: int
    end: int
    state: State
    reason: Reason = Reason.NONE
    marks: tuple[int, ...] = ()
    missing: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    support: Support
    claim: Claim
    coverage: float  # 0 to 1
    quote: str  # what the cited passages hold that is nearest

    @property
    def open(self) -> bool:
        """Whether the words leave it open."""
        return self.support.reason is Reason.WORDS


async def check(
    text: str,
    order: Sequence[int],
    sources: Sequence[Source],
    question: str,
    *,
    embedder: Embedder | None = None,
    entailment: Entailment | None = None,
) -> list[Support]:
    """The verdict on each sentence of `text` that states something, in order.

    `order[n - 1]` is the index of the source shown as [n]. Values that the question named itself
    make a sentence weak, not unsupported, when the passages do not repeat them.
    """
    checked = await asyncio.to_thread(_by_words, text, order, sources, question)
    if entailment is not None:
        checked = await _by_entailment(checked, entailment)
    elif embedder is not None:
        checked = await _by_meaning(checked, embedder)
    return [each.support for each in checked]


def literal(text: str) -> list[Support]:
    """The verdict on excerpts: every paragraph is the document's own words."""
    return [
        Support(claim.start, claim.end, State.SUPPORTED, marks=claim.marks)
        for claim in claims_of(text)
        if claim.marks
    ]


def shifted(found: Sequence[Support], by: int) -> list[Support]:
    """The same verdicts on a text that begins `by` characters earlier."""
    return [
        replace(
            each,
            start=each.start + by,
            end=each.end + by,
            missing=tuple((start + by, end + by) for start, end in each.missing),
        )
        for each in found
    ]


def to_json(found: Sequence[Support]) -> list[dict[str, Any]]:
    """As it is stored with a message."""
    return [asdict(each) for each in found]


def from_json(rows: Sequence[Mapping[str, Any]]) -> list[Support]:
    """What `to_json` stored."""
    return [
        Support(
            row["start"],
            row["end"],
            State(row["state"]),
            Reason(row["reason"]),
            tuple(row["marks"]),
            tuple((start, end) for start, end in row["missing"]),
        )
        for row in rows
    ]


def told(text: str, found: Sequence[Support]) -> list[dict[str, Any]]:
    """The verdicts as doors tell them: the sentence itself, its state, why, and what is missing."""
    return [
        {
            "text": shown_sentence(text, each),
            "state": each.state.value,
            "reason": each.reason.value,
            "citations": list(each.marks),
            "missing": [text[start:end] for start, end in each.missing],
        }
        for each in found
    ]


def shown_sentence(text: str, each: Support) -> str:
    """The sentence without its marks and signs of Markdown."""
    return " ".join(re.sub(r"\s*\[\d{1,3}\]|\*\*|__|`", "", text[each.start : each.end]).split())


def without_unsupported(text: str, found: Sequence[Support]) -> tuple[str, list[Support]]:
    """The text without its unsupported sentences, and the verdicts on what is left.

    Sentences that only announced what is gone may stay behind: the caller refuses when no
    statement is left.
    """
    kept: list[Support] = []
    parts: list[str] = []
    position = 0
    removed = 0
    for each in sorted(found, key=lambda one: one.start):
        if each.state is not State.UNSUPPORTED:
            kept.extend(shifted([each], -removed))
            continue
        start = _with_label(text, each.start)
        end = _with_marks(text, each.end, whole_line=start < each.start)
        start = max(start, position)
        parts.append(text[position:start])
        removed += end - start
        position = end
    return "".join((*parts, text[position:])), kept


def _with_label(text: str, start: int) -> int:
    """The start of a sentence with the sign of its list item."""
    line = text.rfind("\n", 0, start) + 1
    return line if re.fullmatch(r"\s*(?:[-*+•>]|\d{1,3}\\?[.)])\s*", text[line:start]) else start


def _with_marks(text: str, end: int, whole_line: bool) -> int:
    """The end of a sentence with its marks, its stop and the space behind."""
    match = re.compile(r"(?:[ \t]*\[\d{1,3}\])*[.;]?[ \t]*").match(text, end)
    end = match.end() if match else end
    return end + 1 if whole_line and text[end : end + 1] == "\n" else end


def _by_words(
    text: str, order: Sequence[int], sources: Sequence[Source], question: str
) -> list[_Checked]:
    rarity = _rarity(sources)
    asked = Evidence(question)
    held: dict[tuple[int, ...], tuple[Evidence, frozenset[str]]] = {}
    checked = []
    for claim in claims_of(text):
        cited = tuple(order[mark - 1] for mark in claim.marks if 1 <= mark <= len(order))
        if not claim.states:
            continue
        if not cited:
            support = Support(claim.start, claim.end, State.UNSUPPORTED, Reason.UNCITED)
            checked.append(_Checked(support, claim, 0.0, ""))
            continue
        if cited not in held:
            texts = "\n".join(_whole(sources[index]) for index in cited)
            held[cited] = (Evidence(texts), frozenset(content_stems(texts)))
        checked.append(_judged(claim, [sources[i] for i in cited], held[cited], rarity, asked))
    return checked


def _judged(
    claim: Claim,
    cited: Sequence[Source],
    held: tuple[Evidence, frozenset[str]],
    rarity: Mapping[str, float],
    asked: Evidence,
) -> _Checked:
    evidence, stems = held
    missing = evidence.missing(claim.text)
    coverage = _coverage(claim.text, stems, rarity)
    quote = _nearest(claim.text, cited)
    at = Support(claim.start, claim.end, State.SUPPORTED, marks=claim.marks)
    if missing:
        unasked = set(asked.missing(claim.text)) & set(missing)
        state = State.UNSUPPORTED if unasked else State.WEAK
        shown = tuple(sorted(unasked or missing))
        support = replace(at, state=state, reason=Reason.VALUE, missing=_placed(claim, shown))
    elif _turned(claim.text, quote):
        state = State.UNSUPPORTED if coverage >= _LITERAL else State.WEAK
        support = replace(at, state=state, reason=Reason.NEGATION)
    elif coverage >= SURE:
        support = at
    else:
        state = State.WEAK if coverage >= FAINT else State.UNSUPPORTED
        support = replace(at, state=state, reason=Reason.WORDS)
    return _Checked(support, claim, coverage, quote)


def _placed(claim: Claim, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans in the shown sentence as spans of the answer; marks inside it move them."""
    return tuple((claim.at(start), claim.at(end - 1) + 1) for start, end in spans)


def _whole(source: Source) -> str:
    return f"{source.title}\n{source.heading}\n{source.note}\n{source.text}"


def _nearest(claim: str, cited: Sequence[Source]) -> str:
    found = [(find_quote(claim, source.text), source.text) for source in cited]
    (start, end, _support), text = max(found, key=lambda each: each[0][2])
    return text[start:end]


def _rarity(sources: Sequence[Source]) -> dict[str, float]:
    """Weight of a stem: how few of the passages at hand hold it."""
    held = [set(content_stems(_whole(source))) for source in sources]
    counts = Counter(stem for stems in held for stem in stems)
    return {stem: math.log(1 + len(held) / count) for stem, count in counts.items()}


def _coverage(claim: str, stems: frozenset[str], rarity: Mapping[str, float]) -> float:
    unknown = max(rarity.values(), default=1.0)
    # Numbers and dates are held against the passages on their own, in every spelling.
    counted = [(each.start, each.end) for each in numbers(claim)]
    counted += [(each.start, each.end) for each in days(claim)]
    for start, end in counted:
        claim = claim[:start] + " " * (end - start) + claim[end:]
    weights = {stem: rarity.get(stem, unknown) for stem in content_stems(claim)}
    total = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if stem in stems) / total if total else 1


def _turned(claim: str, quote: str) -> bool:
    """Whether one of the two denies a word that the other affirms."""
    first, second = fold(claim), fold(quote)
    if (_FORBIDS.search(first) and _allows_only(second)) or (
        _FORBIDS.search(second) and _allows_only(first)
    ):
        return True
    return _denies(first, second) or _denies(second, first)


def _allows_only(folded: str) -> bool:
    return bool(_ALLOWS.search(folded)) and not _FORBIDS.search(folded)


def _denies(folded: str, other: str) -> bool:
    denied = {stem for word in _NEGATED.findall(folded) for stem in content_stems(word)}
    if not denied:
        return False
    affirmed = Counter(content_stems(other))
    negated = Counter(stem for word in _NEGATED.findall(other) for stem in content_stems(word))
    here = Counter(content_stems(folded))
    return any(affirmed[stem] > 0 and not negated[stem] and here[stem] == 1 for stem in denied)


async def _by_meaning(checked: list[_Checked], embedder: Embedder) -> list[_Checked]:
    """What the words leave open is supported when the vectors agree."""
    asked = [each for each in checked if each.open and each.quote]
    if not asked:
        return checked
    texts = [text for each in asked for text in (each.claim.text, each.quote)]
    try:
        async with asyncio.timeout(BUDGET_S):
            vectors = await embedder.embed_passages(texts)
    except (Unavailable, TimeoutError):
        return checked
    cosines = {
        id(each): sum(a * b for a, b in zip(*vectors[2 * n : 2 * n + 2], strict=True))
        for n, each in enumerate(asked)
    }
    return [_with_cosine(each, cosines.get(id(each))) for each in checked]


def _with_cosine(each: _Checked, cosine: float | None) -> _Checked:
    if cosine is None or cosine < LIKE:
        return each
    state = State.SUPPORTED if each.coverage >= FAINT else State.WEAK
    reason = Reason.NONE if state is State.SUPPORTED else Reason.WORDS
    return replace(each, support=replace(each.support, state=state, reason=reason))


async def _by_entailment(checked: list[_Checked], model: Entailment) -> list[_Checked]:
    """The model may clear what the words leave open, and fails what it finds contradicted."""
    asked = [each for each in checked if each.quote]
    pairs = [(each.quote, each.claim.text) for each in asked]
    try:
        async with asyncio.timeout(ENTAILMENT_BUDGET_S):
            verdicts = await model.judge(pairs)
    except (Unavailable, TimeoutError) as error:
        log.warning(
            "Sentences were checked without the entailment model: %s",
            type(error).__name__,
            extra={"action": "support.fallback"},
        )
        return checked
    by_claim = {id(each): verdict for each, verdict in zip(asked, verdicts, strict=True)}
    result = []
    for each in checked:
        verdict = by_claim.get(id(each))
        support = each.support
        if verdict is not None and verdict.contradicted >= ENTAILED:
            support = replace(support, state=State.UNSUPPORTED, reason=Reason.CONTRADICTED)
        elif verdict is not None and verdict.entailed >= ENTAILED and each.open:
            support = replace(support, state=State.SUPPORTED, reason=Reason.NONE)
        result.append(replace(each, support=support))
    return result
