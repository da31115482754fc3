"""What stands beside the best passages, and the articles of the same norm that they refer to.

A passage that begins in the middle of an article means little without its caput, and "nos termos
do art. 12" nothing without article 12. They come as passages of their own, so that a citation of
them is as exact as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from govbot.config.answering import Retrieval as Settings
from govbot.retrieval.passages import Passage
from govbot.retrieval.references import own_articles

# Of how many passages, from the best, the surroundings are looked at.
SURROUNDED = 3
# Their share of the score of the passage that brought them.
SHARE = 0.5

_OPENS = re.compile(r"\W*(?:art(?:igo)?\.?\s*\d|cl[aá]usula\s|cap[ií]tulo\s|t[ií]tulo\s)", re.I)
_GOES_ON = re.compile(
    r"\s*(?:§|[Pp]ar[aá]grafo\s+[úu]nico|[IVXLC]{1,7}(?:-[A-Z])?\s*[-–—)]|[a-z]\)|[a-zà-ú])"
)
_ENDED = re.compile(r"[.!?][\"'”’»)\]]*\s*$")


@dataclass(frozen=True, slots=True)
class _Place:
    """A chunk that is wanted: by its number `ord`, or as the one that opens `article`."""

    origin: Passage
    ord: int | None = None
    article: str | None = None


async def beside(
    conn: AsyncConnection[Any], passages: Sequence[Passage], settings: Settings
) -> list[Passage]:
    """At most `neighbours` passages around the first ones, then at most `referenced` that these
    refer to; none that is among `passages`. `conn` is inside `as_actor`."""
    best = passages[:SURROUNDED]
    near = [place for passage in best for place in _near(passage)] if settings.neighbours else []
    named = [place for passage in best for place in _named(passage)] if settings.referenced else []
    known = {(passage.version_id, passage.ord) for passage in passages}
    near = [p for p in near if (p.origin.version_id, p.ord) not in known]
    if not near and not named:
        return []
    found = await _read(conn, [*near, *named])
    kept = _fresh(found[: len(near)], known, settings.neighbours)
    return kept + _fresh(found[len(near) :], known, settings.referenced)


def _near(passage: Passage) -> Iterator[_Place]:
    """The chunk before one that goes on with something, and the one after one that is cut off."""
    if _GOES_ON.match(passage.text) and not _OPENS.match(passage.text):
        yield _Place(passage, ord=passage.ord - 1)
    if not _ENDED.search(passage.text):
        yield _Place(passage, ord=passage.ord + 1)


def _named(passage: Passage) -> Iterator[_Place]:
    for article in own_articles(passage.text):
        if not re.match(_opening(article), passage.text, re.I):
            yield _Place(passage, article=article)


def _opening(article: str) -> str:
    """A pattern, of PostgreSQL and Python alike, for the text that article "1048-a" opens."""
    number, _, letter = article.partition("-")
    if len(number) > 3:
        number = number[:-3] + r"\.?" + number[-3:]
    return rf"(^|\n)\W*art(igo)?\.?\s*{number}[ºo°]?{f'-{letter}' if letter else ''}(?![\d-])"


async def _read(conn: AsyncConnection[Any], places: Sequence[_Place]) -> list[Passage | None]:
    """The passage at each place, None where there is none that may be read."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            SELECT w.place, c.id AS chunk_id, c.ord, c.page_from, c.page_to, c.heading, c.text,
                   c.start_offset AS start, c.end_offset AS end
            FROM unnest(%(versions)s::uuid[], %(ords)s::integer[], %(openings)s::text[])
                 WITH ORDINALITY AS w (version, ord, opening, place)
            CROSS JOIN LATERAL (
                SELECT c.id, c.ord, c.page_from, c.page_to, c.heading, c.text, c.start_offset,
                       c.end_offset
                FROM chunks c
                WHERE c.version_id = w.version
                  AND (c.ord = w.ord OR (w.opening <> '' AND c.text ~* w.opening))
                ORDER BY c.ord
                LIMIT 1
            ) c
            """,
            {
                "versions": [place.origin.version_id for place in places],
                "ords": [place.ord for place in places],
                "openings": [_opening(p.article) if p.article else "" for p in places],
            },
        )
        rows = {int(row.pop("place")): row for row in await cursor.fetchall()}
    return [
        replace(
            place.origin,
            **rows[number],
            score=place.origin.score * SHARE,
            lexical=0.0,
            dense=0.0,
            coverage=0.0,
            rerank=None,
        )
        if number in rows
        else None
        for number, place in enumerate(places, 1)
    ]


def _fresh(
    found: Sequence[Passage | None], known: set[tuple[Any, int]], most: int
) -> list[Passage]:
    """The first `most` that are not `known`; they are from then on."""
    fresh: list[Passage] = []
    for passage in found:
        if passage is None or len(fresh) == most:
            continue
        place = (passage.version_id, passage.ord)
        if place not in known:
            known.add(place)
            fresh.append(passage)
    return fresh
