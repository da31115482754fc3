"""Citation marks of an answer: accepted only when given, numbered by first use, each tied to the
literal span of its source that supports the sentence it stands behind.

The answers of every kind of generator go through here, excerpts as well as model text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.generate import Source
from govbot.generate.sentences import split
from govbot.generate.stems import content_stems, fold

SUPPORTED = 0.5  # part of the words of a sentence from which its source counts as supporting it
_NUMBERS = r"\^?\d{1,3}(?:\s*(?:[,;–-]|e|and)\s*\d{1,3}){0,15}"
_OTHER = r"【[^\S\n]{0,4}(\d{1,3})[^【】\[\]\n]{0,24}】"
_MARK = re.compile(rf"(?<!\\)(?:\[\s*({_NUMBERS})\s*\]|{_OTHER})")
# What may still become a mark, or the space before one, when the next delta comes.
_UNFINISHED = re.compile(r"\s*(?:\\|(?<!\\)(?:\[[\d\s,;^–eand-]{0,40}|【[^【】\[\]\n]{0,31}))?$")
_SHOWN_MARKS = re.compile(r"(?<!\\)(?:\s*\[\d{1,3}\])+")
_ELLIPSIS = re.compile(r"\(…\)|\(\.\.\.\)|\[…\]|\\\[\.\.\.\\\]")
_SIGNS = re.compile(r"(?:[§\"“«(]\s?)+$")
_TOKEN = re.compile(r"[^\W_]+")
_MAX_RANGE = 20


@dataclass(frozen=True, slots=True)
class Quote:
    """One use of a source: `text[start:end]` of `sources[source]` is `quote`, word for word.

    `number` is the mark in the shown text; `support` is the part of the cited sentence's words
    found in the quote, 0 to 1 (1: literal). Below `SUPPORTED` the source may not say so.
    """

    number: int
    source: int
    quote: str
    start: int
    end: int
    support: float


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    text: str
    quotes: tuple[Quote, ...]


def resolve(text: str, sources: Sequence[Source]) -> CitedAnswer:
    """The whole answer with clean marks, and a quote for each (mark, cited sentence)."""
    marks = Marks(sources)
    shown = (marks.feed(text) + marks.end()).strip()
    return CitedAnswer(shown, quotes_of(shown, marks.order, sources))


class Marks:
    """Cleans the marks of a streamed answer: feed it deltas, show what it returns.

    Holds back the end of a delta while it may be the beginning of a mark. Unknown numbers are
    dropped, "[2, 5]" becomes "[1][2]", numbered by first use.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._all = {source.number: index for index, source in enumerate(sources)}
        self._index = self._all
        self._held = ""
        self._after_mark = False
        self.order: list[int] = []  # order[n - 1]: index of the source shown as [n]

    def restrict(self, sources: Sequence[Source]) -> None:
        """From here on only these of the sources may be cited: the others did not fit. What
        counts is the last call: a model that stands in for another may take more."""
        kept = {source.number for source in sources}
        self._index = {number: at for number, at in self._all.items() if number in kept}

    def feed(self, delta: str) -> str:
        text = self._held + delta
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return self._clean(text[:cut])

    def end(self) -> str:
        """What was held back; call it once, when the stream is over."""
        held, self._held = self._held, ""
        return self._clean(held)

    def _clean(self, text: str) -> str:
        parts: list[str] = []
        position = 0
        for match in _MARK.finditer(text):
            shown = "".join(f"[{number}]" for number in self._numbers(match))
            before = text[position : match.start()]
            self._add(parts, before if shown else before.rstrip())
            if shown:
                parts.append(shown)
                self._after_mark = True
            position = match.end()
        self._add(parts, text[position:])
        return "".join(parts)

    def _add(self, parts: list[str], text: str) -> None:
        """Text after a mark: "[1](http://...)" must not turn into a link."""
        if not text:
            return
        parts.append(" " + text if self._after_mark and text[0] in "(:[" else text)
        self._after_mark = False

    def _numbers(self, match: re.Match[str]) -> list[int]:
        shown: list[int] = []
        for given in _expanded(match[1] or match[2]):
            index = self._index.get(given)
            if index is None:
                continue
            if index not in self.order:
                self.order.append(index)
            number = self.order.index(index) + 1
            if number not in shown:
                shown.append(number)
        return shown


