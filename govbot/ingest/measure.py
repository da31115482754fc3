"""Lengths in words and in the embedder's tokens, and the context that a passage is embedded with.

Tokens are counted word by word and remembered: 500 pages cost a fraction of a second.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

Count = Callable[[Sequence[str]], Sequence[int]]

# What is longer than a word of any language (a line of dots, an address) may be cut inside.
_UNIT = re.compile(r"\S{1,40}")
_REMEMBERED = 200_000
_CONTEXT_SHARE = 4  # context takes at most a quarter of the tokens
_SEPARATOR = " › "


class Measure:
    """How an embedder counts: `count` gives the tokens of texts, a passage has room for `room`."""

    def __init__(self, count: Count, room: int):
        if room < 1:
            raise ValueError("a passage needs room for a token")
        self.room = room
        self._count = count
        self._known: dict[str, int] = {}
        self._line_break: int | None = None

    def tokens(self, text: str) -> int:
        """Tokens of a text: the sum of those of its words."""
        breaks = text.count("\n") * self.line_break if "\n" in text else 0
        return sum(self.weigh(_UNIT.findall(text))) + breaks

    def weigh(self, units: Sequence[str]) -> list[int]:
        """Tokens of each word, as it stands in a text."""
        known = self._known
        if len(known) > _REMEMBERED:
            known.clear()
        new = list({unit for unit in units if unit not in known})
        known.update(zip(new, self._count([f" {unit}" for unit in new]), strict=True))
        return [known[unit] for unit in units]

    @property
    def line_break(self) -> int:
        """Tokens of a line break: none for some models, one for others."""
        if self._line_break is None:
            broken, spaced = self._count(["a\na", "a a"])
            self._line_break = max(0, broken - spaced)
        return self._line_break

    def context(self, title: str, heading: str) -> str:
        """The lines before the text: title and path, shortened to a quarter of the tokens."""
        title = "" if heading.startswith(title) else title
        lines = [line for line in (title, heading) if line]
        limit = self.room // _CONTEXT_SHARE
        if self.tokens("\n".join(lines)) <= limit:
            return "\n".join(lines)
        path = self._path(heading, limit - limit // 2 if title else limit)
        name = self._clipped(title, limit - self.tokens(path) - self.line_break)
        return "\n".join(line for line in (name, path) if line)

    def _path(self, heading: str, limit: int) -> str:
        """The innermost parts of a path that fit; of the innermost one, its beginning."""
        parts = heading.split(_SEPARATOR)
        while len(parts) > 1 and self.tokens(_SEPARATOR.join(parts)) > limit:
            del parts[0]
        return self._clipped(_SEPARATOR.join(parts), limit)

    def _clipped(self, text: str, limit: int) -> str:
        units = _UNIT.findall(text)
        totals = list(accumulate(self.weigh(units)))
        kept = sum(total <= limit for total in totals)
        return text if kept == len(units) else " ".join(units[:kept])


@dataclass(frozen=True, slots=True)
class Unit:
    """A word, or a part of what is too long for one."""

    start: int
    end: int
    words: int
    tokens: int


class Scale:
    """Words and tokens of any part of one text, in the time of a look-up."""

    def __init__(self, text: str, measure: Measure | None):
        spans = [match.span() for match in _UNIT.finditer(text)]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        begins = [start == 0 or text[start - 1].isspace() for start in self._starts]
        self._words = [0, *accumulate(map(int, begins))]
        self._tokens = [0, *accumulate(_weights(text, spans, measure))]

    def words(self, start: int, end: int) -> int:
        """Words that begin from `start` to before `end`."""
        first, last = self._range(start, end)
        return self._words[last] - self._words[first]

    def tokens(self, start: int, end: int) -> int:
        """Their tokens; 0 without a measure."""
        first, last = self._range(start, end)
        return self._tokens[last] - self._tokens[first]

    def units(self, start: int, end: int) -> list[Unit]:
        """The words themselves, in order."""
        return [
            Unit(
                self._starts[i],
                min(self._ends[i], end),
                self._words[i + 1] - self._words[i],
                self._tokens[i + 1] - self._tokens[i],
            )
            for i in range(*self._range(start, end))
        ]

    def _range(self, start: int, end: int) -> tuple[int, int]:
        return bisect_left(self._starts, start), bisect_left(self._starts, end)


def _weights(text: str, spans: Sequence[tuple[int, int]], measure: Measure | None) -> list[int]:
    if measure is None:
        return [0] * len(spans)
    weights = measure.weigh([text[start:end] for start, end in spans])
    if measure.line_break:
        before = 0
        for index, (start, end) in enumerate(spans):
            weights[index] += measure.line_break * text.count("\n", before, start)
            before = end
    return weights


def grouped(units: Sequence[Unit], fits: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """Spans of as many words as fit, by their number of words and of tokens; at least one each."""
    groups: list[tuple[int, int]] = []
    words = tokens = 0
    for unit in units:
        words, tokens = words + unit.words, tokens + unit.tokens
        if groups and fits(words, tokens):
            groups[-1] = (groups[-1][0], unit.end)
        else:
            groups.append((unit.start, unit.end))
            words, tokens = unit.words, unit.tokens
    return groups


def embedded_windows(title: str, heading: str, text: str, measure: Measure) -> list[str]:
    """What the embedder sees of a chunk: its document, where it stands there, then its words.

    A text beyond the room of a passage is given in several parts, each after the same context. The
    same at ingestion and at `reindex`, so that both make the same vectors.
    """
    context = measure.context(title, heading)
    lead = f"{context}\n" if context else ""
    room = max(1, measure.room - (measure.tokens(lead) if lead else 0))
    tokens = measure.tokens(text)
    if tokens <= room:
        return [lead + text]
    units = Scale(text, measure).units(0, len(text))
    even = tokens // -(-tokens // room) + max(unit.tokens for unit in units)
    groups = grouped(units, lambda _, tokens: tokens <= min(room, even))
    return [lead + text[start:end] for start, end in groups]
