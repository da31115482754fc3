"""Cuts a document into passages that a reader would cite: an article, a §, a section (pure).

A chunk is a contiguous span of the text: whole articles where they fit, else cut before a §, an
inciso or a sentence. Headings open the chunk that they introduce.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.extract import Page
from govbot.ingest.outline import Section, sections_of
from govbot.ingest.split import Span, spans_of

# Of max_words: sections below _SMALL are merged with one another, below _TINY with any neighbour.
_SMALL, _TINY = 0.25, 0.08


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


def chunk_pages(pages: Sequence[Page], *, max_words: int, overlap_words: int) -> list[Chunk]:
    """Chunks of at most `max_words` words in the order of the text, covering all of it.

    `overlap_words` bounds what a chunk repeats of the one before, where running text was cut.
    """
    if max_words < 1 or not 0 <= overlap_words < max_words:
        raise ValueError("max_words must be positive and greater than overlap_words")
    text = "\n".join(page.text for page in pages)
    starts = _starts(pages)
    sections = _merged(sections_of(pages, starts, text), max_words)
    spans = [
        span
        for section in sections
        for span in spans_of(section, text, max_words=max_words, overlap_words=overlap_words)
        if any(map(str.isalnum, text[span.start : span.end]))  # not only lines of dots
    ]
    return [_chunk(index, span, text, pages, starts) for index, span in enumerate(spans)]


def _starts(pages: Sequence[Page]) -> list[int]:
    """Where each page begins in the joined text."""
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page.text) + 1
    return starts


def _merged(sections: Sequence[Section], max_words: int) -> list[Section]:
    """Very small neighbours become one where they stand under the same heading."""
    merged: list[Section] = []
    for section in sections:
        last = merged[-1] if merged else None
        if last is not None and _belong(last, section, max_words):
            merged[-1] = last.with_next(section)
        else:
            merged.append(section)
    return merged


def _belong(last: Section, section: Section, max_words: int) -> bool:
    """Whether two neighbours are small enough, and stand under the same heading."""
    if last.words + section.words > max_words or bool(last.article) != bool(section.article):
        return False
    small = _SMALL * max_words
    both_small = section.words < small and (last.words < small or last.merged)
    if section.opens:
        same = last.siblings is not None and last.siblings == section.siblings
        return same and both_small
    one_is_tiny = min(last.words, section.words) < _TINY * max_words
    return last.parent == section.parent and (both_small or one_is_tiny)


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
