"""A passage that was found, and the choice among those found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from govbot.ids import DocumentId, VersionId

# Neighbouring chunks of one page repeat one another: at most so many of a region of so many
# chunks come before other passages.
REGION_CHUNKS = 8
MAX_OF_REGION = 3
# Share of their words that two passages have in common when one repeats the other.
SAME = 0.8
ONE_DAY = timedelta(days=1)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with the document it stands in.

    `start` and `end` are offsets in the text of `page_from` and `page_to`. `score` is the fused
    score from 0 to 1; `lexical` is BM25 with bonus, `dense` a cosine (0 where that leg did not
    find it); `coverage` is the share of the question's stems it holds, weighted by rarity;
    `rerank` is the judgement of a cross-encoder from 0 to 1 where one is in use. The document is
    in force from `valid_from` to `valid_to` and until the day before `revoked_on`;
    `dated` is when it was signed, as far as that is known.
    """

    chunk_id: int
    document_id: DocumentId
    document_key: int
    version_id: VersionId
    collection: str
    filename: str
    title: str
    version: int
    page_from: int
    page_to: int
    heading: str
    text: str
    start: int
    end: int
    score: float
    lexical: float
    dense: float
    coverage: float
    ord: int
    rerank: float | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    revoked_on: date | None = None
    dated: date | None = None

    def ended(self, today: date) -> date | None:
        """The last day before `today` on which the document was in force; None when it still is.

        Only a search about an earlier day finds such a document.
        """
        ends = [self.revoked_on - ONE_DAY] if self.revoked_on else []
        ends += [self.valid_to] if self.valid_to else []
        return min((end for end in ends if end < today), default=None)


def passage_of(row: Mapping[str, Any]) -> Passage:
    """The passage in a row of the search."""
    return Passage(**{name: row[name] for name in Passage.__slots__ if name in row})


def diverse(found: Sequence[Passage], limit: int) -> list[Passage]:
    """The first `limit` passages; behind go copies, and what a region of a page has too much of.

    Of passages that say the same, the one of the newest document comes first.
    """
    taken: Counter[tuple[object, int, int]] = Counter()
    seen: set[str] = set()
    first: list[Passage] = []
    later: list[Passage] = []
    for passage in _newest_first(found):
        region = (passage.version_id, passage.page_from, passage.ord // REGION_CHUNKS)
        words = " ".join(_WORD.findall(passage.text.casefold()))
        taken[region] += 1
        wanted = taken[region] <= MAX_OF_REGION and words not in seen
        (first if wanted else later).append(passage)
        if words:
            seen.add(words)
    return (first + later)[:limit]


def _newest_first(found: Sequence[Passage]) -> list[Passage]:
    """Each passage changes places with a newer one behind it that says the same."""
    ordered = list(found)
    words = [frozenset(_WORD.findall(passage.text.casefold())) for passage in ordered]
    for place in range(len(ordered)):
        for behind in range(place + 1, len(ordered)):
            if _supersedes(ordered[behind], ordered[place]) and _same(words[place], words[behind]):
                ordered[place], ordered[behind] = ordered[behind], ordered[place]
                words[place], words[behind] = words[behind], words[place]
    return ordered


def _supersedes(one: Passage, other: Passage) -> bool:
    """Whether `one` is of a document that is known to be newer."""
    if one.document_key == other.document_key or one.dated is None or other.dated is None:
        return False
    return one.dated > other.dated


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of words are nearly the same (Jaccard); amounts and dates may differ."""
    fewer, more = sorted((len(one), len(other)))
    if fewer < SAME * more:
        return False
    return len(one & other) >= SAME * len(one | other)
