"""Files that arrive in parts: an upload goes on after a lost connection, or on another page.

The bytes lie under `uploads/` in the data folder until the last one is there; then the file is
taken in like any other. What nobody goes on with is removed after KEPT.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from govbot.db.access import Actor, as_actor, as_system, found
from govbot.db.pool import Connection
from govbot.documents import collections
from govbot.documents.types import Level
from govbot.errors import BadDocument, Busy, Denied, Invalid, TooLarge, Unavailable
from govbot.ids import CollectionId, new_id
from govbot.ingest.names import clean_filename, clean_place
from govbot.ingest.receive import App, Received, receive

logger = logging.getLogger(__name__)

PART_BYTES: Final = 4 << 20
MOST_OPEN: Final = 20  # files of one person on their way at once
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way: `received` of `size` bytes are here."""

    id: UUID
    collection_key: int
    filename: str
    place: str
    size: int
    received: int

    @property
    def complete(self) -> bool:
        return self.received == self.size


async def begin(
    app: App, actor: Actor, *, collection_id: CollectionId, filename: str, place: str, size: int
) -> Upload:
    """A new file of `size` bytes. `place` is its path inside a folder that was sent, or "".

    Raises NotFound, Denied, BadDocument E-VAZIO, TooLarge E-TAMANHO, Busy E-UPLOADS when too many
    of the actor's files are on their way.
    """
    limit = app.settings.ingest.max_file_mb
    if size > limit * 1_000_000:
        raise TooLarge(
            "The file is larger than the limit of %(limit)d MB.", code="E-TAMANHO", limit=limit
        )
    if size <= 0:
        raise BadDocument("The file is empty.", code="E-VAZIO")
    name = clean_filename(filename)
    upload_id = new_id()
    async with as_actor(app.pool, actor, write=True) as conn:
        shelf = await collections.get_shelf(conn, collection_id)
        if shelf.level not in (Level.WRITE, Level.MANAGE):
            raise Denied("You may read this collection, but not add documents to it.")
        cursor = await conn.execute("SELECT count(*) AS n FROM incoming_files")
        row = await cursor.fetchone()
        if row is not None and row["n"] >= MOST_OPEN:
            raise Busy("Too many of your files are on their way.", code="E-UPLOADS")
        await conn.execute(
            """
            INSERT INTO incoming_files (id, user_id, collection_key, filename, place, size_bytes)
            VALUES (%(id)s, %(user)s, %(collection)s, %(filename)s, %(place)s, %(size)s)
            """,
            {
                "id": upload_id,
                "user": actor.id,
                "collection": shelf.key,
                "filename": name,
                "place": clean_place(place or name),
                "size": size,
            },
        )
        return await _get(conn, upload_id)


async def look(app: App, actor: Actor, upload_id: UUID) -> Upload:
    """How far a file is. Raises NotFound for somebody else's, and for one that is over."""
    async with as_actor(app.pool, actor) as conn:
        return await _get(conn, upload_id)


async def take(app: App, actor: Actor, upload_id: UUID, start: int, part: bytes) -> Upload:
    """Adds a part that begins at byte `start`; one that does not follow is left out.

    What comes back says from where to go on. Raises NotFound, Invalid for more than was announced,
    Unavailable when the disk is full.
    """
    async with as_actor(app.pool, actor, write=True) as conn:
        upload = await _get(conn, upload_id, lock=True)
        if start != upload.received or not part:
            return upload
        if start + len(part) > upload.size:
            raise Invalid("The file is longer than was announced.")
        await asyncio.to_thread(_write, path_of(app, upload_id), start, part)
        await conn.execute(
            """
            UPDATE incoming_files SET received = received + %(more)s, updated_at = now()
            WHERE id = %(id)s
            """,
            {"id": upload_id, "more": len(part)},
        )
        return await _get(conn, upload_id)


async def finish(app: App, actor: Actor, upload: Upload) -> Received:
    """Takes in a complete file as a document and forgets the upload.

    Raises what receive raises; an upload that a later try may bring to its end stays.
    """
    async with as_actor(app.pool, actor) as conn:
        cursor = await conn.execute(
            "SELECT c.id FROM collections c WHERE c.key = %(key)s", {"key": upload.collection_key}
        )
        collection_id = CollectionId(found(await cursor.fetchone())["id"])
    try:
        received = await receive(
            app,
            actor,
            collection_id=collection_id,
            filename=upload.filename,
            source="upload",
            path=path_of(app, upload.id),
            place=upload.place,
        )
    except (Busy, Unavailable):
        raise
    except Exception:
        await drop(app, actor, upload.id)
        raise
    await drop(app, actor, upload.id)
    return received


async def drop(app: App, actor: Actor, upload_id: UUID) -> None:
    """Gives an upload up; nothing happens for one that is not there."""
    async with as_actor(app.pool, actor, write=True) as conn:
        cursor = await conn.execute(
            "DELETE FROM incoming_files WHERE id = %(id)s RETURNING id", {"id": upload_id}
        )
        if await cursor.fetchone() is None:
            return
    await asyncio.to_thread(_remove, path_of(app, upload_id))


async def sweep(app: App) -> int:
    """Removes what nobody went on with, and files without an upload; returns how many files."""
    async with as_system(app.pool) as conn:
        await conn.execute(
            "DELETE FROM incoming_files WHERE updated_at < now() - %(kept)s::interval",
            {"kept": KEPT},
        )
        cursor = await conn.execute("SELECT id FROM incoming_files")
        known = {str(row["id"]) for row in await cursor.fetchall()}
    swept = await asyncio.to_thread(_sweep, _folder(app), known)
    if swept:
        logger.info("Unfinished uploads removed", extra={"action": "upload.swept", "files": swept})
    return swept


def path_of(app: App, upload_id: UUID) -> Path:
    """Where the bytes of an upload lie."""
    return _folder(app) / str(upload_id)


def _folder(app: App) -> Path:
    return app.settings.data_dir / "uploads"


async def _get(conn: Connection, upload_id: UUID, *, lock: bool = False) -> Upload:
    columns = """
        SELECT u.id, u.collection_key, u.filename, u.place, u.size_bytes AS size, u.received
        FROM incoming_files u WHERE u.id = %(id)s
    """
    cursor = await conn.execute(columns + (" FOR UPDATE" if lock else ""), {"id": upload_id})
    row: dict[str, Any] = found(await cursor.fetchone())
    return Upload(**row)


def _write(path: Path, start: int, part: bytes) -> None:
    """At `start`, whatever a broken-off try left behind it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.truncate(start)
            file.seek(start)
            file.write(part)
    except OSError as error:
        raise Unavailable("The file cannot be kept: the disk is full or not writable.") from error


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _sweep(folder: Path, known: set[str]) -> int:
    if not folder.is_dir():
        return 0
    gone = [path for path in folder.iterdir() if path.name not in known]
    for path in gone:
        _remove(path)
    return len(gone)
