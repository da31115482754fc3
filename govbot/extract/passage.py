"""Finds a passage in the letters of a page, whatever happened to spaces, hyphens and accents.

Pure: the page is a list of characters as its text layer gives them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

Rect = tuple[float, float, float, float]

PDFIUM_HYPHENS = ("\u0002", "\ufffe", "\u00ad")
CLOSING = frozenset('.,;:!?)]»”"')
MIN_WORDS = 4
MAX_WORDS = 4000


def find(quote: str, letters: Sequence[str]) -> list[tuple[int, int]]:
    """Spans [start, end) of `letters` that hold `quote`, in reading order; empty when not there.

    First the whole quote, letter by letter without spaces, punctuation and hyphens; else the runs
    of at least MIN_WORDS words that it shares with the page (a table read in another order, a
    passage that goes on over the page).
    """
    whole = exact(quote, letters)
    if whole is not None:
        return [whole]
    return _shared_runs(quote, letters)


def exact(quote: str, letters: Sequence[str]) -> tuple[int, int] | None:
    """Where the whole quote first stands, letter by letter; None when it does not."""
    plain = [(folded, index) for index, letter in enumerate(letters) for folded in _fold(letter)]
    wanted = "".join(_fold(quote))
    at = "".join(folded for folded, _index in plain).find(wanted) if wanted else -1
    if at < 0:
        return None
    end = plain[at + len(wanted) - 1][1] + 1
    while end < len(letters) and letters[end] in CLOSING and quote.rstrip()[-1] in CLOSING:
        end += 1
    return plain[at][1], end


def strips(boxes: Iterable[Rect]) -> list[Rect]:
    """Joins the boxes (x, y, width, height) of words in reading order into one per line, but not
    into a band far taller than a word: on a slanted scan each word stands lower than the last."""
    found: list[Rect] = []
    for box in boxes:
        if box[2] <= 0 or box[3] <= 0:
            continue
        if found and _on_same_line(found[-1], box):
            joined = _around(found[-1], box)
            if joined[3] <= 1.7 * box[3]:
                found[-1] = joined
                continue
        found.append(box)
    return found


def _on_same_line(line: Rect, box: Rect) -> bool:
    shared = min(line[1] + line[3], box[1] + box[3]) - max(line[1], box[1])
    gap = max(line[0], box[0]) - min(line[0] + line[2], box[0] + box[2])
    return shared > 0.5 * min(line[3], box[3]) and gap < 3 * box[3]


def _around(a: Rect, b: Rect) -> Rect:
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return (
        x,
        y,
        max(a[0] + a[2], b[0] + b[2]) - x,
        max(a[1] + a[3], b[1] + b[3]) - y,
    )


def _shared_runs(quote: str, letters: Sequence[str]) -> list[tuple[int, int]]:
    page = list(_words(letters))[:MAX_WORDS]
    words = [word for word, _start, _end in _words(quote)][:MAX_WORDS]
    matcher = SequenceMatcher(None, words, [word for word, _start, _end in page], autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size >= MIN_WORDS]
    return [(page[b.b][1], page[b.b + b.size - 1][2]) for b in blocks]


def _words(letters: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Folded words with their spans; a hyphen at the end of a line joins two parts."""
    word, start, end, index = "", 0, 0, 0
    while index < len(letters):
        folded = "".join(_fold(letters[index]))
        if folded:
            if not word:
                start = index
            word, end = word + folded, index + 1
        elif word:
            after = _after_hyphen(letters, index)
            if after is None:
                yield word, start, end
                word = ""
            else:
                index = after
                continue
        index += 1
    if word:
        yield word, start, end


def _after_hyphen(letters: Sequence[str], index: int) -> int | None:
    """Where a word goes on after a hyphen and a line break, or None."""
    broken = letters[index] == "-" and "".join(letters[index + 1 : index + 2]) in ("\r", "\n")
    if letters[index] not in PDFIUM_HYPHENS and not broken:
        return None
    index += 1
    while index < len(letters) and letters[index] in "\r\n":
        index += 1
    return index


def _fold(text: str) -> list[str]:
    """Lower-case letters and digits without marks; nothing for anything else."""
    plain = unicodedata.normalize("NFKD", text)
    return [low for letter in plain if letter.isalnum() for low in letter.casefold()]
