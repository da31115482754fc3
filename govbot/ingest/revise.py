"""A new version of one document, whatever the file is called: for whoever may write that document,
also where the rest of its collection is closed to them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents import intake, store
from govbot.documents.locks import lock_content, lock_path
from govbot.documents.rights import account_of, acting, document_level
from govbot.documents.types import Document, Level
from govbot.errors import Conflict, Denied, Unavailable
from govbot.ids import DocumentId
from govbot.ingest.names import clean_filename
from govbot.ingest.receive import App, Received, keep, queue_version


async def revise(
    app: App,
    actor: Actor | None,
    document_id: DocumentId,
    *,
    filename: str,
    stream: AsyncIterator[bytes],
) -> Received:
    """Takes in the file as the next version; the document keeps its name and place.

    Content that the newest version has already is a duplicate, and so is what another readable
    document of the collection holds. Raises NotFound, Denied, BadDocument, TooLarge, Unavailable,
    and Conflict for what follows a watched folder.
    """
    async with acting(app.pool, actor) as conn:
        await revisable(conn, actor, document_id)
    name = clean_filename(filename)
    stored, mime = await keep(app, stream, name)
    async with acting(app.pool, actor, write=True) as conn:
        document = await revisable(conn, actor, document_id)
        await lock_content(conn, stored.sha256)
        await lock_path(conn, document.collection_key, document.path)
        if not stored.path.exists():
            raise Unavailable("The file was removed at the same moment: send it again.")
        same = await intake.same_content(conn, document.collection_key, stored.sha256)
        if same is not None:
            return Received(same.id, same.version.id, same.version.state, duplicate=True)
        number = document.version.number + 1
        details = {"filename": name, "collection": document.collection, "version": number}
        return await queue_version(
            app, conn, actor, document.id, stored, mime, source="upload", details=details
        )


async def revisable(conn: Connection, actor: Actor | None, document_id: DocumentId) -> Document:
    """The document. Raises NotFound, Denied, or Conflict for what takes no new version by hand."""
    document = await store.get_document(conn, document_id)
    level = await document_level(conn, document)
    if account_of(actor) is not None and level not in (Level.WRITE, Level.MANAGE):
        raise Denied("You may read this document, but not change it.")
    if document.trashed_at is not None:
        raise Conflict("The document is in the trash: restore it first.")
    if document.folder is not None:
        raise Conflict("This document follows a watched folder: replace the file there.")
    return document
