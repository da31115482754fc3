"""The text of a version: its pages, its chunks and their vectors, replaced in one transaction."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pgvector import HalfVector
from psycopg.types.json import Jsonb

from govbot.db.pool import Connection
from govbot.documents import personal
from govbot.documents.locks import lock_collection, share_active_model
from govbot.documents.progress import Withdrawn
from govbot.documents.types import Version
from govbot.errors import NotFound, Unavailable
from govbot.ids import VersionId

BATCH = 2000


class PageText(Protocol):
    """A page with its text."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...


class Reading(Protocol):
    """What was read of a version: its pages, and what was noticed on the way."""

    @property
    def pages(self) -> Sequence[PageText]: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...
    @property
    def ocr_pages(self) -> Sequence[int]: ...
    @property
    def unread_pages(self) -> Sequence[int]: ...
    @property
    def attachments(self) -> Sequence[str]: ...


class ChunkText(Protocol):
    """A piece of text with its place: offsets are in the text of its first and last page."""

    @property
    def ord(self) -> int: ...
    @property
    def page_from(self) -> int: ...
    @property
    def page_to(self) -> int: ...
    @property
    def heading(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector per chunk, in half precision, made by the model with this id."""

    model_id: int
    halves: Sequence[HalfVector]


async def replace_chunks(
    conn: Connection,
    version: Version,
    *,
    title: str,
    reading: Reading,
    chunks: Sequence[ChunkText],
    vectors: Vectors | None,
    name: str = "",
) -> bool:
    """Makes this version the one that is searched, in the caller's transaction, as the system.

    The words of the title find every chunk, and those of `name` where it lacks them. Whoever reads
    sees the version before or this one, never half. False when it is not wanted any more: the
    document is in the trash, or a newer version is served, or it was cancelled. Raises Unavailable
    when the active embedding model is not the one of `vectors`.
    """
    if vectors is not None and len(vectors.halves) != len(chunks):
        raise ValueError(f"{len(vectors.halves)} vectors for {len(chunks)} chunks")
    await share_active_model(conn)
    await lock_collection(conn, version.collection_key)
    if not await _wanted(conn, version):
        return False
    served_title = await _served_title(conn, version, title)
    if served_title is None:
        return False
    if vectors is not None:
        await _require_active(conn, vectors.model_id)
    await _replace_pages(conn, version, reading.pages)
    await conn.execute("SELECT govbot_unindex_document(%(key)s)", {"key": version.document_key})
    searched = _with_name(served_title, name)
    ids: list[int] = []
    for start in range(0, len(chunks), BATCH):
        ids += await _insert_chunks(conn, version, searched, chunks[start : start + BATCH])
    if vectors is not None:
        await insert_vectors(
            conn,
            vectors.model_id,
            [(i, version.collection_key, version.document_key) for i in ids],
            vectors.halves,
        )
    await conn.execute("SELECT govbot_index_version(%(id)s)", {"id": version.id})
    await _finish(conn, version, title, reading, len(chunks))
    return True


async def store_reading(
    conn: Connection, version: Version, *, title: str, reading: Reading
) -> bool:
    """Keeps the text of a version that is not approved: who reviews it reads it, nobody finds it.

    False when it was approved meanwhile; nothing is kept then, as it has to be indexed.
    """
    await lock_collection(conn, version.collection_key)
    if await _wanted(conn, version):
        cursor = await conn.execute(
            "SELECT review FROM document_versions WHERE id = %(id)s FOR UPDATE", {"id": version.id}
        )
        row = await cursor.fetchone()
        if row is not None and row["review"] == "approved":
            return False
        await _replace_pages(conn, version, reading.pages)
        await _finish(conn, version, title, reading, 0, served=False)
    return True


async def page_text(conn: Connection, version_id: VersionId, number: int) -> str:
    """The text of one page. Raises NotFound when there is none or the actor may not see it."""
    cursor = await conn.execute(
        "SELECT text FROM version_pages WHERE version_id = %(id)s AND number = %(number)s",
        {"id": version_id, "number": number},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return str(row["text"])


async def page_count(conn: Connection, version_id: VersionId) -> int:
    """How many pages have their text stored."""
    cursor = await conn.execute(
        "SELECT count(*) AS n FROM version_pages WHERE version_id = %(id)s", {"id": version_id}
    )
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def insert_vectors(
    conn: Connection,
    model_id: int,
    places: Sequence[tuple[int, int, int]],
    vectors: Sequence[HalfVector],
) -> None:
    """Stores vectors; `places` are (chunk id, collection key, document key).

    Binary arrays: PostgreSQL refuses COPY into a table with row-level security.
    """
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        await conn.execute(
            """
            INSERT INTO chunk_vectors (model_id, chunk_id, collection_key, document_key, embedding)
            SELECT %(model_id)s, v.chunk_id, v.collection_key, v.document_key, v.embedding
            FROM unnest(%(chunks)s::bigint[], %(collections)s::int[], %(documents)s::int[],
                        %(vectors)b::halfvec[])
                 AS v (chunk_id, collection_key, document_key, embedding)
            ON CONFLICT (model_id, chunk_id) DO NOTHING
            """,
            {
                "model_id": model_id,
                "chunks": [chunk for chunk, _, _ in part],
                "collections": [collection for _, collection, _ in part],
                "documents": [document for _, _, document in part],
                "vectors": list(vectors[start : start + BATCH]),
            },
        )


def _with_name(title: str, name: str) -> str:
    """The title, and the name unless the title holds all of it: words that count twice mislead."""
    held, wanted = (set(re.findall(r"\w+", t.replace(".", "").casefold())) for t in (title, name))
    return title if wanted <= held else f"{title} {name}"


async def _wanted(conn: Connection, version: Version) -> bool:
    cursor = await conn.execute(
        """
        SELECT d.id FROM documents d
        WHERE d.id = %(id)s AND d.trashed_at IS NULL
          AND NOT EXISTS (SELECT FROM document_versions n
                          WHERE n.document_id = d.id AND n.number > %(number)s
                            AND n.state = 'ready' AND n.review = 'approved')
          AND EXISTS (SELECT FROM document_versions v
                      WHERE v.id = %(version_id)s AND v.state <> 'cancelled')
        FOR UPDATE OF d
        """,
        {"id": version.document_id, "number": version.number, "version_id": version.id},
    )
    return await cursor.fetchone() is not None


async def _served_title(conn: Connection, version: Version, title: str) -> str | None:
    """The title that is searched: a person's, else the one that was read. None for a version that
    nobody approved: it must not be found."""
    cursor = await conn.execute(
        """
        SELECT CASE WHEN 'title' = ANY (d.edited) THEN d.title ELSE %(title)s END AS title
        FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE v.id = %(id)s AND v.review = 'approved'
        """,
        {"id": version.id, "title": title},
    )
    row = await cursor.fetchone()
    return str(row["title"]) if row else None


async def _require_active(conn: Connection, model_id: int) -> None:
    cursor = await conn.execute(
        "SELECT id FROM embedding_models WHERE id = %(id)s AND state = 'active'", {"id": model_id}
    )
    if await cursor.fetchone() is None:
        raise Unavailable(
            "The embedding model was changed meanwhile. Restart GovBot.", code="E-MODEL"
        )


async def _replace_pages(conn: Connection, version: Version, pages: Sequence[PageText]) -> None:
    """The text of a version, and in which places of it personal data stands."""
    found = await asyncio.to_thread(personal.look, pages)
    await conn.execute("DELETE FROM version_pages WHERE version_id = %(id)s", {"id": version.id})
    for start in range(0, len(pages), BATCH):
        part = pages[start : start + BATCH]
        await conn.execute(
            """
            INSERT INTO version_pages (version_id, document_key, collection_key, number, text)
            SELECT %(version_id)s, %(document_key)s, %(collection_key)s, p.number, p.text
            FROM unnest(%(numbers)s::int[], %(texts)s::text[]) AS p (number, text)
            """,
            {
                "version_id": version.id,
                "document_key": version.document_key,
                "collection_key": version.collection_key,
                "numbers": [page.number for page in part],
                "texts": [page.text for page in part],
            },
        )
    await personal.replace(conn, version, found)


async def _insert_chunks(
    conn: Connection, version: Version, title: str, chunks: Sequence[ChunkText]
) -> list[int]:
    """Inserts chunks with their stems and returns their ids in the order of `chunks`.

    Arrays in one statement: the stems are computed by the database.
    """
    cursor = await conn.execute(
        """
        INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from, page_to,
                            heading, text, start_offset, end_offset, tsv, length)
        SELECT %(version_id)s, %(document_key)s, %(collection_key)s, c.ord, c.page_from, c.page_to,
               c.heading, c.text, c.start_offset, c.end_offset, s.tsv,
               (SELECT coalesce(sum(coalesce(cardinality(t.positions), 1)), 0)
                FROM unnest(s.tsv) t)
        FROM unnest(%(ord)s::int[], %(page_from)s::int[], %(page_to)s::int[], %(heading)s::text[],
                    %(text)s::text[], %(start)s::int[], %(end)s::int[])
             AS c (ord, page_from, page_to, heading, text, start_offset, end_offset)
        CROSS JOIN LATERAL govbot_passage_tsv(%(title)s, c.heading, c.text) AS s (tsv)
        RETURNING id, ord
        """,
        {
            "version_id": version.id,
            "document_key": version.document_key,
            "collection_key": version.collection_key,
            "title": title,
            "ord": [c.ord for c in chunks],
            "page_from": [c.page_from for c in chunks],
            "page_to": [c.page_to for c in chunks],
            "heading": [c.heading for c in chunks],
            "text": [c.text for c in chunks],
            "start": [c.start for c in chunks],
            "end": [c.end for c in chunks],
        },
    )
    ids = {int(row["ord"]): int(row["id"]) for row in await cursor.fetchall()}
    return [ids[chunk.ord] for chunk in chunks]


async def _finish(
    conn: Connection,
    version: Version,
    title: str,
    reading: Reading,
    chunks: int,
    *,
    served: bool = True,
) -> None:
    if served:
        await _supersede(conn, version)
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'ready', pages = %(pages)s, pages_done = %(pages)s,
            ocr_pages = %(ocr_pages)s, unread_pages = %(unread_pages)s,
            metadata = %(metadata)s, attachments = %(attachments)s, chunks = %(chunks)s,
            personal_look = %(personal_look)s, error_code = NULL, error = NULL,
            finished_at = clock_timestamp()
        WHERE id = %(id)s AND started_at IS NOT DISTINCT FROM %(started_at)s
          AND state NOT IN ('cancelled', 'failed')
        RETURNING id
        """,
        {
            "id": version.id,
            "started_at": version.started_at,
            "pages": len(reading.pages),
            "ocr_pages": list(reading.ocr_pages),
            "unread_pages": list(reading.unread_pages),
            "metadata": Jsonb(reading.metadata),
            "attachments": list(reading.attachments),
            "chunks": chunks,
            "personal_look": personal.LOOK,
        },
    )
    if await cursor.fetchone() is None:
        raise Withdrawn
    await conn.execute(
        """
        UPDATE documents d SET title = %(title)s
        WHERE d.id = %(id)s AND NOT 'title' = ANY (d.edited)
          AND (%(served)s OR d.status IN ('draft', 'in_review'))
        """,
        {"id": version.document_id, "title": title, "served": served},
    )


async def _supersede(conn: Connection, version: Version) -> None:
    await conn.execute(
        """
        UPDATE document_versions
        SET state = 'superseded', finished_at = coalesce(finished_at, now())
        WHERE document_id = %(document_id)s AND number < %(number)s
          AND state NOT IN ('superseded', 'failed', 'cancelled')
        """,
        {"document_id": version.document_id, "number": version.number},
    )
