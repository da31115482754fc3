"""What becomes of a file of a watched folder: a document of its own, one that moved, a copy of one.

Contents lead: a document goes where its content went, without being read again; only a content that
no document of the collection holds is taken in. Each decision is one transaction, so that a look
that breaks off anywhere is taken up by the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from govbot.config.table import WatchedFolder
from govbot.db.access import as_system
from govbot.db.pool import Connection
from govbot.documents import collections, folders, intake, mirrored, store
from govbot.documents.folders import FolderFile
from govbot.documents.locks import lock_content
from govbot.documents.mirrored import Held, Place
from govbot.documents.types import Collection
from govbot.errors import BadDocument, Conflict, GovBotError, TooLarge, Unavailable
from govbot.extract import sniff
from govbot.ids import CollectionId, DocumentId
from govbot.ingest.folder import Changed, Found, opened, require_unchanged, sha256_of
from govbot.ingest.names import clean_filename
from govbot.ingest.receive import App, receive, restore

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
MAX_TAG = 60
MAX_COLLECTION = 200
E_READ = "E-READ"
# Refused for a reason that may go by itself: tried at every look.
RETRIED = (E_READ, "E-CONFLICT", "E-NOT-FOUND", "E-DENIED")


@dataclass(frozen=True, slots=True)
class Pending:
    """A file whose content is known and that waits for its document."""

    found: Found
    sha256: str


class Mirror:
    """Keeps the documents of one watched folder like its files."""

    def __init__(self, app: App, folder: WatchedFolder):
        self._app = app
        self._folder = folder
        self._collections: dict[str, CollectionId] = {}

    def begin(self) -> None:
        """Forgets what one look knew: collections may be deleted meanwhile."""
        self._collections.clear()

    async def examine(self, root: Path, found: Found, known_sha256: str) -> FolderFile:
        """The row of a file after reading it, or after refusing to. Raises Changed, Unavailable."""
        try:
            sha256 = known_sha256 or await asyncio.to_thread(
                read_content, root, found, self._app.settings.ingest.max_file_mb
            )
        except (Changed, Unavailable):
            raise
        except (GovBotError, OSError) as error:
            return _refused(found, error)
        return _row(found, sha256=sha256, state="pending")

    async def place_content(self, pending: Pending) -> bool:
        """Finds the document of a content that the collection has; False when it has none."""
        place = self.place_of(pending.found)
        collection = await self._collection(place.path)
        async with as_system(self._app.pool) as conn:
            await lock_content(conn, pending.sha256)
            return await self._with_its_content(conn, collection, pending, place)

    async def take(self, root: Path, pending: Pending) -> FolderFile | None:
        """Takes in a content that the collection has not: from the trash, else as a new version or
        a new document. Raises Changed, Unavailable; returns the row of what is refused."""
        place = self.place_of(pending.found)
        collection = await self._collection(place.path)
        if await self._was_here(collection, pending, place):
            return None
        await self._leave_to_copies(place)
        try:
            received = await receive(
                self._app,
                None,
                collection_id=collection.id,
                filename=place.filename,
                place=place.path,
                stream=_blocks(root, pending.found),
                source="folder",
                folder=place.folder,
                tags=place.tags or (),
            )
        except (Changed, Unavailable):
            raise
        except (GovBotError, OSError) as error:
            return await self.refuse(pending.found, error)
        async with as_system(self._app.pool) as conn:
            state: folders.FileState = "copy" if received.duplicate else "taken"
            await self._put(conn, pending, state=state, document_id=received.document_id)
        return None

    async def refuse(self, found: Found, error: GovBotError | OSError) -> FolderFile:
        """Notes why a file is not taken; what its document held before stays."""
        async with as_system(self._app.pool) as conn:
            before = await folders.get_file(conn, self._folder.path, found.place)
            document_id = before.document_id if before else None
            row = replace(_refused(found, error), document_id=document_id)
            await folders.put_files(conn, self._folder.path, [row])
        return row

    async def lose(self, place: str) -> None:
        """A file is gone: its document goes to a copy of it, else to the trash."""
        async with as_system(self._app.pool) as conn:
            row = await folders.get_file(conn, self._folder.path, place)
            if row is None or row.state != "missing":
                return
            if row.document_id is not None:
                here = Place(self._folder.path, place, "")
                await self._release(conn, row.document_id, here)
            await folders.forget_file(conn, self._folder.path, place)

    async def lose_document(self, document_id: DocumentId) -> None:
        """The same for a document that no file claims."""
        async with as_system(self._app.pool) as conn:
            await self._release(conn, document_id, Place(self._folder.path, "", ""))

    async def hold(self, place: str, error: GovBotError) -> None:
        """Notes why a document stays although its file is gone (a legal hold)."""
        async with as_system(self._app.pool) as conn:
            row = await folders.get_file(conn, self._folder.path, place)
            if row is not None and row.error_code != error.error_code:
                row = replace(row, error_code=error.error_code, error=str(error))
                await folders.put_files(conn, self._folder.path, [row])

    def place_of(self, found: Found) -> Place:
        """Where a file's document lies, with the tags that its sub-folders give."""
        tags = tags_of(self._folder, found.place)
        return Place(self._folder.path, found.place, clean_filename(found.name), tags)

    async def _release(self, conn: Connection, document_id: DocumentId, here: Place) -> None:
        held = await mirrored.get_held(conn, document_id)
        if held is None or held.folder != self._folder.path:
            return
        if await mirrored.is_claimed(conn, document_id, here):
            return
        await lock_content(conn, held.sha256)
        if await self._to_copy(conn, held):
            return
        if self._folder.deleted == "trash" and not held.trashed:
            await store.trash_document(conn, None, document_id)
            logger.info(
                "Document went to the trash with its file",
                extra={"action": "document.deleted", "document": str(document_id)},
            )

    async def _leave_to_copies(self, place: Place) -> None:
        """Before a file's document gets another content: the old one stays where it has a copy."""
        async with as_system(self._app.pool) as conn:
            row = await folders.get_file(conn, place.folder, place.path)
            held = (
                await mirrored.get_held(conn, row.document_id) if row and row.document_id else None
            )
            if held is not None and not await mirrored.is_held(conn, held.id, place):
                await lock_content(conn, held.sha256)
                await self._to_copy(conn, held)

    async def _to_copy(self, conn: Connection, held: Held) -> bool:
        """Moves a document to a file that is its copy; False when there is none."""
        copy = await mirrored.copy_of(conn, held)
        row = await folders.get_file(conn, *copy) if copy else None
        if copy is None or row is None:
            return False
        folder, path = copy
        watched = next((f for f in self._app.settings.watch.folders if f.path == folder), None)
        tags = tags_of(watched, path) if watched else None
        await self._move(conn, held, Place(folder, path, clean_filename(path), tags))
        await folders.put_files(conn, folder, [replace(row, state="taken", document_id=held.id)])
        return True

    async def _with_its_content(
        self, conn: Connection, collection: Collection, pending: Pending, place: Place
    ) -> bool:
        """Gives the file to the document that has its content, as its file or as a copy; False
        when the collection has none outside the trash."""
        same = await intake.same_content(conn, collection.key, pending.sha256)
        if same is None:
            return False
        if same.folder is None or await mirrored.is_held(conn, same.id, place):
            await self._put(conn, pending, state="copy", document_id=same.id)
            return True
        held = Held(same.id, same.folder, collection.key, same.path, pending.sha256, False)
        await self._move(conn, held, place)
        await self._put(conn, pending, state="taken", document_id=same.id)
        return True

    async def _was_here(self, collection: Collection, pending: Pending, place: Place) -> bool:
        """A file that comes back brings its document back."""
        async with as_system(self._app.pool) as conn:
            await lock_content(conn, pending.sha256)
            # Another file of this look, taken a moment ago, may have brought the content in.
            if await self._with_its_content(conn, collection, pending, place):
                return True
            row = await folders.get_file(conn, place.folder, place.path)
            held = await mirrored.in_trash(conn, collection.key, pending.sha256)
            own = row.document_id if row else None
            if held is None or (own is not None and own != held.id):
                return False
            if await mirrored.is_held(conn, held.id, place):
                # A person deleted it while its file is there: that counts for copies as well.
                await self._put(conn, pending, state="copy", document_id=held.id)
                return True
            await self._move(conn, held, place)
            await self._put(conn, pending, state="pending", document_id=held.id)
        await restore(self._app, None, held.id)
        async with as_system(self._app.pool) as conn:
            await self._put(conn, pending, state="taken", document_id=held.id)
        return True

    async def _move(self, conn: Connection, held: Held, place: Place) -> None:
        await mirrored.move(conn, held, place)
        if (held.folder, held.path) != (place.folder, place.path):
            logger.info(
                "Document moved with its file",
                extra={"action": "document.moved", "document": str(held.id)},
            )

    async def _put(
        self,
        conn: Connection,
        pending: Pending,
        *,
        state: folders.FileState,
        document_id: DocumentId,
    ) -> None:
        row = _row(pending.found, sha256=pending.sha256, state=state, document_id=document_id)
        await folders.put_files(conn, self._folder.path, [row])

    async def _collection(self, place: str) -> Collection:
        """The collection of a file; created when there is none."""
        try:
            return await self._find_collection(place)
        except Conflict:  # another watcher created it at the same moment
            return await self._find_collection(place)

    async def _find_collection(self, place: str) -> Collection:
        subfolder = subfolder_of(self._folder, place)
        async with as_system(self._app.pool) as conn:
            if subfolder not in self._collections:
                parent = await _named(conn, self._folder.path, "", self._folder.collection, None)
                self._collections[""] = parent
            if subfolder not in self._collections:
                name = collection_name(self._folder, subfolder)
                self._collections[subfolder] = await _named(
                    conn, self._folder.path, subfolder, name, parent
                )
            return await collections.get_collection(conn, self._collections[subfolder])


