"""Files that belong to one conversation: documents that its owner alone reads, and no list shows.

They are documents like others (stored by hash, read in the sandbox, cut into passages, cited,
shown in the viewer), in a collection that nobody has rights on; the policies of migration 0029 give
them to the owner of the conversation, and as passages to questions asked in it. They go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.types import State
from govbot.errors import NotFound
from govbot.ids import ConversationId, DocumentId, VersionId, new_id

COLLECTION: Final = 0  # the key of their collection


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a conversation and how far its reading is."""

    id: DocumentId
    version_id: VersionId
    filename: str
    size_bytes: int
    state: State
    pages: int
    pages_done: int
    error_code: str | None
    error: str | None

    @property
    def under_way(self) -> bool:
        return not self.state.finished


_ATTACHED: Final = """
    SELECT d.id, v.id AS version_id, d.filename, v.size_bytes, v.state, v.pages, v.pages_done,
           v.error_code, v.error
    FROM documents d
    JOIN document_versions v ON v.document_id = d.id
    WHERE d.conversation_id = %(conversation)s
"""


async def attached(conn: Connection, conversation_id: ConversationId) -> list[Attached]:
    """The files of a conversation of the actor, the oldest first."""
    cursor = await conn.execute(
        _ATTACHED + " ORDER BY d.created_at, d.id", {"conversation": conversation_id}
    )
    return [_attached(row) for row in await cursor.fetchall()]


async def with_content(
    conn: Connection, conversation_id: ConversationId, sha256: str
) -> Attached | None:
    """The file of the conversation with this content."""
    cursor = await conn.execute(
        _ATTACHED + " AND v.sha256 = %(sha256)s LIMIT 1",
        {"conversation": conversation_id, "sha256": sha256},
    )
    row = await cursor.fetchone()
    return _attached(row) if row else None


async def hold_conversation(
    conn: Connection, actor: Actor, conversation_id: ConversationId
) -> None:
    """Holds the row of a conversation of the actor until the end: its files are counted and added
    one by one. Raises NotFound."""
    cursor = await conn.execute(
        """
        SELECT c.id FROM conversations c
        WHERE c.id = %(id)s AND c.user_id = %(user)s
        FOR UPDATE
        """,
        {"id": conversation_id, "user": actor.id},
    )
    if await cursor.fetchone() is None:
        raise NotFound


async def add(
    conn: Connection, actor: Actor, conversation_id: ConversationId, *, filename: str, sha256: str
) -> DocumentId:
    """A file of the conversation, without a version yet. A conversation without a title gets the
    name of the file, so that it is found again."""
    document_id = DocumentId(new_id())
    await conn.execute(
        """
        INSERT INTO documents (id, collection_key, conversation_id, path, filename, source,
                               created_by)
        VALUES (%(id)s, %(collection)s, %(conversation)s, %(path)s, %(filename)s, 'attachment',
                %(user)s)
        """,
        {
            "id": document_id,
            "collection": COLLECTION,
            "conversation": conversation_id,
            "path": f"{conversation_id}/{sha256}",
            "filename": filename,
            "user": actor.id,
        },
    )
    await conn.execute(
        """
        UPDATE conversations
        SET updated_at = now(),
            title = CASE WHEN title = '' THEN left(%(filename)s, 200) ELSE title END
        WHERE id = %(id)s
        """,
        {"id": conversation_id, "filename": filename},
    )
    return document_id


async def remove(
    conn: Connection, conversation_id: ConversationId, document_id: DocumentId
) -> list[str]:
    """Deletes a file with its passages, and hides the answers that were made from it.

    Returns the contents to remove after the transaction (disposal.remove_originals). Raises
    NotFound for what is not a file of a conversation of the actor.
    """
    values = {"id": document_id, "conversation": conversation_id}
    cursor = await conn.execute(
        """
        SELECT DISTINCT v.sha256
        FROM documents d JOIN document_versions v ON v.document_id = d.id
        WHERE d.id = %(id)s AND d.conversation_id = %(conversation)s
        """,
        values,
    )
    contents = [str(row["sha256"]) for row in await cursor.fetchall()]
    cursor = await conn.execute(
        """
        DELETE FROM documents
        WHERE id = %(id)s AND conversation_id = %(conversation)s
        RETURNING id
        """,
        values,
    )
    if await cursor.fetchone() is None:
        raise NotFound
    return contents


async def originals_of(conn: Connection, conversation_ids: Sequence[ConversationId]) -> list[str]:
    """The contents of the files of conversations of the actor. Ask before these are deleted, and
    hand them to disposal.remove_originals afterwards; the daily sweep finds what is left over."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT v.sha256
        FROM documents d JOIN document_versions v ON v.document_id = d.id
        WHERE d.conversation_id = ANY (%(ids)s::uuid[])
        """,
        {"ids": list(conversation_ids)},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]


def _attached(row: dict[str, Any]) -> Attached:
    return Attached(**{**row, "state": State(row["state"])})
