"""How secret a document is, against the clearance of people (Lei 12.527/2011)."""

from __future__ import annotations

from psycopg.errors import InsufficientPrivilege, UniqueViolation

from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.description import record_document
from govbot.documents.locks import lock_collection
from govbot.documents.rights import require_manager
from govbot.documents.store import get_document
from govbot.documents.types import Secrecy
from govbot.errors import Conflict, Denied
from govbot.ids import DocumentId


async def set_secrecy(
    conn: Connection, actor: Actor | None, document_id: DocumentId, secrecy: Secrecy
) -> None:
    """Hides the document from everybody whose clearance is lower, administrators too, at once.

    Answers made from it are hidden with it. Raises NotFound, Denied for who does not manage the
    document, Denied E-CLEARANCE above the actor's own clearance, Conflict when another document
    of that secrecy has its name.
    """
    document = await get_document(conn, document_id)
    await require_manager(conn, document)
    if document.secrecy == secrecy:
        return
    if secrecy > await clearance_of_actor(conn):
        raise Denied(
            "Nobody makes a document more secret than they may read themselves.",
            code="E-CLEARANCE",
        )
    # Before the row, as the worker does: the statistics of the collection change with it.
    await lock_collection(conn, document.collection_key)
    try:
        await conn.execute(
            "UPDATE documents SET secrecy = %(secrecy)s WHERE id = %(id)s",
            {"id": document_id, "secrecy": int(secrecy)},
        )
    except UniqueViolation as error:
        raise Conflict("A document with this name already exists in the collection.") from error
    except InsufficientPrivilege as error:
        raise Denied from error
    details = {
        "title": document.title,
        "version": document.version.number,
        "before": int(document.secrecy),
        "after": int(secrecy),
    }
    await record_document(conn, actor, "document.secrecy", document, details)


async def clearance_of_actor(conn: Connection) -> Secrecy:
    """The clearance of whoever acts in the transaction; the service and the operator have all."""
    cursor = await conn.execute("SELECT coalesce(govbot_clearance(), 0) AS clearance")
    row = await cursor.fetchone()
    return Secrecy(row["clearance"] if row else 0)
