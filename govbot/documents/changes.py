"""What changed between two texts: paragraph by paragraph, then word by word (pure).

Bounded whatever the texts are: paragraphs that stand once in each text anchor the comparison
(patience diff, Bram Cohen); between anchors stretches are compared in full as long as they are
short and the budget lasts, others are shown as taken out and put in.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

MAX_CELLS: Final = 10_000  # paragraphs before times paragraphs after, of one stretch
ALL_CELLS: Final = 1_000_000
MAX_PAIRS: Final = 900
AHEAD: Final = 8  # paragraphs
MAX_WORD_CELLS: Final = 90_000
ALIKE: Final = 0.5  # share of words that two paragraphs need to be one that was changed
_TOKEN = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph with its page, and its number on that page, both from 1."""

    page: int
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """Paragraphs that belong together: the same in both, changed, or in one of the texts only."""

    before: Paragraph | None
    after: Paragraph | None

    @property
    def same(self) -> bool:
        return (
            self.before is not None
            and self.after is not None
            and _key(self.before) == _key(self.after)
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Words of a changed paragraph; `changed`: they are in this text only."""

    text: str
    changed: bool


class Budget:
    """How much may be compared in full, in cells (pieces before times pieces after)."""

    def __init__(self, cells: int = ALL_CELLS) -> None:
        self._left = cells

    def allows(self, cells: int, most: int) -> bool:
        """Takes so many cells of it, unless they are above `most` or above what is left."""
        if cells > min(most, self._left):
            return False
        self._left -= cells
        return True


def paragraphs(pages: Sequence[tuple[int, str]]) -> list[Paragraph]:
    """The paragraphs of numbered pages: their lines with visible text."""
    return [
        Paragraph(page, number, line)
        for page, text in pages
        for number, line in enumerate(lines(text), 1)
    ]


def lines(text: str) -> list[str]:
    """The lines of a page that hold something to read: its paragraphs."""
    return [line for line in text.split("\n") if line.strip()]


def compare(before: Sequence[Paragraph], after: Sequence[Paragraph]) -> list[Change]:
    """All paragraphs of both texts in their order; a changed one takes the place of its former."""
    old, new = [_key(each) for each in before], [_key(each) for each in after]
    found: list[Change] = []
    budget = Budget()
    i = j = 0
    for a, b, size in [*_matches(old, new, budget), (len(old), len(new), 0)]:
        found.extend(_paired(before[i:a], after[j:b]))
        found.extend(Change(before[a + k], after[b + k]) for k in range(size))
        i, j = a + size, b + size
    return found


def words(before: str, after: str, budget: Budget) -> tuple[list[Run], list[Run]]:
    """A changed paragraph as it was and as it is, cut where the words differ."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if not budget.allows(len(old) * len(new), MAX_WORD_CELLS):
        return [Run(before, changed=True)], [Run(after, changed=True)]
    was: list[Run] = []
    now: list[Run] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        _extend(was, "".join(old[a:b]), changed=tag != "equal")
        _extend(now, "".join(new[c:d]), changed=tag != "equal")
    return was, now


def _extend(runs: list[Run], text: str, *, changed: bool) -> None:
    if text and runs and runs[-1].changed == changed:
        runs[-1] = Run(runs[-1].text + text, changed)
    elif text:
        runs.append(Run(text, changed))


def _key(paragraph: Paragraph) -> str:
    """What counts as the same: white space may differ."""
    return " ".join(paragraph.text.split())


def _matches(
    old: Sequence[str], new: Sequence[str], budget: Budget
) -> Iterator[tuple[int, int, int]]:
    """Stretches (start in old, start in new, length) that both hold, in their order."""
    i = j = 0
    for a, b in [*_anchors(old, new), (len(old), len(new))]:
        yield from _between(old, new, (i, a), (j, b), budget)
        if a < len(old) and b < len(new):
            yield a, b, 1
        i, j = a + 1, b + 1


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of paragraphs that stand once in each text, as many as keep their order."""
    once_old, once_new = _once(old), _once(new)
    pairs = [(a, once_new[key]) for key, a in once_old.items() if key in once_new]
    return _longest_rise(sorted(pairs))


def _once(keys: Sequence[str]) -> dict[str, int]:
    counts = Counter(keys)
    return {key: index for index, key in enumerate(keys) if counts[key] == 1}


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part in which the second numbers rise too (patience sorting)."""
    tops: list[int] = []
    owners: list[int] = []  # which pair lies on top of each pile
    before: list[int] = []
    for index, (_a, b) in enumerate(pairs):
        pile = bisect_left(tops, b)
        before.append(owners[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [b]
        owners[pile : pile + 1] = [index]
    found = []
    index = owners[-1] if owners else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _between(
    old: Sequence[str],
    new: Sequence[str],
    left: tuple[int, int],
    right: tuple[int, int],
    budget: Budget,
) -> Iterator[tuple[int, int, int]]:
    """Matches of the stretches old[left] and new[right]: equal ends first, then the middle."""
    (i, a), (j, b) = left, right
    head = 0
    while i + head < a and j + head < b and old[i + head] == new[j + head]:
        head += 1
    if head:
        yield i, j, head
    i, j = i + head, j + head
    tail = 0
    while a - tail > i and b - tail > j and old[a - tail - 1] == new[b - tail - 1]:
        tail += 1
    a, b = a - tail, b - tail
    if a > i and b > j and budget.allows((a - i) * (b - j), MAX_CELLS):
        matcher = SequenceMatcher(None, old[i:a], new[j:b], autojunk=False)
        for block in matcher.get_matching_blocks()[:-1]:
            yield i + block.a, j + block.b, block.size
    if tail:
        yield a, b, tail


def _paired(before: Sequence[Paragraph], after: Sequence[Paragraph]) -> Iterator[Change]:
    """Paragraphs of a changed stretch: alike ones together, in order, the others alone."""
    pairs = _alike if len(before) * len(after) <= MAX_PAIRS else _alike_ahead
    i = j = 0
    for a, b in pairs(before, after):
        yield from (Change(each, None) for each in before[i:a])
        yield from (Change(None, each) for each in after[j:b])
        yield Change(before[a], after[b])
        i, j = a + 1, b + 1
    yield from (Change(each, None) for each in before[i:])
    yield from (Change(None, each) for each in after[j:])


def _alike(before: Sequence[Paragraph], after: Sequence[Paragraph]) -> list[tuple[int, int]]:
    """The pairs in order whose likeness is greatest in sum (as a longest common subsequence)."""
    bags_before = [_bag(each.text) for each in before]
    bags_after = [_bag(each.text) for each in after]
    height, width = len(before), len(after)
    best = [[0.0] * (width + 1) for _row in range(height + 1)]
    likeness = [[_likeness(a, b) for b in bags_after] for a in bags_before]
    for i in range(height - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            alike = likeness[i][j]
            together = best[i + 1][j + 1] + alike if alike >= ALIKE else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], together)
    found, i, j = [], 0, 0
    while i < height and j < width:
        alike = likeness[i][j]
        if alike >= ALIKE and best[i][j] == best[i + 1][j + 1] + alike:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _alike_ahead(before: Sequence[Paragraph], after: Sequence[Paragraph]) -> list[tuple[int, int]]:
    """Pairs in order for long stretches: each paragraph looks only a little ahead."""
    bags = [_bag(each.text) for each in after]
    found, j = [], 0
    for i, each in enumerate(before):
        bag = _bag(each.text)
        near = [(_likeness(bag, bags[b]), -b) for b in range(j, min(j + AHEAD, len(bags)))]
        alike, place = max(near, default=(0.0, 0))
        if alike >= ALIKE:
            found.append((i, -place))
            j = 1 - place
    return found


def _bag(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in _WORD.findall(text)[:2000])


def _likeness(a: Counter[str], b: Counter[str]) -> float:
    """Twice the shared words over all words (Dice): 0 to 1."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
