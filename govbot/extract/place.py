"""Where a passage or a searched word stands among the words of a page (pure).

The words come from the text of a PDF or were recognised in its picture: both are marked alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from govbot.extract.passage import Rect, exact, find, strips
from govbot.extract.words import Word, letters_of


def exactly(words: Sequence[Word], quote: str) -> list[Rect]:
    """Rectangles over the words of a quote that the page holds whole; linear in the page."""
    letters, owners = letters_of(words)
    span = exact(quote, letters)
    return over(words, owners, [span]) if span else []


def roughly(words: Sequence[Word], quote: str) -> list[Rect]:
    """Rectangles over the words of a quote, or over the runs of words that the page shares with
    it; may take seconds for a page that repeats itself."""
    letters, owners = letters_of(words)
    return over(words, owners, find(quote, letters))


def over(
    words: Sequence[Word], owners: Sequence[int], spans: Iterable[tuple[int, int]]
) -> list[Rect]:
    """One rectangle per line over the words that own the letters of these spans."""
    return [
        strip
        for start, end in spans
        for strip in strips(
            (words[index].x, words[index].y, words[index].width, words[index].height)
            for index in dict.fromkeys(owners[start:end])
            if index >= 0
        )
    ]
