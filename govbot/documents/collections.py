"""Collections of documents: made, changed, deleted."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg.errors import CheckViolation, UniqueViolation

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.locks import lock_collection, lock_content
from govbot.documents.rights import MANAGED, account_of, manages, system_rights
from govbot.documents.types import LEVELS, Collection
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import CollectionId, UserId, new_id

MAX_INSTRUCTIONS = 2000  # characters

_COLUMNS: LiteralString = """
    SELECT c.id, c.key, c.name, c.description, c.needs_review, c.instructions, c.created_at,
           l.level"""
_COUNT: LiteralString = """
           (SELECT count(*) FROM document_listings d
            WHERE d.collection_key = c.key AND d.trashed_at IS NULL) AS documents"""
_FROM: LiteralString = """
    FROM collections c
    LEFT JOIN govbot_collection_levels() l ON l.key = c.key
"""
_COLLECTION: LiteralString = f"{_COLUMNS}, {_COUNT}{_FROM}"
_SHELF: LiteralString = f"{_COLUMNS}, 0 AS documents{_FROM}"


async def create_collection(
    conn: Connection, actor: Actor | None, *, name: str, description: str = ""
) -> CollectionId:
    """A new collection; the actor (None: the system) manages it.

    Raises Denied, Invalid, or Conflict when the name is taken.
    """
    name = " ".join(name.split())
    collection_id = CollectionId(new_id())
    try:
        await conn.execute(
            """
            INSERT INTO collections (id, name, description)
            VALUES (%(id)s, %(name)s, %(description)s)
            """,
            {"id": collection_id, "name": name, "description": description.strip()},
        )
    except UniqueViolation as error:
        raise Conflict('A collection named "%(name)s" already exists.', name=name) from error
    except CheckViolation as error:
        raise Invalid("A collection's name has from 1 to 200 characters.") from error
    if (user := account_of(actor)) is not None:
        async with system_rights(conn):
            await _grant_manage(conn, user, collection_id)
    await audit.record(
        conn,
        actor=actor,
        action="collection.created",
        resource=str(collection_id),
        details={"name": name},
    )
    return collection_id


async def list_collections(conn: Connection) -> list[Collection]:
    """What the actor may see, by name, each with their level (None for the system)."""
    cursor = await conn.execute(_COLLECTION + " ORDER BY lower(c.name)")
    return [_collection(row) for row in await cursor.fetchall()]


async def list_shelves(conn: Connection) -> list[Collection]:
    """The same with `documents` 0: counting them takes as long as there are many."""
    cursor = await conn.execute(_SHELF + " ORDER BY lower(c.name)")
    return [_collection(row) for row in await cursor.fetchall()]


async def get_shelf(conn: Connection, collection_id: CollectionId) -> Collection:
    """One of them. Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(_SHELF + " WHERE c.id = %(id)s", {"id": collection_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _collection(row)


async def get_collection(conn: Connection, collection_id: CollectionId) -> Collection:
    """Raises NotFound when it does not exist or the actor may not see it."""
    cursor = await conn.execute(_COLLECTION + " WHERE c.id = %(id)s", {"id": collection_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _collection(row)


async def collection_by_name(conn: Connection, name: str) -> Collection | None:
    """The collection with this name, whatever its capitals, if the actor may see it."""
    cursor = await conn.execute(
        _COLLECTION + " WHERE lower(c.name) = lower(%(name)s)", {"name": " ".join(name.split())}
    )
    row = await cursor.fetchone()
    return _collection(row) if row else None


async def rename_collection(
    conn: Connection,
    actor: Actor | None,
    collection_id: CollectionId,
    *,
    name: str,
    description: str,
) -> None:
    """Raises NotFound, Denied, Invalid, or Conflict when the name is taken."""
    name = " ".join(name.split())
    before = await get_collection(conn, collection_id)
    try:
        cursor = await conn.execute(
            """
            UPDATE collections SET name = %(name)s, description = %(description)s
            WHERE id = %(id)s
            RETURNING key
            """,
            {"id": collection_id, "name": name, "description": description.strip()},
        )
    except UniqueViolation as error:
        raise Conflict('A collection named "%(name)s" already exists.', name=name) from error
    except CheckViolation as error:
        raise Invalid("A collection's name has from 1 to 200 characters.") from error
    if await cursor.fetchone() is None:
        raise Denied
    await audit.record(
        conn,
        actor=actor,
        action="collection.changed",
        resource=str(collection_id),
        details={"before": before.name, "after": name},
    )


async def set_review(
    conn: Connection, actor: Actor | None, collection_id: CollectionId, needs_review: bool
) -> None:
    """Whether new versions wait for the approval of a second person.

    What is published stays published, and drafts stay drafts until somebody approves them. Raises
    NotFound, or Denied for who does not manage the collection.
    """
    collection = await get_collection(conn, collection_id)
    if not await manages(conn, collection.key):
        raise Denied
    if collection.needs_review == needs_review:
        return
    await conn.execute(
        "UPDATE collections SET needs_review = %(needs_review)s WHERE id = %(id)s",
        {"id": collection_id, "needs_review": needs_review},
    )
    await audit.record(
        conn,
        actor=actor,
        action="collection.review",
        resource=str(collection_id),
        details={"name": collection.name, "needs_review": needs_review},
    )


async def set_instructions(
    conn: Connection, actor: Actor | None, collection_id: CollectionId, instructions: str
) -> None:
    """How answers from the collection are to be written: form and terms, for the model.

    At most MAX_INSTRUCTIONS characters; empty takes them away. Raises NotFound, Invalid, or Denied
    for who does not manage the collection.
    """
    text = instructions.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > MAX_INSTRUCTIONS:
        raise Invalid(
            "The instructions are longer than %(maximum)s characters.", maximum=MAX_INSTRUCTIONS
        )
    collection = await get_collection(conn, collection_id)
    if not await manages(conn, collection.key):
        raise Denied
    if collection.instructions == text:
        return
    await conn.execute(
        "UPDATE collections SET instructions = %(text)s WHERE id = %(id)s",
        {"id": collection_id, "text": text},
    )
    await audit.record(
        conn,
        actor=actor,
        action="collection.instructions",
        resource=str(collection_id),
        details={"name": collection.name, "before": collection.instructions, "after": text},
    )


async def delete_collection(
    conn: Connection,
    actor: Actor | None,
    collection_id: CollectionId,
    *,
    with_documents: bool = False,
) -> list[str]:
    """Deletes a collection, its grants and all its documents for good.

    Raises Conflict when it holds documents (the trash does not count) and `with_documents` is
    not given, E-LEGAL-HOLD when one of them must not be deleted, E-NOT-MANAGED when the actor does
    not manage one of them, seen or not; NotFound; Denied. Returns the SHA-256 of the originals
    that nothing names any more: give them to `disposal.remove_originals` once the transaction has
    ended.
    """
    collection = await get_collection(conn, collection_id)
    if collection.documents and not with_documents:
        raise Conflict(
            'The collection "%(name)s" holds %(count)d documents: delete them first.',
            name=collection.name,
            count=collection.documents,
        )
    if not await manages(conn, collection.key):
        raise Denied
    managed = await _managed(conn, collection.key)
    async with system_rights(conn):
        if await _managed(conn, collection.key) > managed:
            raise Conflict(
                'The collection "%(name)s" holds documents that you do not manage: it cannot be '
                "deleted.",
                code="E-NOT-MANAGED",
                name=collection.name,
            )
        orphans = await _delete_documents(conn, collection.key)
        await conn.execute("DELETE FROM collections WHERE key = %(key)s", {"key": collection.key})
        await conn.execute(
            "DELETE FROM term_stats WHERE collection_key = %(key)s", {"key": collection.key}
        )
    await audit.record(
        conn,
        actor=actor,
        action="collection.deleted",
        resource=str(collection_id),
        details={"name": collection.name, "documents": collection.documents},
    )
    return orphans


async def _grant_manage(conn: Connection, user_id: UserId, collection_id: CollectionId) -> None:
    await conn.execute(
        """
        INSERT INTO grants (id, user_id, collection_key, level)
        SELECT %(id)s, %(user_id)s, c.key, 'manage'
        FROM collections c
        WHERE c.id = %(collection_id)s
        """,
        {"id": new_id(), "user_id": user_id, "collection_id": collection_id},
    )


async def _managed(conn: Connection, collection_key: int) -> int:
    """How many documents of the collection the actor manages, the trash included."""
    cursor = await conn.execute(
        """
        SELECT count(*) AS n FROM documents d
        WHERE d.collection_key = %(key)s AND """  # noqa: S608 - constants
        + MANAGED,
        {"key": collection_key},
    )
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def _delete_documents(conn: Connection, collection_key: int) -> list[str]:
    cursor = await conn.execute(
        """
        SELECT DISTINCT v.sha256 FROM document_versions v
        WHERE v.collection_key = %(key)s
        ORDER BY v.sha256
        """,
        {"key": collection_key},
    )
    contents = [str(row["sha256"]) for row in await cursor.fetchall()]
    for sha256 in contents:
        await lock_content(conn, sha256)
    await lock_collection(conn, collection_key)
    await _require_no_hold(conn, collection_key)
    await conn.execute(
        "DELETE FROM documents WHERE collection_key = %(key)s", {"key": collection_key}
    )
    cursor = await conn.execute(
        """
        SELECT c.sha256 FROM unnest(%(contents)s::text[]) AS c (sha256)
        WHERE NOT EXISTS (SELECT FROM document_versions v WHERE v.sha256 = c.sha256)
        """,
        {"contents": contents},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]


async def _require_no_hold(conn: Connection, collection_key: int) -> None:
    """Locks the documents, so that none is put under legal hold meanwhile."""
    await conn.execute(
        "SELECT id FROM documents WHERE collection_key = %(key)s ORDER BY key FOR UPDATE",
        {"key": collection_key},
    )
    cursor = await conn.execute(
        """
        SELECT count(*) AS n FROM documents
        WHERE collection_key = %(key)s AND legal_hold <> ''
        """,
        {"key": collection_key},
    )
    row = await cursor.fetchone()
    if row and row["n"]:
        raise Conflict(
            "The collection holds %(count)d documents under legal hold: it cannot be deleted.",
            code="E-LEGAL-HOLD",
            count=row["n"],
        )


def _collection(row: dict[str, Any]) -> Collection:
    return Collection(**{**row, "level": LEVELS.get(row["level"])})
