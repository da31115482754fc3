"""Citations in the database: readable by the owner of the answer, while the document is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.db.access import Actor
from govbot.ids import DocumentId, MessageId, VersionId
from govbot.privacy import Kind, mask

Connection = AsyncConnection[DictRow]
CitationKind = Literal["cited", "nearest"]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a sentence comes from: a span of the text of one page of one version.

    `start` and `end` are character offsets into the text of `page_from` and `page_to`.
    `valid_to` and `revoked_on` are those of the document as it is now.
    """

    number: int
    document_id: DocumentId
    document_key: int
    version_id: VersionId
    filename: str
    title: str
    version: int
    page_from: int
    page_to: int
    heading: str
    quote: str
    start: int
    end: int
    valid_to: date | None = None
    revoked_on: date | None = None


async def add(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    kind: CitationKind,
    citations: Sequence[Citation],
) -> None:
    """Store the citations of an answer."""
    for citation in citations:
        await conn.execute(
            """
            INSERT INTO citations (message_id, user_id, number, kind, document_key, version_id,
                                   page_from, page_to, heading, quote, start_offset, end_offset)
            VALUES (%(message)s, %(user)s, %(number)s, %(kind)s, %(document)s, %(version)s,
                    %(page_from)s, %(page_to)s, %(heading)s, %(quote)s, %(start)s, %(end)s)
            """,
            {
                "message": answer_id,
                "user": actor.id,
                "number": citation.number,
                "kind": kind,
                "document": citation.document_key,
                "version": citation.version_id,
                "page_from": citation.page_from,
                "page_to": citation.page_to,
                "heading": citation.heading,
                "quote": citation.quote,
                "start": citation.start,
                "end": citation.end,
            },
        )


async def of_messages(
    conn: Connection, message_ids: Sequence[MessageId]
) -> dict[MessageId, list[tuple[CitationKind, Citation]]]:
    """The citations of these answers whose documents may still be read, in order.

    What a collection hides by now is masked, also in answers from before.
    """
    cursor = await conn.execute(
        """
        SELECT c.message_id, c.kind, c.number, d.id AS document_id, c.document_key, c.version_id,
               d.filename, d.title, v.number AS version, c.page_from, c.page_to, c.heading,
               c.quote, c.start_offset AS start, c.end_offset AS "end",
               d.valid_to, d.revoked_on, govbot_masked_kinds(ARRAY[c.document_key]) AS masked
        FROM citations c
        JOIN documents d ON d.key = c.document_key
        JOIN document_versions v ON v.id = c.version_id
        WHERE c.message_id = ANY (%(ids)s)
        ORDER BY c.message_id, c.kind, c.number
        """,
        {"ids": list(message_ids)},
    )
    found: dict[MessageId, list[tuple[CitationKind, Citation]]] = {}
    for row in await cursor.fetchall():
        message_id, kind = row.pop("message_id"), row.pop("kind")
        hidden = frozenset(map(Kind, row.pop("masked")))
        for shown in ("quote", "heading", "title", "filename"):
            row[shown] = mask(row[shown], hidden)
        found.setdefault(message_id, []).append((kind, Citation(**row)))
    return found
