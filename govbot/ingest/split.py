"""Splits a section at its best boundaries into spans of bounded size (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

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
_UNDERFILLED = 1.2
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[Aa]rt\.)(?<!\b[Aa]rts\.)(?<!\b[Nn]\.)(?<!\binc\.)(?<!\bDr\.)(?<!\bSr\.)"
    r"(?<!\b[Ii]nc\.)(?<!\bal\.)(?<!\bp\.)(?<!\bfls\.)(?<!\bCf\.)[”\"')\]]*\s+(?=[“\"'(\[]?[A-ZÀ-Ý0-9•§])"
)
_CLAUSE_END = re.compile(r"(?<=[;:])\s+|(?<=,)\s+(?=\S{3})")
_WORDS = re.compile(r"\S+")


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
    cost: float
    soft: bool  # it goes on with what stands before it: an overlap helps
    path: tuple[Entry, ...]
    heading: bool


def spans_of(section: Section, text: str, *, max_words: int, overlap_words: int) -> list[Span]:
    """The section as spans of at most `max_words` words, cut where it hurts least."""
    label = _article_label(section)
    if section.words <= max_words:
        return [Span(section.lines[0].start, section.lines[-1].end, _shown(section.path, label))]
    room = max(1, max_words - overlap_words)
    pieces = [p for line in section.lines for p in _pieces(line, text, min(room, max_words))]
    pieces = _with_context(pieces, text)
    spans = []
    for first, last in _cuts(pieces, max_words, room):
        begin = _overlapped(pieces, first, last, text, max_words, overlap_words)
        body = next((p for p in pieces[first : last + 1] if not p.heading), pieces[last])
        spans.append(Span(begin, pieces[last].end, _shown(body.path, label)))
    return spans


def _article_label(section: Section) -> str:
    """ "Arts. 3º a 5º" for small articles that were merged."""
    if not section.last_article or section.last_article == section.article:
        return ""
    first = section.article.removeprefix("Art. ")
    return f"Arts. {first} a {section.last_article.removeprefix('Art. ')}" if first else ""


def _shown(path: Sequence[Entry], label: str) -> str:
    if not label:
        return shown(path)
    return shown([*(e for e in path if not e.label.startswith("Art. ")), Entry(0, label)])


def _pieces(line: Line, text: str, room: int) -> list[_Piece]:
    """The line whole, or as sentences, clauses or groups of words that fit."""
    cost = _COSTS[line.kind]
    content = text[line.start : line.end]
    soft = line.kind == "text" and not content[:1].isupper()
    heading = line.kind == "heading"
    first = _Piece(line.start, line.end, line.words, cost, soft, line.path, heading)
    if line.words <= max(room // 3, 1):
        return [first]
    pieces: list[_Piece] = []
    for start, end, kind in _fractions(content, room):
        words = len(content[start:end].split())
        begin_cost = kind if pieces else cost
        pieces.append(
            _Piece(
                line.start + start,
                line.start + end,
                words,
                begin_cost,
                bool(pieces) or soft,
                line.path,
                heading,
            )
        )
    return pieces


def _fractions(content: str, room: int) -> list[tuple[int, int, float]]:
    """Spans of sentences; of clauses or words where a sentence does not fit; with their costs."""
    result = []
    for start, end in _parted(content, 0, len(content), _SENTENCE_END):
        if len(content[start:end].split()) <= room:
            result.append((start, end, _SENTENCE))
            continue
        for position, (left, right) in enumerate(_parted(content, start, end, _CLAUSE_END)):
            cost = _CLAUSE if position else _SENTENCE
            words = [m.span() for m in _WORDS.finditer(content, left, right)]
            for index in range(0, len(words), room):
                group = words[index : index + room]
                result.append((group[0][0], group[-1][1], cost if index == 0 else _WORD))
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


def _cuts(pieces: Sequence[_Piece], max_words: int, room: int) -> list[tuple[int, int]]:
    """First and last piece of each span, at the least total cost (dynamic programming)."""
    totals = [0, *accumulate(piece.words for piece in pieces)]
    best = [0.0] + [float("inf")] * len(pieces)
    origin = [0] * (len(pieces) + 1)
    for end in range(1, len(pieces) + 1):
        for start in range(end - 1, -1, -1):
            words = totals[end] - totals[start]
            limit = room if pieces[start].soft and start else max_words
            if words > max_words and end - start > 1:
                break
            if words > limit and end - start > 1:
                continue
            lack = max(0.0, 1.0 - words / (0.6 * max_words))
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


def _overlapped(
    pieces: Sequence[_Piece], first: int, last: int, text: str, max_words: int, overlap: int
) -> int:
    """Where the span begins once it repeats the end of the one before, if running text was cut."""
    start = pieces[first].start
    if first == 0 or not pieces[first].soft or not overlap:
        return start
    words = sum(piece.words for piece in pieces[first : last + 1])
    budget = min(overlap, max_words - words)
    index = first - 1
    taken = 0
    while index >= 0 and not pieces[index].heading and taken + pieces[index].words <= budget:
        taken += pieces[index].words
        start = pieces[index].start
        index -= 1
    if taken or pieces[first].cost <= _SENTENCE or budget <= 0:
        return start
    before = pieces[first - 1]
    tail = [match.start() for match in _WORDS.finditer(text, before.start, before.end)]
    return tail[-min(budget, len(tail))]
