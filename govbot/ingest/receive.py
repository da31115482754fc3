"""Takes a file in: checked, stored by its hash, then document, job and audit entry in one
transaction. Uploads, the command line, the watched folder and the API all come through here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from govbot import audit, metrics
from govbot.config import Settings
from govbot.db.access import Actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import collections, intake, store
from govbot.documents.files import FileStore, StoredFile
from govbot.documents.locks import lock_content, lock_path
from govbot.documents.rights import account_of, acting
from govbot.documents.types import Collection, Document, Level, Source, State
from govbot.errors import BadDocument, Denied, Invalid, Unavailable
from govbot.extract import sniff
from govbot.ids import CollectionId, DocumentId, VersionId
from govbot.ingest.names import clean_filename, clean_place
from govbot.jobs.queue import Queue

logger = logging.getLogger(__name__)

PROCESS = "process_version"
# Above 0 somebody waits for it: a worker of its own takes such jobs up at once.
PRIORITIES: Final[Mapping[Source, int]] = {
    "attachment": 25,
    "upload": 20,
    "api": 20,
    "demo": 15,
    "folder": 0,
    "cli": -10,
}
ENDED = (State.FAILED, State.CANCELLED)


class HasQueue(Protocol):
    """What queueing needs."""

    @property
    def queue(self) -> Queue: ...


class App(HasQueue, Protocol):
    """The parts that taking in a file needs."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def files(self) -> FileStore: ...


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file; `duplicate`: the collection had this very content already."""

    document_id: DocumentId
    version_id: VersionId
    state: State
    duplicate: bool


@dataclass(frozen=True, slots=True)
class _File:
    """A file on its way in, checked."""

    name: str
    place: str
    stored: StoredFile
    mime: str
    folder: str | None
    tags: Sequence[str]


async def receive(
    app: App,
    actor: Actor | None,
    *,
    collection_id: CollectionId,
    filename: str,
    source: Source,
    path: Path | None = None,
    stream: AsyncIterator[bytes] | None = None,
    place: str = "",
    retry_failed: bool = False,
    tags: Sequence[str] = (),
    folder: str | None = None,
) -> Received:
    """Takes in a file from `path` or `stream`; `actor` is None for the system.

    `place` tells documents of one name apart (a path inside a folder; else the file name): new
    content at the same place is a new version. `folder` is the watched folder it lies in, whose
    places are its own; `tags` are given to a new document. With `retry_failed`, a duplicate whose
    processing failed or was cancelled is tried again. Raises NotFound, Denied, BadDocument,
    TooLarge, Unavailable; nothing is kept then.
    """
    content = path or stream
    if content is None:
        raise Invalid("There is no file.")
    async with acting(app.pool, actor) as conn:
        await _writable(conn, actor, collection_id)
    name = clean_filename(filename)
    stored, mime = await keep(app, content, name)
    file = _File(name, clean_place(place or name), stored, mime, folder, tags)
    async with acting(app.pool, actor, write=True) as conn:
        collection = await _writable(conn, actor, collection_id)
        received = await _enter(app, conn, actor, collection, file, source, retry_failed)
    if received.duplicate:
        metrics.observe_document("duplicate")
    logger.info(
        "File received",
        extra={
            "action": "document.received",
            "document": str(received.document_id),
            "duplicate": received.duplicate,
        },
    )
    return received


async def keep(
    app: App, content: Path | AsyncIterator[bytes], name: str, *, max_mb: int | None = None
) -> tuple[StoredFile, str]:
    """The original in the store, and its kind; at most `max_mb` large, else what the settings say.

    Raises BadDocument or TooLarge; nothing is kept then.
    """
    most = app.settings.ingest.max_file_mb if max_mb is None else max_mb
    stored = await app.files.put(content, max_bytes=most * 1_000_000)
    try:
        return stored, await asyncio.to_thread(sniff, stored.path, name)
    except BadDocument:
        await _forget(app, stored)
        raise


async def retry(app: App, actor: Actor | None, document_id: DocumentId) -> bool:
    """Processes the newest version of a document again if it failed or was cancelled, else False.

    Somebody waits for it, so it is as urgent as an upload. Raises NotFound, or Denied when the
    actor may only read it.
    """
    async with acting(app.pool, actor, write=True) as conn:
        document = await store.get_document(conn, document_id)
        if document.version.state not in ENDED:
            return False
        return await _retry(app, conn, actor, document, "upload")


async def restore(app: App, actor: Actor | None, document_id: DocumentId) -> None:
    """Takes a document out of the trash and processes it again."""
    async with acting(app.pool, actor, write=True) as conn:
        document = await store.get_document(conn, document_id)
        for version_id in await store.restore_document(conn, actor, document_id):
            await defer_version(app, conn, version_id, source=document.source)


async def defer_version(
    app: HasQueue, conn: Connection, version_id: VersionId, *, source: Source
) -> bool:
    """Queues the processing of a version, as urgent as what comes by `source`.

    In the caller's transaction, which has put the version in state queued. False when its job
    waits already.
    """
    return await app.queue.defer_in(
        conn,
        PROCESS,
        lock=lock_of(version_id),
        priority=PRIORITIES[source],
        version_id=str(version_id),
    )


def lock_of(version_id: VersionId) -> str:
    """What the jobs of a version are known by in the queue."""
    return f"version:{version_id}"


async def _writable(
    conn: Connection, actor: Actor | None, collection_id: CollectionId
) -> Collection:
    collection = await collections.get_shelf(conn, collection_id)
    if account_of(actor) is not None and collection.level not in (Level.WRITE, Level.MANAGE):
        raise Denied("You may read this collection, but not add documents to it.")
    return collection


async def _enter(
    app: App,
    conn: Connection,
    actor: Actor | None,
    collection: Collection,
    file: _File,
    source: Source,
    retry_failed: bool,
) -> Received:
    await lock_content(conn, file.stored.sha256)
    await lock_path(conn, collection.key, file.place)
    if not file.stored.path.exists():
        raise Unavailable("The file was removed at the same moment: send it again.")
    same = await intake.same_content(conn, collection.key, file.stored.sha256)
    if same is not None:
        again = (
            retry_failed
            and same.version.state in ENDED
            and await _retry(app, conn, actor, same, source)
        )
        state = State.QUEUED if again else same.version.state
        return Received(same.id, same.version.id, state, duplicate=True)
    document = await intake.document_at(conn, collection.key, file.place, folder=file.folder)
    document_id = document.id if document else None
    if document_id is None:
        document_id = await intake.add_document(
            conn,
            collection_key=collection.key,
            path=file.place,
            filename=file.name,
            source=source,
            created_by=account_of(actor),
            folder=file.folder,
            tags=file.tags,
        )
    number = document.version.number + 1 if document else 1
    details = {"filename": file.name, "collection": collection.name, "version": number}
    return await queue_version(
        app, conn, actor, document_id, file.stored, file.mime, source=source, details=details
    )


async def queue_version(
    app: HasQueue,
    conn: Connection,
    actor: Actor | None,
    document_id: DocumentId,
    stored: StoredFile,
    mime: str,
    *,
    source: Source,
    details: Mapping[str, object],
) -> Received:
    """The stored file as the next version of a document, with its job and its audit entry."""
    version_id = await intake.add_version(
        conn,
        document_id,
        sha256=stored.sha256,
        size_bytes=stored.size,
        mime=mime,
        created_by=account_of(actor),
    )
    await defer_version(app, conn, version_id, source=source)
    await audit.record(
        conn,
        actor=actor,
        action="document.uploaded",
        resource=str(document_id),
        details={**details, "sha256": stored.sha256, "source": source},
    )
    return Received(document_id, version_id, State.QUEUED, duplicate=False)


async def _retry(
    app: App, conn: Connection, actor: Actor | None, document: Document, source: Source
) -> bool:
    if not await intake.requeue_version(conn, document.version.id):
        raise Denied
    await defer_version(app, conn, document.version.id, source=source)
    await audit.record(
        conn,
        actor=actor,
        action="document.retried",
        resource=str(document.id),
        details={"filename": document.filename, "version": document.version.number},
    )
    return True


async def _forget(app: App, stored: StoredFile) -> None:
    """Removes an original that was refused, unless a version names the same content."""
    async with as_system(app.pool) as conn:
        await lock_content(conn, stored.sha256)
        cursor = await conn.execute(
            "SELECT id FROM document_versions WHERE sha256 = %(sha256)s LIMIT 1",
            {"sha256": stored.sha256},
        )
        if await cursor.fetchone() is None:
            app.files.remove(stored.sha256)
