"""What is deleted for good, and the originals and pictures on disk that nothing names any more.

Rows go first, in one transaction; the original only after it, in another. A process that dies in
between leaves a file that no version names, which `sweep_originals` finds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from govbot import audit
from govbot.db.access import Actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents.files import FileStore
from govbot.documents.locks import lock_collection, lock_content
from govbot.documents.rights import acting, require_manager, system_rights
from govbot.documents.store import get_document
from govbot.documents.types import Document
from govbot.errors import Conflict, GovBotError
from govbot.ids import DocumentId

logger = logging.getLogger(__name__)

BATCH = 1000  # documents or files looked at in one transaction
ORPHAN_AGE = timedelta(days=1)  # a file just stored has no version yet


async def delete_for_good(
    pool: Pool, files: FileStore, actor: Actor | None, document_id: DocumentId
) -> None:
    """Deletes a document of the trash: its versions, text, passages and originals.

    Answers made from it stay hidden for ever. `actor` is None for the system. Raises NotFound,
    Denied for who does not manage the document, Conflict E-NOT-IN-TRASH, Conflict E-LEGAL-HOLD.
    """
    async with acting(pool, actor, write=True) as conn:
        document = await get_document(conn, document_id)
        await require_manager(conn, document)
        contents = await _delete(conn, actor, document)
    await remove_originals(pool, files, contents)


async def purge_trash(
    pool: Pool, files: FileStore, *, days: int, now: datetime | None = None
) -> int:
    """Deletes what has been in the trash for `days` days, as the system; 0 keeps everything.

    Documents under legal hold stay. Returns how many were deleted.
    """
    if days <= 0:
        return 0
    until = (now or datetime.now(UTC)) - timedelta(days=days)
    deleted = 0
    while due := await _due(pool, until):
        before = deleted
        for document_id in due:
            try:
                await delete_for_good(pool, files, None, document_id)
            except GovBotError as error:  # restored or held meanwhile, or the disk
                logger.warning(
                    "A document of the trash stays: %s", error, extra={"action": "trash.kept"}
                )
            else:
                deleted += 1
        if deleted == before:
            break
    if deleted:
        logger.info(
            "Documents deleted from the trash",
            extra={"action": "trash.purged", "documents": deleted},
        )
    return deleted


async def sweep_originals(pool: Pool, files: FileStore, *, now: datetime | None = None) -> int:
    """Removes originals older than a day that no version names; returns how many.

    They are left by a process that died between storing a file and entering it, or between
    deleting a document and its file. Raises Unavailable while the folder is away.
    """
    await asyncio.to_thread(files.require)  # another installation's would all be nobody's
    before = (now or datetime.now(UTC)) - ORPHAN_AGE
    listed = files.listed()
    swept = 0
    while batch := await asyncio.to_thread(_old, listed, before):
        async with as_system(pool) as conn:
            orphans = await _unnamed(conn, batch)
        swept += await remove_originals(pool, files, orphans)
    await _sweep_drawn(pool, files)
    if swept:
        logger.info(
            "Originals without a document removed",
            extra={"action": "file.swept", "files": swept},
        )
    return swept


async def remove_originals(pool: Pool, files: FileStore, contents: Iterable[str]) -> int:
    """Removes those of the contents that no version names, each under its lock; returns how many.

    Call it after the transaction that deleted their versions.
    """
    removed = 0
    for sha256 in contents:
        async with as_system(pool) as conn:
            await lock_content(conn, sha256)
            if await _unnamed(conn, [sha256]):
                await asyncio.to_thread(files.remove, sha256)
                removed += 1
            else:  # another document has the same content; its own pictures are drawn again
                await asyncio.to_thread(files.drawn.forget, sha256)
    return removed


async def _sweep_drawn(pool: Pool, files: FileStore) -> None:
    """Removes pictures of versions that are gone, and what was left half written."""
    await asyncio.to_thread(files.drawn.sweep)
    kept = files.drawn.versions()
    while batch := await asyncio.to_thread(lambda: list(islice(kept, BATCH))):
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                """
                SELECT k.id FROM unnest(%(ids)s::uuid[]) AS k (id)
                WHERE NOT EXISTS (SELECT FROM document_versions v WHERE v.id = k.id)
                """,
                {"ids": [version_id for _sha256, version_id in batch]},
            )
            gone = {row["id"] for row in await cursor.fetchall()}
        for sha256, version_id in batch:
            if version_id in gone:
                await asyncio.to_thread(files.drawn.forget_version, sha256, version_id)


async def missing_originals(pool: Pool, files: FileStore, *, limit: int = 20) -> list[Document]:
    """Documents with a version whose original is not in the store, at most `limit`."""
    found: list[Document] = []
    after = ""
    while len(found) < limit:
        async with as_system(pool) as conn:
            rows = await _contents(conn, after)
            if not rows:
                break
            after = rows[-1][0]
            gone = await asyncio.to_thread(_gone, files, rows)
            for document_id in gone[: limit - len(found)]:
                found.append(await get_document(conn, document_id))
    return found


async def _delete(conn: Connection, actor: Actor | None, document: Document) -> list[str]:
    """Deletes the rows; returns the contents that the versions named."""
    async with system_rights(conn):
        contents = await _contents_of(conn, document.id)
        for sha256 in contents:
            await lock_content(conn, sha256)
        await lock_collection(conn, document.collection_key)
        await _require_deletable(conn, document.id)
        await conn.execute("SELECT govbot_unindex_document(%(key)s)", {"key": document.key})
        await conn.execute("DELETE FROM documents WHERE id = %(id)s", {"id": document.id})
    await audit.record(
        conn,
        actor=actor,
        action="document.purged",
        resource=str(document.id),
        details={
            "filename": document.filename,
            "collection": document.collection,
            "sha256": contents,
        },
    )
    return contents


async def _require_deletable(conn: Connection, document_id: DocumentId) -> None:
    """Locks the document: whoever takes it out of the trash or holds it is first, or too late."""
    cursor = await conn.execute(
        "SELECT trashed_at, legal_hold FROM documents WHERE id = %(id)s FOR UPDATE",
        {"id": document_id},
    )
    row = await cursor.fetchone()
    if row is None or row["trashed_at"] is None:
        raise Conflict("Only what is in the trash is deleted for good.", code="E-NOT-IN-TRASH")
    if row["legal_hold"]:
        raise Conflict(
            "The document is under legal hold: it cannot be deleted.", code="E-LEGAL-HOLD"
        )


async def _contents_of(conn: Connection, document_id: DocumentId) -> list[str]:
    cursor = await conn.execute(
        """
        SELECT DISTINCT v.sha256 FROM document_versions v
        WHERE v.document_id = %(id)s
        ORDER BY v.sha256
        """,
        {"id": document_id},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]


async def _due(pool: Pool, until: datetime) -> list[DocumentId]:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT d.id FROM documents d
            WHERE d.trashed_at < %(until)s AND d.legal_hold = ''
            ORDER BY d.trashed_at
            LIMIT %(limit)s
            """,
            {"until": until, "limit": BATCH},
        )
        return [DocumentId(row["id"]) for row in await cursor.fetchall()]


