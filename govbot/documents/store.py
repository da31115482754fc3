"""Documents and their versions: what lists, viewers and the ingestion read and write.

Row-level security decides what each function sees; getting the row is the permission check.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.errors import IntegrityConstraintViolation, UniqueViolation

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents import listing, lives, progress
from govbot.documents.content import page_count, page_text, replace_chunks
from govbot.documents.locks import lock_collection
from govbot.documents.rights import account_of, system_rights
from govbot.documents.rows import DOCUMENT, VERSION, document_of, version_of
from govbot.documents.types import Document, State, Version
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import CollectionId, DocumentId, UserId, VersionId

__all__ = [
    "count_trashed",
    "get_document",
    "get_version",
    "get_versions",
    "list_documents",
    "page_count",
    "page_text",
    "replace_chunks",
    "restore_document",
    "trash_document",
    "versions_of",
]

PAGE = 50
MAX_PAGE = 500


async def list_documents(
    conn: Connection,
    collection_id: CollectionId | None = None,
    *,
    limit: int = PAGE,
    after: DocumentId | None = None,
    states: Sequence[State] = (),
    text: str = "",
    trashed: bool = False,
    life: lives.Life | None = None,
    tag: str = "",
) -> list[Document]:
    """The newest documents first, at most `limit` (up to 500).

    `after` is the last id of the page before; `states` narrows to the newest version's state, empty
    for all; every word of `text` stands in file name, title, or the norm's kind, number or year;
    `trashed` lists the trash instead; `life` and `tag` narrow to documents in that part of their
    life and marked with that word.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid("A page holds from 1 to %(most)d documents.", most=MAX_PAGE)
    wanted = listing.Filter(collection_id, states, life, text, tag, trashed=trashed)
    return await listing.list_page(conn, wanted, after=after, limit=limit)


async def count_trashed(conn: Connection, collection_id: CollectionId | None = None) -> int:
    """How many documents of the trash the actor may take out of it."""
    cursor = await conn.execute(
        """
        SELECT count(*) AS n
        FROM documents d
        LEFT JOIN collections c ON c.key = d.collection_key
        WHERE d.trashed_at IS NOT NULL
          AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
        """,
        {"collection_id": collection_id},
    )
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def get_document(conn: Connection, document_id: DocumentId) -> Document:
    """Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(DOCUMENT + " WHERE d.id = %(id)s", {"id": document_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return document_of(row)


async def get_version(conn: Connection, version_id: VersionId) -> Version:
    """Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(VERSION + " WHERE v.id = %(id)s", {"id": version_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return version_of(row)


async def get_versions(conn: Connection, version_ids: Sequence[VersionId]) -> list[Version]:
    """Those of the versions that the actor may see, in no order."""
    cursor = await conn.execute(
        VERSION + " WHERE v.id = ANY(%(ids)s::uuid[])", {"ids": list(version_ids)}
    )
    return [version_of(row) for row in await cursor.fetchall()]


async def versions_of(conn: Connection, document_id: DocumentId) -> list[Version]:
    """All versions, the newest first; empty when the actor may not see the document."""
    cursor = await conn.execute(
        VERSION + " WHERE v.document_id = %(id)s ORDER BY v.number DESC", {"id": document_id}
    )
    return [version_of(row) for row in await cursor.fetchall()]


async def trash_document(conn: Connection, actor: Actor | None, document_id: DocumentId) -> None:
    """Takes a document out of lists and search; its versions and text stay for old citations.

    `actor` is None for the system. Raises NotFound, Denied when it may only be read, Conflict
    E-LEGAL-HOLD when it must not be deleted. Nothing happens when it is in the trash already.
    """
    document = await get_document(conn, document_id)
    if document.trashed_at is not None:
        return
    await lock_collection(conn, document.collection_key)
    if not await _set_trashed(conn, document_id, account_of(actor)):
        raise Denied
    async with system_rights(conn):
        await progress.withdraw_document(conn, document_id)
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
) -> list[VersionId]:
    """Takes a document out of the trash; returns the versions that have to be processed again.

    Those are the approved version to serve and drafts whose reading the trash broke off. Raises
    NotFound, Denied, or Conflict when its name was taken meanwhile.
    """
    document = await get_document(conn, document_id)
    if document.trashed_at is None:
        return []
    try:
        cursor = await conn.execute(
            """
            UPDATE documents SET trashed_at = NULL, trashed_by = NULL
            WHERE id = %(id)s
            RETURNING id
            """,
            {"id": document_id},
        )
    except UniqueViolation as error:
        raise Conflict("A document with this name already exists in the collection.") from error
    if await cursor.fetchone() is None:
        raise Denied
    versions = await _requeue(conn, document_id)
    await audit.record(
        conn,
        actor=actor,
        action="document.restored",
        resource=str(document_id),
        details={"filename": document.filename, "collection": document.collection},
    )
    return versions


async def _set_trashed(conn: Connection, document_id: DocumentId, by: UserId | None) -> bool:
    try:
        cursor = await conn.execute(
            """
            UPDATE documents SET trashed_at = now(), trashed_by = %(by)s
            WHERE id = %(id)s
            RETURNING id
            """,
            {"id": document_id, "by": by},
        )
    except IntegrityConstraintViolation as error:
        raise Conflict(
            "The document is under legal hold: it cannot be deleted.", code="E-LEGAL-HOLD"
        ) from error
    return await cursor.fetchone() is not None


async def _requeue(conn: Connection, document_id: DocumentId) -> list[VersionId]:
    """Queues the best approved version (the newest that did not fail; older ones are overtaken)
    and every newer draft that was not read to its end."""
    cursor = await conn.execute(
        """
        WITH best AS (
            SELECT l.id, l.number FROM document_versions l
            WHERE l.document_id = %(id)s AND l.review = 'approved' AND l.state <> 'superseded'
            ORDER BY l.state NOT IN ('failed', 'cancelled') DESC, l.number DESC
            LIMIT 1
        ),
        overtaken AS (
            UPDATE document_versions v
            SET state = 'superseded', finished_at = coalesce(v.finished_at, now())
            FROM best b
            WHERE v.document_id = %(id)s AND v.number < b.number
              AND v.state NOT IN ('superseded', 'failed', 'cancelled')
        )
        UPDATE document_versions v
        SET state = 'queued', attempts = 0, pages_done = 0, error_code = NULL, error = NULL,
            finished_at = NULL
        WHERE v.document_id = %(id)s
          AND (v.id = (SELECT b.id FROM best b)
               OR (v.review <> 'approved' AND v.state IN ('queued', 'extracting', 'embedding')
                   AND v.number > coalesce((SELECT b.number FROM best b), 0)))
        RETURNING v.id
        """,
        {"id": document_id},
    )
    return [VersionId(row["id"]) for row in await cursor.fetchall()]