def _refused(found: Found, error: GovBotError | OSError) -> FolderFile:
    if isinstance(error, GovBotError):
        code, words = error.error_code, str(error)
    else:
        code, words = E_READ, f"The file cannot be read ({error.strerror})."
    return _row(found, state="refused", code=code, words=words)


async def _named(
    conn: Connection, folder: str, subfolder: str, name: str, parent: CollectionId | None
) -> CollectionId:
    """The collection that a sub-folder was given, else the one with the name, else a new one."""
    known = await mirrored.collection_of(conn, folder, subfolder, name)
    if known is not None:
        return known
    found = await collections.collection_by_name(conn, name)
    if found is not None:
        collection_id = found.id
    else:
        collection_id = await collections.create_collection(conn, None, name=name)
        if parent is not None:
            await mirrored.copy_access(conn, parent, collection_id)
    await mirrored.set_collection(conn, folder, subfolder, name, collection_id)
    return collection_id


async def _blocks(root: Path, found: Found) -> AsyncIterator[bytes]:
    """The content, block by block. Raises Changed when it is written to meanwhile."""
    source = opened(root, found)
    file = await asyncio.to_thread(source.__enter__)
    try:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
        require_unchanged(file, found)
    finally:
        source.__exit__(None, None, None)


def read_content(root: Path, found: Found, limit_mb: int) -> str:
    """The SHA-256 of a file that can be taken. Raises Changed, OSError, BadDocument, TooLarge."""
    if found.leaves:
        raise BadDocument("A link that leaves the watched folder.", code="E-LINK")
    if found.size > limit_mb * 1_000_000:
        raise TooLarge(
            "The file is larger than the limit of %(limit)d MB.", code="E-TAMANHO", limit=limit_mb
        )
    with opened(root, found) as file:
        # The open file itself, whatever its name leads to by now.
        sniff(Path(f"/dev/fd/{file.fileno()}"), clean_filename(found.name))
        file.seek(0)
        return sha256_of(file, found)


def subfolder_of(folder: WatchedFolder, place: str) -> str:
    """The first part of a place where that decides about the collection, else ""."""
    if folder.subfolders != "collections" or "/" not in place:
        return ""
    return place.partition("/")[0]


def collection_name(folder: WatchedFolder, subfolder: str) -> str:
    """The name of the collection of a sub-folder, '' for the folder itself."""
    name = f"{folder.collection} / {subfolder}" if subfolder else folder.collection
    return " ".join(name.split())[:MAX_COLLECTION].strip()


def tags_of(folder: WatchedFolder, place: str) -> list[str] | None:
    """The names of the sub-folders as tags, without repetition; None where they mean nothing."""
    if folder.subfolders != "tags":
        return None
    return list(dict.fromkeys(part[:MAX_TAG].strip() for part in place.split("/")[:-1]))


def _row(
    found: Found,
    *,
    sha256: str = "",
    state: folders.FileState,
    document_id: DocumentId | None = None,
    code: str | None = None,
    words: str | None = None,
) -> FolderFile:
    return FolderFile(found.place, *found.mark, sha256, document_id, state, code, words)
