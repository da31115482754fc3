"""What is searched for in the text of a document, found whatever its accents, case and points.

Pure. "férias", "FERIAS" and "fé­rias" are the same; "8.112" is found as "8112"; a word that the
page breaks with a hyphen is whole; any white space between words is one space.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TERM = 200

_MARKS = re.compile("[\u0300-\u036f]")
_BROKEN = re.compile("[-\u00ad\u2010\u2011]\\s*[\r\n]\\s*")
_LEFT_OUT = re.compile(r"[^\w\s]|_")

Span = tuple[int, int]


class Needle:
    """A term made ready; `empty` when it holds no letter and no digit."""

    def __init__(self, term: str) -> None:
        self.term = term.strip()[:MAX_TERM]
        self.folded = fold(self.term)

    @property
    def empty(self) -> bool:
        return not self.folded

    def is_in(self, text: str) -> bool:
        """Whether the text holds the term at least once; quick."""
        return bool(self.folded) and self.folded in fold(text)

    def spans(self, text: str) -> list[Span]:
        """[start, end) in `text` of each time that it stands there, in order, none overlapping."""
        if not self.is_in(text):
            return []
        plain, places = _folded_with_places(text)
        found = []
        at = plain.find(self.folded)
        while at >= 0:
            last = at + len(self.folded) - 1
            found.append((places[at], places[last] + 1))
            at = plain.find(self.folded, last + 1)
        return found


def fold(text: str) -> str:
    """Letters and digits in lower case without marks, white space as single spaces."""
    whole = _BROKEN.sub("", text)
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", whole)).casefold()
    return " ".join(_LEFT_OUT.sub("", plain).split())


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """`fold` letter by letter, perhaps within spaces, and where each letter came from.

    Slower: about 1 µs a letter.
    """
    broken = [False] * len(text)
    for match in _BROKEN.finditer(text):
        broken[match.start() : match.end()] = [True] * (match.end() - match.start())
    letters: list[str] = []
    places: list[int] = []
    for index, letter in enumerate(text):
        if broken[index]:
            continue
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", letter)).casefold()
        for each in _LEFT_OUT.sub("", plain):
            shown = " " if each.isspace() else each
            if shown == " " and letters and letters[-1] == " ":
                continue
            letters.append(shown)
            places.append(index)
    return "".join(letters), places
