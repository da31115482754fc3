"""The few words around what was searched for, with what matched marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from govbot.generate.stems import Word, content_stems, fold, words

LENGTH: Final = 140  # characters
BEFORE: Final = 40  # of them before the first match
LEAST_PREFIX: Final = 3
# Marks of citations and of Markdown say nothing in a list of results.
_MARKS = re.compile(r"\s*\[\d{1,3}\]|[*`]+|^\s*(?:[-•>]|#{1,6})\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; `found`: it is one of the words searched for."""

    text: str
    found: bool


def snippet(query: str, texts: Sequence[str]) -> tuple[Piece, ...]:
    """Pieces of the text that holds most of the words of `query`; of the first one if none does.

    Words count by their stem; the last word of `query` may be a beginning.
    """
    stems = frozenset(content_stems(query))
    typed = re.findall(r"[^\W_]+", fold(query))[-1:]
    prefix = typed[0] if typed and len(typed[0]) >= LEAST_PREFIX else ""
    cleaned = [" ".join(_MARKS.sub("", text).split()) for text in texts]
    best, matches = "", list[Word]()
    for text in filter(None, cleaned):
        found = [word for word in words(text) if _matches(word, text, stems, prefix)]
        if not best or len({w.stem for w in found}) > len({w.stem for w in matches}):
            best, matches = text, found
    return _cut(best, matches) if best else ()


def _matches(word: Word, text: str, stems: frozenset[str], prefix: str) -> bool:
    if word.stem in stems:
        return True
    return bool(prefix) and fold(text[word.start : word.end]).startswith(prefix)


def _cut(text: str, matches: Sequence[Word]) -> tuple[Piece, ...]:
    first = matches[0].start if matches else 0
    start = 0
    if first > BEFORE:
        start = text.find(" ", first - BEFORE, first) + 1 or first
    end = len(text)
    if end - start > LENGTH:
        end = max(text.rfind(" ", start, start + LENGTH), start + LENGTH // 2)
    pieces = [Piece("… ", False)] if start else []
    at = start
    for word in matches:
        if word.start < at or word.end > end:
            continue
        pieces += [Piece(text[at : word.start], False), Piece(text[word.start : word.end], True)]
        at = word.end
    pieces.append(Piece(text[at:end] + (" …" if end < len(text) else ""), False))
    return tuple(piece for piece in pieces if piece.text)
