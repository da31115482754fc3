"""Hides personal data in passages before anybody reads them: the model, the answer, the list.

What the collection of a document hides is masked in the text, the heading and the names of its
passages, at the same length, so that places in the text stay right. The places found at ingestion
count besides what the passage shows by itself: its end may cut a number in two, or the word that
names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection

from govbot.documents.personal import masked_kinds
from govbot.ids import VersionId
from govbot.privacy import Finding, Kind, hide, mask
from govbot.retrieval.passages import Passage


@dataclass(frozen=True, slots=True)
class _Place:
    """A finding as it stands on its page, with the characters there."""

    page: int
    kind: Kind
    start: int
    value: str


async def masked(conn: AsyncConnection[Any], passages: Sequence[Passage]) -> list[Passage]:
    """The passages as the settings of their collections let them be shown, in their order."""
    kinds = await masked_kinds(conn, [passage.document_key for passage in passages])
    versions = {each.version_id for each in passages if kinds.get(each.document_key)}
    if not versions:
        return list(passages)
    hidden = [passage for passage in passages if passage.version_id in versions]
    places = await _places(conn, hidden)
    lengths = await _lengths(conn, hidden)
    return [
        _masked(
            passage,
            kinds.get(passage.document_key, frozenset()),
            places[passage.version_id],
            lengths,
        )
        for passage in passages
    ]


def _masked(
    passage: Passage,
    kinds: Collection[Kind],
    places: Sequence[_Place],
    lengths: dict[tuple[VersionId, int], int],
) -> Passage:
    if not kinds:
        return passage
    inside = _inside(passage, [place for place in places if place.kind in kinds], lengths)
    return replace(
        passage,
        text=mask(hide(passage.text, inside), kinds),
        heading=mask(passage.heading, kinds),
        title=mask(passage.title, kinds),
        filename=mask(passage.filename, kinds),
    )


def _inside(
    passage: Passage,
    places: Sequence[_Place],
    lengths: dict[tuple[VersionId, int], int],
) -> list[Finding]:
    """The places in the text of the passage; what its ends cut is hidden in all its characters."""
    found = []
    shift = -passage.start
    for page in range(passage.page_from, passage.page_to + 1):
        for place in places:
            if place.page != page:
                continue
            start, end = place.start + shift, place.start + shift + len(place.value)
            first, last = max(0, start), min(len(passage.text), end)
            if first >= last:
                continue
            # Passages are cut from the text as it stands; only what is there is hidden.
            if passage.text[first:last] == place.value[first - start : last - start]:
                whole = (first, last) == (start, end)
                found.append(Finding(place.kind if whole else Kind.RG, first, last))
        shift += lengths.get((passage.version_id, page), 0) + 1
    return found


async def _places(
    conn: AsyncConnection[Any], passages: Sequence[Passage]
) -> dict[VersionId, list[_Place]]:
    cursor = await conn.execute(
        """
        SELECT DISTINCT f.version_id, f.page, f.kind, f.start_offset,
               substr(p.text, f.start_offset + 1, f.end_offset - f.start_offset) AS value
        FROM unnest(%(versions)s::uuid[], %(firsts)s::int[], %(lasts)s::int[])
             AS w (version_id, first, last)
        JOIN personal_data f ON f.version_id = w.version_id AND f.page BETWEEN w.first AND w.last
        JOIN version_pages p ON p.version_id = f.version_id AND p.number = f.page
        """,
        _wanted(passages),
    )
    found: dict[VersionId, list[_Place]] = defaultdict(list)
    for row in await cursor.fetchall():
        place = _Place(row["page"], Kind(row["kind"]), row["start_offset"], row["value"])
        found[VersionId(row["version_id"])].append(place)
    return found


async def _lengths(
    conn: AsyncConnection[Any], passages: Sequence[Passage]
) -> dict[tuple[VersionId, int], int]:
    """How long the pages are that a passage goes on from."""
    over = [passage for passage in passages if passage.page_to > passage.page_from]
    if not over:
        return {}
    cursor = await conn.execute(
        """
        SELECT p.version_id, p.number, length(p.text) AS length
        FROM version_pages p
        JOIN unnest(%(versions)s::uuid[], %(firsts)s::int[], %(lasts)s::int[])
             AS w (version_id, first, last)
          ON w.version_id = p.version_id AND p.number BETWEEN w.first AND w.last
        """,
        _wanted(over),
    )
    return {
        (VersionId(row["version_id"]), row["number"]): row["length"]
        for row in await cursor.fetchall()
    }


def _wanted(passages: Sequence[Passage]) -> dict[str, Any]:
    return {
        "versions": [passage.version_id for passage in passages],
        "firsts": [passage.page_from for passage in passages],
        "lasts": [passage.page_to for passage in passages],
    }
