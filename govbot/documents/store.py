"""Documents and their versions: what lists, viewers and the ingestion read and write.

Row-level security decides what each function sees; getting the row is the permission check.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from psycopg.errors import UniqueViolation

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.content import page_count, page_text, replace_chunks
from govbot.documents.locks import lock_collection
from govbot.documents.rights import system_rights
from govbot.documents.types import Document, Source, State, Version
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import CollectionId, DocumentId, UserId, VersionId, new_id

__all__ = [
    "add_document",
    "add_version",
    "count_by_state",
    "document_at",
    "get_document",
    "get_version",
    "list_documents",
    "page_count",
    "page_text",
    "replace_chunks",
    "requeue_version",
    "restore_document",
    "same_content",
    "trash_document",
    "versions_of",
]

PAGE = 50
MAX_PAGE = 500

_VERSION = """
    SELECT v.id, v.document_id, v.document_key, v.collection_key, v.number, v.sha256, v.size_bytes,
           v.mime, v.state, v.pages, v.pages_done, v.scanned_pages, v.chunks, v.error_code, v.error,
           v.attempts, v.created_at, v.finished_at
    FROM document_versions v
"""
_DOCUMENT = """
    SELECT d.id, d.key, c.id AS collection_id, d.collection_key, c.name AS collection, d.path,
           d.filename, d.title, d.source, d.created_at, d.trashed_at,
           (SELECT max(r.number) FROM document_versions r
            WHERE r.document_id = d.id AND r.state = 'ready' AND d.trashed_at IS NULL) AS served,
           v.id AS v_id, v.number, v.sha256, v.size_bytes, v.mime, v.state, v.pages, v.pages_done,
           v.scanned_pages, v.chunks, v.error_code, v.error, v.attempts,
           v.created_at AS v_created_at, v.finished_at
    FROM documents d
    LEFT JOIN collections c ON c.key = d.collection_key
    JOIN LATERAL (
        SELECT n.id, n.number, n.sha256, n.size_bytes, n.mime, n.state, n.pages, n.pages_done,
               n.scanned_pages, n.chunks, n.error_code, n.error, n.attempts, n.created_at,
               n.finished_at
        FROM document_versions n
        WHERE n.document_id = d.id
        ORDER BY n.number DESC
        LIMIT 1
    ) v ON true
"""


async def list_documents(
    conn: Connection,
    collection_id: CollectionId | None = None,
    *,
    limit: int = PAGE,
    after: DocumentId | None = None,
    state: State | None = None,
    text: str = "",
    trashed: bool = False,
) -> list[Document]:
    """The newest documents first, at most `limit` (up to 500).

    `after` is the last id of the page before; `text` is looked for in file name and title;
    `trashed` lists the trash instead.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid("A page holds from 1 to %(most)d documents.", most=MAX_PAGE)
    cursor = await conn.execute(
        _DOCUMENT
        + """
        WHERE (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
          AND (%(after)s::uuid IS NULL OR d.id < %(after)s::uuid)
          AND (%(state)s::text IS NULL OR v.state = %(state)s::text)
          AND (%(text)s = '' OR strpos(govbot_fold(d.filename || ' ' || d.title),
                                       govbot_fold(%(text)s)) > 0)
          AND (d.trashed_at IS NOT NULL) = %(trashed)s
        ORDER BY d.id DESC
        LIMIT %(limit)s
        """,
        {
            "collection_id": collection_id,
            "after": after,
            "state": state,
            "text": text.strip(),
            "trashed": trashed,
            "limit": limit,
        },
    )
    return [_document(row) for row in await cursor.fetchall()]


