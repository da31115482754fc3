"""Splits a section at its best boundaries into spans of bounded size (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from govbot.ingest.measure import Scale, grouped
from govbot.ingest.outline import Entry, Line, LineKind, Section, shown

# How bad it is to begin a chunk before a unit of this kind; 1 is the cost of one more chunk.
_COSTS: dict[LineKind, float] = {
    "heading": 0.0,
    "article": 0.0,
    "paragraph": 0.0,
    "item": 0.1,
    "inciso": 0.25,
    "text": 0.2,
    "row": 0.3,
    "alinea": 0.45,
}
_AFTER_HEADING, _AFTER_COLON, _SENTENCE, _CLAUSE, _WORD = 4.0, 0.6, 0.6, 0.9, 1.5
_UNDERFILLED, _WELL_FILLED = 1.2, 0.6
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[Aa]rt\.)(?<!\b[Aa]rts\.)(?<!\b[Nn]\.)(?<!\binc\.)(?<!\bDr\.)(?<!\bSr\.)"
    r"(?<!\b[Ii]nc\.)(?<!\bal\.)(?<!\bp\.)(?<!\bfls\.)(?<!\bCf\.)[”\"')\]]*\s+(?=[“\"'(\[]?[A-ZÀ-Ý0-9•§])"
)
_CLAUSE_END = re.compile(r"(?<=[;:])\s+|(?<=,)\s+(?=\S{3})")


@dataclass(frozen=True, slots=True)
class Room:
    """How much a span may hold: words, tokens, and words that it repeats of the one before."""

    words: int
    tokens: int
    overlap: int = 0

    def holds(self, words: int, tokens: int) -> bool:
        """Whether both bounds are kept."""
        return words <= self.words and tokens <= self.tokens

    def fill(self, words: int, tokens: int) -> float:
        """How full it is, by the tighter of both bounds."""
        return max(words / self.words, tokens / self.tokens)

    @property
    def own(self) -> Room:
        """What is left where an overlap goes before."""
        words = max(1, self.words - self.overlap)
        return Room(words, max(1, self.tokens * words // self.words))

    def part(self, divisor: int) -> Room:
        """A fraction of it."""
        return Room(max(1, self.words // divisor), max(1, self.tokens // divisor))


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk to be: offsets in the joined text and the path shown above it."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is never cut: a line, a sentence, a clause, or some words; `cost` of beginning here."""

    start: int
    end: int
    words: int
    tokens: int
    cost: float
    soft: bool  # it goes on with what stands before it: an overlap helps
    path: tuple[Entry, ...]
    heading: bool


def spans_of(section: Section, text: str, scale: Scale, room: Room) -> list[Span]:
    """The section as spans that fit into the room, cut where it hurts least."""
    label = article_label(section)
    start, end = section.lines[0].start, section.lines[-1].end
    if room.holds(section.words, scale.tokens(start, end)):
        return [Span(start, end, path_shown(section.path, label))]
    pieces = [p for line in section.lines for p in _pieces(line, text, scale, room.own)]
    pieces = _with_context(pieces, text)
    spans = []
    for first, last in _cuts(pieces, room):
        begin = _overlapped(pieces, first, last, scale, room)
        body = next((p for p in pieces[first : last + 1] if not p.heading), pieces[last])
        spans.append(Span(begin, pieces[last].end, path_shown(body.path, label)))
    return spans


def article_label(section: Section) -> str:
    """ "Arts. 3º a 5º" for small articles that were merged."""
    if not section.last_article or section.last_article == section.article:
        return ""
    first = section.article.removeprefix("Art. ")
    return f"Arts. {first} a {section.last_article.removeprefix('Art. ')}" if first else ""


def path_shown(path: Sequence[Entry], label: str) -> str:
    """The path of a span, where the merged articles take the place of the first."""
    if not label:
        return shown(path)
    return shown([*(e for e in path if not e.label.startswith("Art. ")), Entry(0, label)])


def _pieces(line: Line, text: str, scale: Scale, room: Room) -> list[_Piece]:
    """The line whole, or as sentences, clauses or groups of words that fit."""
    cost = _COSTS[line.kind]
    content = text[line.start : line.end]
    soft = line.kind == "text" and not content[:1].isupper()
    heading = line.kind == "heading"
    tokens = scale.tokens(line.start, line.end)
    if room.part(3).holds(line.words, tokens):
        return [_Piece(line.start, line.end, line.words, tokens, cost, soft, line.path, heading)]
    return [
        _Piece(
            start,
            end,
            scale.words(start, end),
            scale.tokens(start, end),
            begin_cost if index else cost,
            bool(index) or soft,
            line.path,
            heading,
        )
        for index, (start, end, begin_cost) in enumerate(_fractions(line, text, scale, room))
    ]


