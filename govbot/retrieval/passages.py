"""A passage that was found, and the choice among those found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from govbot.ids import DocumentId, VersionId

# Neighbouring chunks of one page repeat one another: at most so many of a region of so many
# chunks come before other passages.
REGION_CHUNKS = 8
MAX_OF_REGION = 3
ONE_DAY = timedelta(days=1)


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
    rerank: float | None = None  # the reranker's score, 0 to 1, where one has read the passage

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


def diverse(found: Iterable[Passage], limit: int) -> list[Passage]:
    """The first `limit` passages; a region of a page that has had its share goes behind."""
    taken: Counter[tuple[object, int, int]] = Counter()
    first: list[Passage] = []
    later: list[Passage] = []
    for passage in found:
        region = (passage.version_id, passage.page_from, passage.ord // REGION_CHUNKS)
        taken[region] += 1
        (first if taken[region] <= MAX_OF_REGION else later).append(passage)
    return (first + later)[:limit]