async def count_by_state(
    conn: Connection, collection_id: CollectionId | None = None
) -> dict[State, int]:
    """How many documents stand in each state, by their newest version, trash excluded."""
    cursor = await conn.execute(
        """
        SELECT v.state, count(*) AS n
        FROM documents d
        LEFT JOIN collections c ON c.key = d.collection_key
        JOIN LATERAL (
            SELECT n.state FROM document_versions n
            WHERE n.document_id = d.id
            ORDER BY n.number DESC
            LIMIT 1
        ) v ON true
        WHERE d.trashed_at IS NULL
          AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
        GROUP BY v.state
        """,
        {"collection_id": collection_id},
    )
    return {State(row["state"]): int(row["n"]) for row in await cursor.fetchall()}


async def get_document(conn: Connection, document_id: DocumentId) -> Document:
    """Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(_DOCUMENT + " WHERE d.id = %(id)s", {"id": document_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _document(row)


async def get_version(conn: Connection, version_id: VersionId) -> Version:
    """Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(_VERSION + " WHERE v.id = %(id)s", {"id": version_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _version(row)


async def versions_of(conn: Connection, document_id: DocumentId) -> list[Version]:
    """All versions, the newest first; empty when the actor may not see the document."""
    cursor = await conn.execute(
        _VERSION + " WHERE v.document_id = %(id)s ORDER BY v.number DESC", {"id": document_id}
    )
    return [_version(row) for row in await cursor.fetchall()]


async def same_content(conn: Connection, collection_key: int, sha256: str) -> Document | None:
    """The document of the collection whose newest version has this content, trash excluded."""
    cursor = await conn.execute(
        _DOCUMENT
        + """
        WHERE d.collection_key = %(collection_key)s AND v.sha256 = %(sha256)s
          AND d.trashed_at IS NULL
          AND EXISTS (SELECT FROM document_versions s
                      WHERE s.collection_key = %(collection_key)s AND s.sha256 = %(sha256)s
                        AND s.document_id = d.id)
        ORDER BY d.id
        LIMIT 1
        """,
        {"collection_key": collection_key, "sha256": sha256},
    )
    row = await cursor.fetchone()
    return _document(row) if row else None


async def document_at(conn: Connection, collection_key: int, path: str) -> Document | None:
    """The document at this path of the collection, trash excluded."""
    cursor = await conn.execute(
        _DOCUMENT
        + """
        WHERE d.collection_key = %(collection_key)s AND d.path = %(path)s AND d.trashed_at IS NULL
        """,
        {"collection_key": collection_key, "path": path},
    )
    row = await cursor.fetchone()
    return _document(row) if row else None


async def add_document(
    conn: Connection,
    *,
    collection_key: int,
    path: str,
    filename: str,
    source: Source,
    created_by: UserId | None,
) -> DocumentId:
    """A document without a version yet. Raises Denied, or Conflict when the path is taken."""
    document_id = DocumentId(new_id())
    try:
        await conn.execute(
            """
            INSERT INTO documents (id, collection_key, path, filename, source, created_by)
            VALUES (%(id)s, %(collection_key)s, %(path)s, %(filename)s, %(source)s,
                    %(created_by)s)
            """,
            {
                "id": document_id,
                "collection_key": collection_key,
                "path": path,
                "filename": filename,
                "source": source,
                "created_by": created_by,
            },
        )
    except UniqueViolation as error:
        raise Conflict("A document with this name already exists in the collection.") from error
    return document_id


async def add_version(
    conn: Connection,
    document_id: DocumentId,
    *,
    sha256: str,
    size_bytes: int,
    mime: str,
    created_by: UserId | None,
) -> VersionId:
    """The next version of a document, in state queued. Raises Denied."""
    version_id = VersionId(new_id())
    await conn.execute(
        """
        INSERT INTO document_versions
            (id, document_id, document_key, collection_key, number, sha256, size_bytes, mime,
             created_by)
        SELECT %(id)s, d.id, d.key, d.collection_key,
               coalesce((SELECT max(v.number) FROM document_versions v
                         WHERE v.document_id = d.id), 0) + 1,
               %(sha256)s, %(size_bytes)s, %(mime)s, %(created_by)s
        FROM documents d
        WHERE d.id = %(document_id)s
        """,
        {
            "id": version_id,
            "document_id": document_id,
            "sha256": sha256,
            "size_bytes": size_bytes,
            "mime": mime,
            "created_by": created_by,
        },
    )
    return version_id


async def requeue_version(conn: Connection, version_id: VersionId) -> bool:
    """Puts a failed version back in state queued, its attempts forgotten; False if not failed."""
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            finished_at = NULL
        WHERE id = %(id)s AND state = 'failed'
        RETURNING id
        """,
        {"id": version_id},
    )
    return await cursor.fetchone() is not None


async def trash_document(conn: Connection, actor: Actor | None, document_id: DocumentId) -> None:
    """Takes a document out of lists and search; its versions and text stay for old citations.

    `actor` is None for the system. Raises NotFound, or Denied when it may only be read. Nothing
    happens when it is in the trash already.
    """
    document = await get_document(conn, document_id)
    if document.trashed_at is not None:
        return
    await lock_collection(conn, document.collection_key)
    if not await _set_trashed(conn, document_id, trashed=True):
        raise Denied
    async with system_rights(conn):
        await conn.execute("SELECT govbot_unindex_document(%(key)s)", {"key": document.key})
    await audit.record(
        conn,
        actor=actor,
        action="document.deleted",
        resource=str(document_id),
        details={"filename": document.filename, "collection": document.collection},
    )


async def restore_document(
    conn: Connection, actor: Actor | None, document_id: DocumentId
) -> VersionId | None:
    """Takes a document out of the trash; returns the version that has to be processed again.

    Raises NotFound, Denied, or Conflict when its name was taken meanwhile.
    """
    document = await get_document(conn, document_id)
    if document.trashed_at is None:
        return None
    try:
        if not await _set_trashed(conn, document_id, trashed=False):
            raise Denied
    except UniqueViolation as error:
        raise Conflict("A document with this name already exists in the collection.") from error
    cursor = await conn.execute(
        """
        UPDATE document_versions v
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            finished_at = NULL
        WHERE v.id = (SELECT l.id FROM document_versions l
                      WHERE l.document_id = %(id)s AND l.state <> 'superseded'
                      ORDER BY l.state <> 'failed' DESC, l.number DESC LIMIT 1)
        RETURNING v.id
        """,
        {"id": document_id},
    )
    row = await cursor.fetchone()
    await audit.record(
        conn,
        actor=actor,
        action="document.restored",
        resource=str(document_id),
        details={"filename": document.filename, "collection": document.collection},
    )
    return VersionId(row["id"]) if row else None


async def _set_trashed(conn: Connection, document_id: DocumentId, *, trashed: bool) -> bool:
    cursor = await conn.execute(
        """
        UPDATE documents
        SET trashed_at = CASE WHEN %(trashed)s THEN now() END
        WHERE id = %(id)s
        RETURNING id
        """,
        {"id": document_id, "trashed": trashed},
    )
    return await cursor.fetchone() is not None


def _version(row: dict[str, Any]) -> Version:
    return Version(**{**row, "state": State(row["state"])})


def _document(row: dict[str, Any]) -> Document:
    version = Version(
        id=row["v_id"],
        document_id=row["id"],
        document_key=row["key"],
        collection_key=row["collection_key"],
        state=State(row["state"]),
        created_at=row["v_created_at"],
        **{name: row[name] for name in _VERSION_FIELDS},
    )
    return Document(
        collection=row["collection"] or "",
        version=version,
        **{name: row[name] for name in _DOCUMENT_FIELDS},
    )


_OWN_COLUMNS = {"id", "document_id", "document_key", "collection_key", "state", "created_at"}
_VERSION_FIELDS = [f.name for f in fields(Version) if f.name not in _OWN_COLUMNS]
_DOCUMENT_FIELDS = [f.name for f in fields(Document) if f.name not in {"collection", "version"}]
