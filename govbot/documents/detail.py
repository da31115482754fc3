"""What the page of one document shows besides its row: passages, the file's own words, names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from govbot.db.pool import Connection
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.types import Document
from govbot.ids import CollectionId, DocumentId, VersionId

MAX_FOUND = 20


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the text as it is searched and handed to the model; pages count from 1."""

    ord: int
    page_from: int
    page_to: int
    heading: str
    text: str


async def passages(
    conn: Connection, version_id: VersionId, *, offset: int, limit: int
) -> list[Passage]:
    """The passages of a version in their order; empty when it is not the one that is searched.

    Passages of what is not in force today are hidden like from a search.
    """
    cursor = await conn.execute(
        """
        SELECT c.ord, c.page_from, c.page_to, c.heading, c.text
        FROM chunks c
        WHERE c.version_id = %(version)s
        ORDER BY c.ord
        OFFSET %(offset)s
        LIMIT %(limit)s
        """,
        {"version": version_id, "offset": offset, "limit": limit},
    )
    return [Passage(**row) for row in await cursor.fetchall()]


async def metadata(conn: Connection, version_id: VersionId) -> dict[str, str]:
    """What the file says about itself (author, program, dates), by name."""
    cursor = await conn.execute(
        "SELECT v.metadata FROM document_versions v WHERE v.id = %(id)s", {"id": version_id}
    )
    row = await cursor.fetchone()
    found = row["metadata"] if row else {}
    return {str(name): str(value) for name, value in found.items() if str(value).strip()}


async def names(conn: Connection, people: Iterable[UUID | None]) -> dict[UUID, str]:
    """What these people are called."""
    cursor = await conn.execute(
        "SELECT u.id, u.name, u.username FROM users u WHERE u.id = ANY(%(ids)s::uuid[])",
        {"ids": list({person for person in people if person is not None})},
    )
    return {row["id"]: row["name"] or row["username"] for row in await cursor.fetchall()}


async def tags(conn: Connection, collection_id: CollectionId | None = None) -> list[str]:
    """The words that documents within reach are marked with, by alphabet, trash excluded."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT t.tag
        FROM documents d
        LEFT JOIN collections c ON c.key = d.collection_key
        CROSS JOIN unnest(d.tags) AS t (tag)
        WHERE d.trashed_at IS NULL
          AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
        ORDER BY t.tag
        LIMIT 200
        """,
        {"collection_id": collection_id},
    )
    return [str(row["tag"]) for row in await cursor.fetchall()]


async def find(conn: Connection, text: str, *, without: DocumentId) -> list[Document]:
    """Documents within reach whose name, kind or number holds all words of `text`, newest first.

    At most MAX_FOUND; empty without words.
    """
    words = [re.sub(r"([\\%_])", r"\\\1", word) for word in text.split()[:10]]
    if not words:
        return []
    cursor = await conn.execute(
        DOCUMENT
        + """
        WHERE d.trashed_at IS NULL AND d.id <> %(without)s
          AND govbot_fold(concat_ws(' ', d.filename, d.title, d.kind, d.number, d.year))
              LIKE ALL (string_to_array(govbot_fold(%(patterns)s), ' '))
        ORDER BY d.id DESC
        LIMIT %(limit)s
        """,
        {
            "patterns": " ".join(f"%{word}%" for word in words),
            "without": without,
            "limit": MAX_FOUND,
        },
    )
    return [document_of(row) for row in await cursor.fetchall()]


async def by_keys(conn: Connection, keys: Sequence[int]) -> dict[int, Document]:
    """Those of the documents with these keys that the actor may see."""
    if not keys:
        return {}
    cursor = await conn.execute(
        DOCUMENT + " WHERE d.key = ANY(%(keys)s::integer[])", {"keys": sorted(set(keys))}
    )
    return {document.key: document for document in map(document_of, await cursor.fetchall())}
