"""Where the rights of an actor end: the few writes that an act needs but its actor may not make."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import LiteralString

from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents.types import LEVELS, Document, Level, Version
from govbot.errors import Denied
from govbot.ids import DocumentId, UserId

# For statements that read documents as `d`: those that the actor has the level on, 2 or 3. The
# policies have left out what the actor does not see. Nobody has it on files of conversations.
WRITABLE: LiteralString = """(d.collection_key <> 0 AND ((SELECT govbot_is_system())
    OR (d.collection_key IN (SELECT govbot_writable_collections())
        AND d.key NOT IN (SELECT govbot_documents_below(2)))
    OR d.key IN (SELECT govbot_documents_from(2))))"""
MANAGED: LiteralString = """(d.collection_key <> 0 AND ((SELECT govbot_is_system())
    OR (d.collection_key IN (SELECT govbot_managed_collections())
        AND d.key NOT IN (SELECT govbot_documents_below(3)))
    OR d.key IN (SELECT govbot_documents_from(3))))"""


@asynccontextmanager
async def acting(
    pool: Pool, actor: Actor | None, *, write: bool = False
) -> AsyncIterator[Connection]:
    """A transaction of the actor, or of the system when there is none."""
    if actor is None:
        async with as_system(pool) as conn:
            yield conn
    else:
        async with as_actor(pool, actor, write=write) as conn:
            yield conn


@asynccontextmanager
async def system_rights(conn: Connection) -> AsyncIterator[None]:
    """The block runs as the system inside the caller's transaction.

    Call it only after a statement that row-level security let through for the actor. When the
    block raises, the transaction is lost and the actor is not set back.
    """
    cursor = await conn.execute("SELECT current_setting('govbot.actor', true) AS actor")
    row = await cursor.fetchone()
    await conn.execute("SELECT set_config('govbot.actor', 'system', true)")
    yield
    await conn.execute(
        "SELECT set_config('govbot.actor', %(actor)s, true)",
        {"actor": (row["actor"] if row else None) or ""},
    )


def account_of(actor: Actor | None) -> UserId | None:
    """The account behind an act; the system and the operator have none."""
    return None if actor is None or actor is OPERATOR else actor.id


async def manages(conn: Connection, collection_key: int) -> bool:
    """Whether the actor of the transaction manages the collection; the system manages all."""
    cursor = await conn.execute(
        """
        SELECT govbot_is_system()
               OR %(key)s IN (SELECT govbot_managed_collections()) AS manages
        """,
        {"key": collection_key},
    )
    row = await cursor.fetchone()
    return bool(row and row["manages"])


async def document_level(conn: Connection, document: Document | Version) -> Level | None:
    """What the actor of the transaction may do with a document; the system manages all.

    None for what they may not see.
    """
    key = document.document_key if isinstance(document, Version) else document.key
    cursor = await conn.execute(
        "SELECT govbot_document_level(%(key)s, %(collection_key)s) AS level",
        {"key": key, "collection_key": document.collection_key},
    )
    row = await cursor.fetchone()
    return LEVELS.get(row["level"]) if row else None


async def document_levels(
    conn: Connection, document_ids: Sequence[DocumentId]
) -> dict[DocumentId, Level]:
    """What the actor of the transaction may do with each of these documents that they may see."""
    cursor = await conn.execute(
        f"""
        SELECT d.id, CASE WHEN {MANAGED} THEN 3 WHEN {WRITABLE} THEN 2 ELSE 1 END AS level
        FROM documents d
        WHERE d.id = ANY (%(ids)s::uuid[])
        """,  # noqa: S608 - constants
        {"ids": list(document_ids)},
    )
    return {DocumentId(row["id"]): LEVELS[row["level"]] for row in await cursor.fetchall()}


async def require_manager(conn: Connection, document: Document | Version) -> None:
    """Raises Denied for who does not manage the document."""
    if await document_level(conn, document) is not Level.MANAGE:
        raise Denied("This is for those who manage the document.")
