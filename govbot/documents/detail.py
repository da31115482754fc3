"""What the page of one document shows besides its row: passages, the file's own words, names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from govbot.db.pool import Connection
from govbot.documents import listing
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.types import Document
from govbot.ids import DocumentId, VersionId

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


async def find(conn: Connection, text: str, *, without: DocumentId) -> list[Document]:
    """Documents within reach whose name, kind or number holds all words of `text`, newest first.

    At most MAX_FOUND; empty without words.
    """
    if not text.split():
        return []
    wanted = listing.Filter(text=text)
    found = await listing.list_page(conn, wanted, limit=MAX_FOUND + 1)
    return [document for document in found if document.id != without][:MAX_FOUND]


async def by_keys(conn: Connection, keys: Sequence[int]) -> dict[int, Document]:
    """Those of the documents with these keys that the actor may see."""
    if not keys:
        return {}
    cursor = await conn.execute(
        DOCUMENT + " WHERE d.key = ANY(%(keys)s::integer[])", {"keys": sorted(set(keys))}
    )
    return {document.key: document for document in map(document_of, await cursor.fetchall())}
