"""The text of a page as it is shown: paragraphs with an address each, marked where it matters.

Pure. Offsets are in the text of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from govbot.chat.neutral import visible
from govbot.documents.needle import Span

SNIPPET = 70  # characters before and after a hit


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one kind: `cited` by an answer, a `hit` of a search, the `current` hit; `first` of
    its kind on the page."""

    text: str
    cited: bool = False
    hit: bool = False
    current: bool = False
    first: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of the page with something to read; numbered from 1, as in its address (#p1)."""

    number: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Snippet:
    """A hit with the words around it."""

    before: str
    hit: str
    after: str


def paragraphs(
    text: str, cited: Span | None = None, hits: Sequence[Span] = (), current: int = 0
) -> list[Paragraph]:
    """The page's paragraphs; `current` is the number of the hit, from 1, that is looked at."""
    found: list[Paragraph] = []
    start, seen = 0, False
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            inside = [(i, hit) for i, hit in enumerate(hits, 1) if hit[0] < end and hit[1] > start]
            runs = _runs(text, (start, end), cited, inside, current, seen)
            seen = seen or any(run.cited for run in runs)
            found.append(Paragraph(len(found) + 1, runs))
        start = end + 1
    return found


def snippet(text: str, span: Span) -> Snippet:
    """The hit with whole words around it, on one line."""
    start, end = max(0, span[0] - SNIPPET), min(len(text), span[1] + SNIPPET)
    before, after = text[start : span[0]], text[span[1] : end]
    if start > 0:
        before = "…" + (before.partition(" ")[2] or before)
    if end < len(text):
        after = (after.rpartition(" ")[0] or after) + "…"
    parts = (before, text[span[0] : span[1]], after)
    return Snippet(*(visible(part.replace("\n", " ")) for part in parts))


def _runs(
    text: str,
    bounds: Span,
    cited: Span | None,
    hits: Sequence[tuple[int, Span]],
    current: int,
    seen: bool,
) -> tuple[Run, ...]:
    start, end = bounds
    cuts = {start, end}
    for span in [*([cited] if cited else []), *(hit for _number, hit in hits)]:
        cuts.update(min(max(place, start), end) for place in span)
    runs: list[Run] = []
    places = sorted(cuts)
    for a, b in pairwise(places):
        quoted = cited is not None and cited[0] <= a and b <= cited[1]
        number = next((number for number, hit in hits if hit[0] <= a and b <= hit[1]), 0)
        runs.append(
            Run(
                visible(text[a:b]),
                cited=quoted,
                hit=number > 0,
                current=number > 0 and number == current,
                first=quoted and not seen,
            )
        )
        seen = seen or quoted
    return tuple(runs)
