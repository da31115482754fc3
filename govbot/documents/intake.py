"""What the ingestion writes: new documents, new versions, other names."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.errors import UniqueViolation

from govbot.db.pool import Connection
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.types import Document, Source
from govbot.errors import Conflict
from govbot.ids import DocumentId, UserId, VersionId, new_id


async def same_content(conn: Connection, collection_key: int, sha256: str) -> Document | None:
    """The document of the collection whose newest version has this content, trash excluded."""
    cursor = await conn.execute(
        DOCUMENT
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
    return document_of(row) if row else None


async def document_at(
    conn: Connection, collection_key: int, path: str, *, folder: str | None = None
) -> Document | None:
    """The document at this path of the collection, trash excluded; the most secret of several.

    Each watched folder has paths of its own; what people bring in has the ones without a folder.
    """
    cursor = await conn.execute(
        DOCUMENT
        + """
        WHERE d.collection_key = %(collection_key)s AND d.path = %(path)s AND d.trashed_at IS NULL
          AND coalesce(d.folder, '') = coalesce(%(folder)s::text, '')
        ORDER BY d.secrecy DESC
        LIMIT 1
        """,
        {"collection_key": collection_key, "path": path, "folder": folder},
    )
    row = await cursor.fetchone()
    return document_of(row) if row else None


async def add_document(
    conn: Connection,
    *,
    collection_key: int,
    path: str,
    filename: str,
    source: Source,
    created_by: UserId | None,
    folder: str | None = None,
    tags: Sequence[str] = (),
) -> DocumentId:
    """A document without a version yet. Raises Denied, or Conflict when the path is taken."""
    document_id = DocumentId(new_id())
    try:
        await conn.execute(
            """
            INSERT INTO documents
                (id, collection_key, path, filename, source, created_by, folder, tags)
            VALUES (%(id)s, %(collection_key)s, %(path)s, %(filename)s, %(source)s,
                    %(created_by)s, %(folder)s, %(tags)s::text[])
            """,
            {
                "id": document_id,
                "collection_key": collection_key,
                "path": path,
                "filename": filename,
                "source": source,
                "created_by": created_by,
                "folder": folder,
                "tags": list(tags),
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
    """Puts a failed or cancelled version back in state queued, its attempts forgotten.

    False when it is in another state.
    """
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            started_at = NULL, finished_at = NULL
        WHERE id = %(id)s AND state IN ('failed', 'cancelled')
        RETURNING id
        """,
        {"id": version_id},
    )
    return await cursor.fetchone() is not None