def _fractions(line: Line, text: str, scale: Scale, room: Room) -> list[tuple[int, int, float]]:
    """Spans of sentences; of clauses or words where a sentence does not fit; with their costs."""
    result = []
    for start, end in _parted(text, line.start, line.end, _SENTENCE_END):
        if room.holds(scale.words(start, end), scale.tokens(start, end)):
            result.append((start, end, _SENTENCE))
            continue
        for position, (left, right) in enumerate(_parted(text, start, end, _CLAUSE_END)):
            cost = _CLAUSE if position else _SENTENCE
            for index, (begin, stop) in enumerate(grouped(scale.units(left, right), room.holds)):
                result.append((begin, stop, _WORD if index else cost))
    return result


def _parted(content: str, start: int, end: int, boundary: re.Pattern[str]) -> list[tuple[int, int]]:
    parts = []
    for match in boundary.finditer(content, start, end):
        if content[start : match.start()].strip():
            parts.append((start, match.start() + len(match[0].rstrip())))
            start = match.end()
    if content[start:end].strip():
        parts.append((start, end))
    return parts


def _with_context(pieces: list[_Piece], text: str) -> list[_Piece]:
    """Makes it dear to part a heading, or words that announce a list, from what follows."""
    result = pieces[:1]
    for before, piece in pairwise(pieces):
        if before.heading:
            result.append(replace(piece, cost=_AFTER_HEADING, soft=False))
        elif text[before.end - 1] == ":":
            result.append(replace(piece, cost=piece.cost + _AFTER_COLON))
        else:
            result.append(piece)
    return result


def _cuts(pieces: Sequence[_Piece], room: Room) -> list[tuple[int, int]]:
    """First and last piece of each span, at the least total cost (dynamic programming)."""
    words_to = [0, *accumulate(piece.words for piece in pieces)]
    tokens_to = [0, *accumulate(piece.tokens for piece in pieces)]
    own = room.own
    best = [0.0] + [float("inf")] * len(pieces)
    origin = [0] * (len(pieces) + 1)
    for end in range(1, len(pieces) + 1):
        for start in range(end - 1, -1, -1):
            words, tokens = words_to[end] - words_to[start], tokens_to[end] - tokens_to[start]
            if end - start > 1:
                if not room.holds(words, tokens):
                    break
                if start and pieces[start].soft and not own.holds(words, tokens):
                    continue
            lack = max(0.0, 1.0 - room.fill(words, tokens) / _WELL_FILLED)
            cost = best[start] + 1.0 + (pieces[start].cost if start else 0.0)
            cost += _UNDERFILLED * lack * lack
            if cost < best[end]:
                best[end], origin[end] = cost, start
    cuts = []
    end = len(pieces)
    while end:
        cuts.append((origin[end], end - 1))
        end = origin[end]
    return cuts[::-1]


def _overlapped(pieces: Sequence[_Piece], first: int, last: int, scale: Scale, room: Room) -> int:
    """Where the span begins once it repeats the end of the one before, if running text was cut."""
    start = pieces[first].start
    if first == 0 or not pieces[first].soft or not room.overlap:
        return start
    span = pieces[first : last + 1]
    words = min(room.overlap, room.words - sum(piece.words for piece in span))
    tokens = room.tokens - sum(piece.tokens for piece in span)
    index = first - 1
    while index >= 0 and not pieces[index].heading:
        words, tokens = words - pieces[index].words, tokens - pieces[index].tokens
        if words < 0 or tokens < 0:
            break
        start = pieces[index].start
        index -= 1
    if index < first - 1 or pieces[first].cost <= _SENTENCE or pieces[index].heading:
        return start
    words, tokens = words + pieces[index].words, tokens + pieces[index].tokens
    for unit in reversed(scale.units(pieces[index].start, pieces[index].end)):
        words, tokens = words - unit.words, tokens - unit.tokens
        if words < 0 or tokens < 0:
            break
        start = unit.start if unit.words else start
    return start
