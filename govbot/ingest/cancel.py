"""Cancels work: what waits at once, what runs within about a second, on whatever node."""

from __future__ import annotations

from uuid import UUID

from govbot import audit, metrics
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents import progress, store
from govbot.documents.rights import WRITABLE, acting
from govbot.errors import Denied
from govbot.ids import CollectionId, VersionId
from govbot.ingest.receive import App, lock_of
from govbot.ingest.work import versions_named
from govbot.jobs import queue

AT_ONCE = 500


async def cancel(app: App, actor: Actor | None, identifier: UUID) -> bool:
    """Cancels the work on a version, or on all versions of a document; False when it is done.

    It can be tried again later. Raises NotFound, or Denied when the actor may only read it.
    """
    async with acting(app.pool, actor, write=True) as conn:
        cancelled = []
        for version in await store.get_versions(conn, await versions_named(conn, identifier)):
            if version.state.finished:
                continue
            if await progress.cancel_version(conn, version.id):
                cancelled.append(version)
            elif not (await store.get_version(conn, version.id)).state.finished:
                raise Denied
        await queue.drop(conn, [lock_of(version.id) for version in cancelled])
        for version in cancelled:
            document = await store.get_document(conn, version.document_id)
            await audit.record(
                conn,
                actor=actor,
                action="document.cancelled",
                resource=str(document.id),
                details={"filename": document.filename, "version": version.number},
            )
    for _version in cancelled:
        metrics.observe_document("cancelled")
    return bool(cancelled)


async def cancel_all(
    app: App, actor: Actor | None, collection_id: CollectionId | None = None
) -> int:
    """Cancels everything that the actor may cancel, some hundred per transaction; returns how many.

    What arrives meanwhile is cancelled too.
    """
    total = 0
    while True:
        async with acting(app.pool, actor, write=True) as conn:
            cancelled = await _cancel_some(conn, collection_id)
            await queue.drop(conn, [lock_of(version_id) for version_id in cancelled])
            if cancelled:
                await audit.record(
                    conn,
                    actor=actor,
                    action="queue.cancelled",
                    resource=str(collection_id or ""),
                    details={"documents": len(cancelled)},
                )
        if not cancelled:
            return total
        total += len(cancelled)
        for _version in cancelled:
            metrics.observe_document("cancelled")


async def _cancel_some(conn: Connection, collection_id: CollectionId | None) -> list[VersionId]:
    cursor = await conn.execute(
        """
        UPDATE document_versions
        SET state = 'cancelled', pages_done = 0, error_code = NULL, error = NULL,
            finished_at = clock_timestamp()
        WHERE id IN (
            SELECT v.id FROM document_versions v
            JOIN documents d ON d.key = v.document_key AND d.trashed_at IS NULL
            LEFT JOIN collections c ON c.key = v.collection_key
            WHERE v.state IN ('queued', 'extracting', 'embedding')
              AND """  # noqa: S608 - constants
        + WRITABLE
        + """
              AND (%(collection_id)s::uuid IS NULL OR c.id = %(collection_id)s::uuid)
            ORDER BY v.id
            LIMIT %(limit)s
        ) AND state IN ('queued', 'extracting', 'embedding')
        RETURNING id
        """,
        {"collection_id": collection_id, "limit": AT_ONCE},
    )
    return [VersionId(row["id"]) for row in await cursor.fetchall()]
