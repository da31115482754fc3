"""A file attached to one conversation: stored, entered and queued as uploads are, for one person.

Limits of its own: how many, how large, how many pages (settings under `attachments`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

from govbot import audit
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection
from govbot.documents import attached, disposal, intake
from govbot.documents.attached import Attached
from govbot.documents.files import StoredFile
from govbot.documents.locks import lock_content
from govbot.errors import Conflict, Unavailable
from govbot.ids import ConversationId, DocumentId
from govbot.ingest.names import clean_filename
from govbot.ingest.receive import App, defer_version, keep

logger = logging.getLogger(__name__)


async def attach(
    app: App,
    actor: Actor,
    conversation_id: ConversationId,
    *,
    filename: str,
    content: Path | AsyncIterator[bytes],
) -> Attached:
    """Takes a file into a conversation of the actor; the same content again is the file there.

    File, job and audit entry are one transaction: a process that dies leaves all or nothing, and
    at most an original on disk that the daily sweep removes. Raises NotFound, BadDocument,
    TooLarge, Unavailable, Conflict E-ATTACHMENTS when the conversation has all that it may have.
    """
    async with as_actor(app.pool, actor, write=True) as conn:
        await attached.hold_conversation(conn, actor, conversation_id)
        await _require_room(app, conn, conversation_id)
    name = clean_filename(filename)
    stored, mime = await keep(app, content, name, max_mb=app.settings.attachments.max_mb)
    async with as_actor(app.pool, actor, write=True) as conn:
        await lock_content(conn, stored.sha256)
        await attached.hold_conversation(conn, actor, conversation_id)
        if not stored.path.exists():
            raise Unavailable("The file was removed at the same moment: send it again.")
        found = await attached.with_content(conn, conversation_id, stored.sha256)
        if found is None:
            await _require_room(app, conn, conversation_id)
            found = await _enter(app, conn, actor, conversation_id, name, stored, mime)
    logger.info("File attached", extra={"action": "conversation.file-attached"})
    return found


async def detach(
    app: App, actor: Actor, conversation_id: ConversationId, document_id: DocumentId
) -> None:
    """Deletes a file of a conversation of the actor for good. Raises NotFound."""
    async with as_actor(app.pool, actor, write=True) as conn:
        contents = await attached.remove(conn, conversation_id, document_id)
        await _record(conn, actor, "conversation.file-removed", conversation_id)
    await disposal.remove_originals(app.pool, app.files, contents)


async def _require_room(app: App, conn: Connection, conversation_id: ConversationId) -> None:
    most = app.settings.attachments.files
    if len(await attached.attached(conn, conversation_id)) >= most:
        raise Conflict(
            "A conversation holds at most %(most)s files: remove one first.",
            code="E-ATTACHMENTS",
            most=most,
        )


async def _enter(
    app: App,
    conn: Connection,
    actor: Actor,
    conversation_id: ConversationId,
    name: str,
    stored: StoredFile,
    mime: str,
) -> Attached:
    document_id = await attached.add(
        conn, actor, conversation_id, filename=name, sha256=stored.sha256
    )
    version_id = await intake.add_version(
        conn,
        document_id,
        sha256=stored.sha256,
        size_bytes=stored.size,
        mime=mime,
        created_by=actor.id,
    )
    await defer_version(app, conn, version_id, source="attachment")
    await _record(conn, actor, "conversation.file-attached", conversation_id)
    found = await attached.with_content(conn, conversation_id, stored.sha256)
    assert found is not None  # noqa: S101 - entered just now
    return found


async def _record(
    conn: Connection, actor: Actor, action: str, conversation_id: ConversationId
) -> None:
    """That a file came or went; its name and content are its owner's."""
    await audit.record(conn, actor=actor, action=action, resource=f"conversation:{conversation_id}")
