"""Advisory locks of documents, held until the end of the transaction.

Order, so that no two transactions wait for each other: content, path, model, collection; the
audit log's own lock comes last.
"""

from __future__ import annotations

from govbot.db.pool import Connection

_CONTENT, _PATH, _MODEL, _COLLECTION = 7161, 7162, 7163, 7164


async def lock_content(conn: Connection, sha256: str) -> None:
    """One at a time may add or remove the original with this content."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(%(kind)s, hashtext(%(sha256)s))",
        {"kind": _CONTENT, "sha256": sha256},
    )


async def lock_path(conn: Connection, collection_key: int, path: str) -> None:
    """One at a time may add a version at this path."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(%(kind)s, hashtext(%(name)s))",
        {"kind": _PATH, "name": f"{collection_key}:{path}"},
    )


async def share_active_model(conn: Connection) -> None:
    """The active embedding model stays the same; several may hold this together."""
    await conn.execute("SELECT pg_advisory_xact_lock_shared(%(kind)s, 0)", {"kind": _MODEL})


async def lock_active_model(conn: Connection) -> None:
    """Nobody else stores vectors: the active embedding model may be changed."""
    await conn.execute("SELECT pg_advisory_xact_lock(%(kind)s, 0)", {"kind": _MODEL})


async def lock_collection(conn: Connection, collection_key: int) -> None:
    """One at a time may change the chunks and statistics of a collection.

    The counts of common stems are rows that every document of the collection changes: without
    this, two workers could take them in different orders and wait for each other.
    """
    await conn.execute(
        "SELECT pg_advisory_xact_lock(%(kind)s, %(key)s)",
        {"kind": _COLLECTION, "key": collection_key},
    )