async def _unnamed(conn: Connection, contents: list[str]) -> list[str]:
    cursor = await conn.execute(
        """
        SELECT c.sha256 FROM unnest(%(contents)s::text[]) AS c (sha256)
        WHERE NOT EXISTS (SELECT FROM document_versions v WHERE v.sha256 = c.sha256)
        """,
        {"contents": contents},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]


async def _contents(conn: Connection, after: str) -> list[tuple[str, DocumentId]]:
    cursor = await conn.execute(
        """
        SELECT v.sha256, min(v.document_id::text)::uuid AS document_id
        FROM document_versions v
        WHERE v.sha256 > %(after)s AND v.collection_key <> 0
        GROUP BY v.sha256
        ORDER BY v.sha256
        LIMIT %(limit)s
        """,
        {"after": after, "limit": BATCH},
    )
    return [(str(row["sha256"]), DocumentId(row["document_id"])) for row in await cursor.fetchall()]


def _old(listed: Iterable[tuple[str, datetime]], before: datetime) -> list[str]:
    """The next contents that were stored before that moment, at most BATCH."""
    batch: list[str] = []
    for sha256, stored_at in listed:
        if stored_at < before:
            batch.append(sha256)
        if len(batch) == BATCH:
            break
    return batch


def _gone(files: FileStore, rows: Iterable[tuple[str, DocumentId]]) -> list[DocumentId]:
    return [document_id for sha256, document_id in rows if not files.path_of(sha256).exists()]
