"""Cuts a document into passages that a reader would cite: an article, a §, a section (pure).

A chunk is a contiguous span of the text: whole articles where they fit, else cut before a §, an
inciso or a sentence. Headings open the chunk that they introduce.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from govbot.extract import Page
from govbot.ingest.measure import Measure, Scale
from govbot.ingest.outline import Section, sections_of
from govbot.ingest.split import Room, Span, article_label, path_shown, spans_of

# Of the room: sections below _SMALL are merged with one another, below _TINY with any neighbour.
_SMALL, _TINY = 0.25, 0.08
_BOUNDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Chunk:
    """`text` is the text of the pages (joined by newlines) from `start` in page_from to `end` in
    page_to; `heading` is the path of titles above it."""

    ord: int
    page_from: int
    page_to: int
    heading: str
    text: str
    start: int
    end: int


def chunk_pages(
    pages: Sequence[Page],
    *,
    max_words: int,
    overlap_words: int,
    title: str = "",
    measure: Measure | None = None,
    windows: int = 1,
) -> list[Chunk]:
    """Chunks of at most `max_words` words in the order of the text, covering all of it.

    With a measure, each also fits into so many windows of the embedder, its context (`title` and
    heading) before each of them. `overlap_words` bounds what a chunk repeats of the one before,
    where running text was cut.
    """
    if max_words < 1 or not 0 <= overlap_words < max_words:
        raise ValueError("max_words must be positive and greater than overlap_words")
    text = "\n".join(page.text for page in pages)
    starts = _starts(pages)
    scale = Scale(text, measure)
    whole = Room(max_words, measure.room * windows if measure else _BOUNDLESS, overlap_words)
    sections = _merged(sections_of(pages, starts, text), scale, whole)
    spans = [
        span
        for section in sections
        for span in spans_of(
            section, text, scale, _beside_context(section, whole, title, measure, windows)
        )
        if any(map(str.isalnum, text[span.start : span.end]))  # not only lines of dots
    ]
    return [_chunk(index, span, text, pages, starts) for index, span in enumerate(spans)]


def _beside_context(
    section: Section, room: Room, title: str, measure: Measure | None, windows: int
) -> Room:
    """What the longest context in this section leaves to the text."""
    if measure is None:
        return room
    label = article_label(section)
    paths = {section.path, *(line.path for line in section.lines)}
    contexts = [measure.context(title, path_shown(path, label)) for path in paths]
    taken = max(measure.tokens(context) for context in contexts) + measure.line_break
    return replace(room, tokens=max(1, room.tokens - windows * taken))


def _starts(pages: Sequence[Page]) -> list[int]:
    """Where each page begins in the joined text."""
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page.text) + 1
    return starts


def _merged(sections: Sequence[Section], scale: Scale, room: Room) -> list[Section]:
    """Very small neighbours become one where they stand under the same heading."""
    merged: list[Section] = []
    for section in sections:
        last = merged[-1] if merged else None
        if last is not None and _belong(last, section, scale, room):
            merged[-1] = last.with_next(section)
        else:
            merged.append(section)
    return merged


def _belong(last: Section, section: Section, scale: Scale, room: Room) -> bool:
    """Whether two neighbours are small enough, and stand under the same heading."""
    before, after = _fill(last, scale, room), _fill(section, scale, room)
    if not _fit(last, section, scale, room) or bool(last.article) != bool(section.article):
        return False
    both_small = after < _SMALL and (before < _SMALL or last.merged)
    if section.opens:
        same = last.siblings is not None and last.siblings == section.siblings
        return same and both_small
    return last.parent == section.parent and (both_small or min(before, after) < _TINY)


def _fit(last: Section, section: Section, scale: Scale, room: Room) -> bool:
    """Whether both fit together; their context takes at most a quarter of the tokens."""
    tokens = scale.tokens(last.lines[0].start, section.lines[-1].end)
    return room.holds(last.words + section.words, tokens + room.tokens // 4)


def _fill(section: Section, scale: Scale, room: Room) -> float:
    tokens = scale.tokens(section.lines[0].start, section.lines[-1].end)
    return room.fill(section.words, tokens)


def _chunk(
    index: int, span: Span, text: str, pages: Sequence[Page], starts: Sequence[int]
) -> Chunk:
    first = bisect_right(starts, span.start) - 1
    last = bisect_right(starts, span.end - 1) - 1
    return Chunk(
        ord=index,
        page_from=pages[first].number,
        page_to=pages[last].number,
        heading=span.heading,
        text=text[span.start : span.end],
        start=span.start - starts[first],
        end=span.end - starts[last],
    )
