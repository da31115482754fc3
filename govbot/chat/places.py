"""Where quotes stand: from offsets in a passage to citations of a page of a document version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.chat.citations import Quote
from govbot.chat.cited import Citation
from govbot.retrieval.passages import Passage

Connection = AsyncConnection[DictRow]

# Quotes of one source that stand nearer than this (characters) are shown as one span.
JOIN_GAP = 400


async def cite(
    conn: Connection, passages: Sequence[Passage], quotes: Sequence[Quote]
) -> list[Citation]:
    """One citation for each number, on the page that holds the quoted text."""
    spans: dict[int, Quote] = {}
    for quote in quotes:
        spans[quote.number] = _joined(spans.get(quote.number), quote, passages[quote.source])
    return [
        await _located(conn, number, passages[quote.source], quote)
        for number, quote in sorted(spans.items())
    ]


def whole(number: int, passage: Passage) -> Citation:
    """The passage itself as a citation."""
    return _citation(number, passage, passage.text)


def _joined(first: Quote | None, quote: Quote, passage: Passage) -> Quote:
    if first is None:
        return quote
    start, end = min(first.start, quote.start), max(first.end, quote.end)
    gap = max(first.start, quote.start) - min(first.end, quote.end)
    if gap > JOIN_GAP:
        return first
    return replace(first, start=start, end=end, quote=passage.text[start:end])


async def _located(conn: Connection, number: int, passage: Passage, quote: Quote) -> Citation:
    """Turn offsets in the passage into page and offsets in that page's text.

    A passage over several pages is their texts joined by one line feed.
    """
    page, start, end = passage.page_from, passage.start + quote.start, passage.start + quote.end
    page_to = page
    if passage.page_to > passage.page_from:
        cursor = await conn.execute(
            "SELECT number, length(text) AS length FROM version_pages"
            " WHERE version_id = %(version)s AND number BETWEEN %(first)s AND %(last)s"
            " ORDER BY number",
            {
                "version": passage.version_id,
                "first": passage.page_from,
                "last": passage.page_to,
            },
        )
        lengths = {row["number"]: row["length"] for row in await cursor.fetchall()}
        page, start = _page_of(lengths, passage.page_from, start)
        page_to, end = _page_of(lengths, passage.page_from, end)
    citation = _citation(number, passage, quote.quote)
    return replace(citation, page_from=page, page_to=page_to, start=start, end=end)


def _page_of(lengths: dict[int, int], first: int, offset: int) -> tuple[int, int]:
    page = first
    while offset > lengths.get(page, offset) and page + 1 in lengths:
        offset -= lengths[page] + 1
        page += 1
    return page, max(offset, 0)


def _citation(number: int, passage: Passage, quote: str) -> Citation:
    return Citation(
        number=number,
        document_id=passage.document_id,
        document_key=passage.document_key,
        version_id=passage.version_id,
        filename=passage.filename,
        title=passage.title or passage.filename,
        version=passage.version,
        page_from=passage.page_from,
        page_to=passage.page_to,
        heading=passage.heading,
        quote=quote,
        start=passage.start,
        end=passage.end,
        valid_to=passage.valid_to,
        revoked_on=passage.revoked_on,
    )
