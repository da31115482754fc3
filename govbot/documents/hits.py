"""Where a term stands in the pages of one version, and the pages' text in bounded parts.

Row-level security decides which pages there are; texts are compared here, batch by batch, so that
a long document never lies in memory as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from govbot.db.pool import Connection
from govbot.documents.needle import Needle, Span
from govbot.ids import VersionId

BATCH: Final = 100  # pages
MAX_HITS: Final = 200


@dataclass(frozen=True, slots=True)
class PageHits:
    """A page that holds the term, with each place in its text."""

    number: int
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Hits:
    """The pages with the term in order; `more`: MAX_HITS places were found and there are others."""

    pages: tuple[PageHits, ...]
    more: bool

    @property
    def count(self) -> int:
        return sum(len(page.spans) for page in self.pages)


async def find_hits(conn: Connection, version_id: VersionId, needle: Needle) -> Hits:
    """Every place of the term in the version, at most MAX_HITS."""
    found: list[PageHits] = []
    left = MAX_HITS
    async for batch in _batches(conn, version_id):
        for page in await asyncio.to_thread(_hits, batch, needle):
            if len(page.spans) > left:
                cut = PageHits(page.number, page.text, page.spans[:left])
                return Hits((*found, *([cut] if left else [])), more=True)
            found.append(page)
            left -= len(page.spans)
    return Hits(tuple(found), more=False)


async def page_before(
    conn: Connection, version_id: VersionId, needle: Needle, number: int
) -> int | None:
    """The last page with the term before page `number`."""
    return await _first_with(_batches(conn, version_id, before=number), needle)


async def page_after(
    conn: Connection, version_id: VersionId, needle: Needle, number: int
) -> int | None:
    """The first page with the term after page `number`."""
    return await _first_with(_batches(conn, version_id, after=number), needle)


async def texts(
    conn: Connection, version_id: VersionId, *, most: int
) -> tuple[list[tuple[int, str]], bool]:
    """Numbers and texts of the first pages that have at most `most` characters together, and
    whether that is all of them."""
    cursor = await conn.execute(
        """
        SELECT p.number, p.text, p.total <= %(most)s AS kept
        FROM (SELECT number, text, sum(length(text)) OVER (ORDER BY number) AS total
              FROM version_pages
              WHERE version_id = %(id)s) p
        WHERE p.total - length(p.text) <= %(most)s
        ORDER BY p.number
        """,
        {"id": version_id, "most": most},
    )
    rows = await cursor.fetchall()
    kept = [(int(row["number"]), str(row["text"])) for row in rows if row["kept"]]
    return kept, len(kept) == len(rows)


def _hits(batch: Sequence[tuple[int, str]], needle: Needle) -> list[PageHits]:
    found = ((number, text, needle.spans(text)) for number, text in batch)
    return [PageHits(number, text, tuple(spans)) for number, text, spans in found if spans]


async def _first_with(batches: AsyncIterator[list[tuple[int, str]]], needle: Needle) -> int | None:
    async for batch in batches:
        number = await asyncio.to_thread(_first, batch, needle)
        if number is not None:
            return number
    return None


def _first(batch: Sequence[tuple[int, str]], needle: Needle) -> int | None:
    return next((number for number, text in batch if needle.is_in(text)), None)


async def _batches(
    conn: Connection, version_id: VersionId, *, after: int = 0, before: int | None = None
) -> AsyncIterator[list[tuple[int, str]]]:
    """Pages after `after` upwards, or before `before` downwards."""
    while True:
        cursor = await conn.execute(
            """
            SELECT number, text FROM version_pages
            WHERE version_id = %(id)s AND number > %(after)s
            ORDER BY number
            LIMIT %(limit)s
            """
            if before is None
            else """
            SELECT number, text FROM version_pages
            WHERE version_id = %(id)s AND number < %(before)s
            ORDER BY number DESC
            LIMIT %(limit)s
            """,
            {"id": version_id, "after": after, "before": before, "limit": BATCH},
        )
        rows = [(int(row["number"]), str(row["text"])) for row in await cursor.fetchall()]
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after, before = rows[-1][0], None if before is None else rows[-1][0]