def quotes_of(shown: str, order: Sequence[int], sources: Sequence[Source]) -> tuple[Quote, ...]:
    """Quotes for a text whose marks are clean; `order` maps [n] to a source as in `Marks`."""
    quotes: list[Quote] = []
    seen: set[tuple[int, int, int]] = set()
    for claim, numbers in _claims(shown):
        for number in numbers:
            if not 1 <= number <= len(order):
                continue
            index = order[number - 1]
            start, end, support = find_quote(claim, sources[index].text)
            quote = Quote(number, index, sources[index].text[start:end], start, end, support)
            if (number, start, end) not in seen:
                seen.add((number, start, end))
                quotes.append(quote)
    return tuple(quotes)


def find_quote(claim: str, text: str) -> tuple[int, int, float]:
    """Span of `text` that best supports the claim, and the support (see `Quote`).

    A literal claim gives its literal span; otherwise the best sentence, or two in a row where the
    second adds enough; with nothing in common, the whole text with support 0.
    """
    pieces = [piece for piece in _ELLIPSIS.split(claim) if _TOKEN.search(piece)]
    literal = [span for piece in pieces if (span := _literal(piece, text)) is not None]
    if pieces and len(literal) == len(pieces):
        start, end = max(literal, key=lambda span: span[1] - span[0])
        return start, end, 1.0
    return _best_window(claim, text)


def _expanded(numbers: str) -> list[int]:
    """ "1, 3-5" as [1, 3, 4, 5]; a range that is too long or backwards gives its two ends."""
    result: list[int] = []
    for part in re.split(r"\s*(?:[,;]|e|and)\s*", numbers.lstrip("^")):
        first, *rest = (int(number) for number in re.findall(r"\d+", part))
        last = rest[-1] if rest else first
        if first <= last <= first + _MAX_RANGE:
            result.extend(range(first, last + 1))
        else:
            result.extend((first, last))
    return result


def _claims(shown: str) -> list[tuple[str, list[int]]]:
    """Each group of marks with the sentence it stands behind."""
    claims: list[tuple[str, list[int]]] = []
    position = 0
    for match in _SHOWN_MARKS.finditer(shown):
        segment = shown[position : match.start()].rsplit("\n\n", 1)[-1].lstrip(" .;,:")
        numbers = [int(number) for number in re.findall(r"\d+", match[0])]
        position = match.end()
        if _TOKEN.search(segment):
            claims.append((segment.strip(), numbers))
        elif claims:  # "... [1]. [2]": the same sentence again
            claims.append((claims[-1][0], numbers))
        else:
            claims.append(("", numbers))
    return claims


def _literal(piece: str, text: str) -> tuple[int, int] | None:
    """Span where the words of the piece stand in a row, whatever the case and punctuation."""
    wanted = " ".join(fold(word) for word in _TOKEN.findall(piece))
    found = [(fold(match[0]), match.start(), match.end()) for match in _TOKEN.finditer(text)]
    joined = " ".join(word for word, _, _ in found)
    at = f" {joined} ".find(f" {wanted} ")
    if not wanted or at < 0:
        return None
    first = joined[:at].count(" ")
    last = first + wanted.count(" ")
    return _with_sign(text, found[first][1]), _with_stop(text, found[last][2])


def _with_sign(text: str, start: int) -> int:
    """The start of the span, with the paragraph sign or quotation mark that stands before it."""
    match = _SIGNS.search(text[max(0, start - 4) : start])
    return start - len(match[0]) if match else start


def _with_stop(text: str, end: int) -> int:
    """The end of the span, with the punctuation that directly follows."""
    match = re.compile(r"[.;:!?…)%º°ª\"”»]*").match(text, end)
    return match.end() if match else end


def _best_window(claim: str, text: str) -> tuple[int, int, float]:
    sentences = [sentence for sentence in split(text) if sentence.level >= 0]
    segments = split(claim)
    last = claim[segments[-1].start :] if segments else claim
    asked = set(content_stems(last)) or set(content_stems(claim))
    stems = [set(content_stems(text[each.start : each.end])) & asked for each in sentences]
    if not asked or not any(stems):
        return 0, len(text), 0.0
    best = max(range(len(stems)), key=lambda index: (len(stems[index]), -index))
    first, final, covered = best, best, stems[best]
    for other in (best - 1, best + 1):
        if 0 <= other < len(stems) and len(stems[other] - covered) >= max(2, len(asked) / 4):
            first, final = min(first, other), max(final, other)
            covered = covered | stems[other]
    return sentences[first].start, sentences[final].end, len(covered) / len(asked)
