"""Documents of watched folders: who holds a content, which are free to move, where they move to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govbot.db.pool import Connection
from govbot.ids import CollectionId, DocumentId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies: its watched folder, its path there, its name; `tags` replace others."""

    folder: str
    path: str
    filename: str
    tags: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A document with its newest content, the trash included."""

    id: DocumentId
    folder: str | None
    collection_key: int
    path: str
    sha256: str
    trashed: bool


_HELD = """
    SELECT d.id, d.folder, d.collection_key, d.path, v.sha256,
           d.trashed_at IS NOT NULL AS trashed
    FROM documents d
    JOIN LATERAL (SELECT n.sha256 FROM document_versions n
                  WHERE n.document_id = d.id ORDER BY n.number DESC LIMIT 1) v ON true
"""


async def get_held(conn: Connection, document_id: DocumentId) -> Held | None:
    """The document, the trash included."""
    cursor = await conn.execute(_HELD + " WHERE d.id = %(id)s", {"id": document_id})
    row = await cursor.fetchone()
    return Held(**row) if row else None


async def is_held(conn: Connection, document_id: DocumentId, besides: Place) -> bool:
    """Whether a file other than `besides` holds the document: it must stay there then."""
    cursor = await conn.execute(
        """
        SELECT 1 AS held FROM folder_files
        WHERE document_id = %(id)s AND state = 'taken'
          AND (folder, place) <> (%(folder)s, %(place)s)
        LIMIT 1
        """,
        {"id": document_id, "folder": besides.folder, "place": besides.path},
    )
    return await cursor.fetchone() is not None


async def is_claimed(conn: Connection, document_id: DocumentId, besides: Place) -> bool:
    """Whether another file still has to do with the document, as its own and not as a copy."""
    cursor = await conn.execute(
        """
        SELECT 1 AS claimed FROM folder_files
        WHERE document_id = %(id)s AND state IN ('taken', 'pending', 'refused')
          AND (folder, place) <> (%(folder)s, %(place)s)
        LIMIT 1
        """,
        {"id": document_id, "folder": besides.folder, "place": besides.path},
    )
    return await cursor.fetchone() is not None


async def in_trash(conn: Connection, collection_key: int, sha256: str) -> Held | None:
    """A document of a folder with this content that went to the trash last."""
    cursor = await conn.execute(
        _HELD
        + """
        WHERE d.collection_key = %(key)s AND d.folder IS NOT NULL AND d.trashed_at IS NOT NULL
          AND v.sha256 = %(sha256)s
          AND EXISTS (SELECT FROM document_versions s
                      WHERE s.collection_key = %(key)s AND s.sha256 = %(sha256)s
                        AND s.document_id = d.id)
        ORDER BY d.trashed_at DESC
        LIMIT 1
        """,
        {"key": collection_key, "sha256": sha256},
    )
    row = await cursor.fetchone()
    return Held(**row) if row else None


async def copy_of(conn: Connection, held: Held) -> tuple[str, str] | None:
    """Folder and place of a file with the document's very content, its own folder's first."""
    cursor = await conn.execute(
        """
        SELECT f.folder, f.place FROM folder_files f
        WHERE f.document_id = %(id)s AND f.state = 'copy' AND f.sha256 = %(sha256)s
        ORDER BY f.folder <> %(folder)s, f.place
        LIMIT 1
        """,
        {"id": held.id, "sha256": held.sha256, "folder": held.folder},
    )
    row = await cursor.fetchone()
    return (row["folder"], row["place"]) if row else None


async def move(conn: Connection, held: Held, place: Place) -> None:
    """The document lies at `place` from now on, and no file but the one there claims it.

    Whoever had that place gets its own id as path until its file is found, in the same look or a
    later one. The row of the file at `place` is the caller's to store.
    """
    parameters = {
        "id": held.id,
        "key": held.collection_key,
        "folder": place.folder,
        "path": place.path,
        "filename": place.filename,
        "tags": None if place.tags is None else list(place.tags),
    }
    await conn.execute(
        """
        UPDATE documents SET path = id::text
        WHERE collection_key = %(key)s AND coalesce(folder, '') = %(folder)s
          AND path = %(path)s AND trashed_at IS NULL AND id <> %(id)s
        """,
        parameters,
    )
    await conn.execute(
        """
        UPDATE documents
        SET folder = %(folder)s, path = %(path)s, filename = %(filename)s,
            tags = CASE WHEN 'tags' = ANY(edited) THEN tags
                        ELSE coalesce(%(tags)s::text[], tags) END
        WHERE id = %(id)s
        """,
        parameters,
    )
    await conn.execute(
        "DELETE FROM folder_files WHERE document_id = %(id)s AND state = 'missing'"
        " AND (folder, place) <> (%(folder)s, %(path)s)",
        parameters,
    )
    await conn.execute(
        """
        UPDATE folder_files SET document_id = NULL
        WHERE document_id = %(id)s AND state IN ('pending', 'refused')
          AND (folder, place) <> (%(folder)s, %(path)s)
        """,
        parameters,
    )


async def orphans(conn: Connection, folder: str, *, kept: bool) -> list[Held]:
    """Documents of the folder that no file claims; with `kept` only those that a file copies."""
    cursor = await conn.execute(
        _HELD  # noqa: S608 - both parts are constants
        + """
        WHERE d.folder = %(folder)s AND d.trashed_at IS NULL
          AND EXISTS (SELECT FROM watched_collections c
                      WHERE c.folder = %(folder)s AND c.collection_key = d.collection_key)
          AND NOT EXISTS (SELECT FROM folder_files f
                          WHERE f.document_id = d.id AND f.state <> 'copy')
          AND (NOT %(kept)s OR EXISTS (SELECT FROM folder_files f WHERE f.document_id = d.id))
        ORDER BY d.id
        """,
        {"folder": folder, "kept": kept},
    )
    return [Held(**row) for row in await cursor.fetchall()]


async def reopen_copies(conn: Connection, folder: str) -> int:
    """Makes pending again what copies a content that is no longer there; how many.

    That is so when somebody changed or deleted a document that people brought in. What a person
    deleted while a file of a folder holds it stays out, copies included.
    """
    cursor = await conn.execute(
        """
        UPDATE folder_files f SET state = 'pending', document_id = NULL
        WHERE f.folder = %(folder)s AND f.state = 'copy'
          AND NOT EXISTS (
              SELECT FROM documents d
              JOIN LATERAL (SELECT n.sha256 FROM document_versions n
                            WHERE n.document_id = d.id ORDER BY n.number DESC LIMIT 1) v ON true
              WHERE d.id = f.document_id AND v.sha256 = f.sha256
                AND (d.trashed_at IS NULL OR d.folder IS NOT NULL))
          AND NOT (f.document_id IS NULL AND EXISTS (
              SELECT FROM folder_files t
              WHERE t.state = 'taken' AND t.document_id IS NULL AND t.sha256 = f.sha256))
        """,
        {"folder": folder},
    )
    return cursor.rowcount


async def collection_of(
    conn: Connection, folder: str, subfolder: str, name: str
) -> CollectionId | None:
    """The collection that this sub-folder ('' for the folder) was given, if its name is `name`."""
    cursor = await conn.execute(
        """
        SELECT c.id FROM watched_collections w
        JOIN collections c ON c.key = w.collection_key
        WHERE w.folder = %(folder)s AND w.subfolder = %(subfolder)s AND w.name = %(name)s
        """,
        {"folder": folder, "subfolder": subfolder, "name": name},
    )
    row = await cursor.fetchone()
    return CollectionId(row["id"]) if row else None


async def set_collection(
    conn: Connection, folder: str, subfolder: str, name: str, collection_id: CollectionId
) -> None:
    """Gives a sub-folder its collection, which it keeps when somebody renames that."""
    await conn.execute(
        """
        INSERT INTO watched_collections (folder, subfolder, name, collection_key)
        SELECT %(folder)s, %(subfolder)s, %(name)s, c.key FROM collections c WHERE c.id = %(id)s
        ON CONFLICT (folder, subfolder) DO UPDATE
        SET name = excluded.name, collection_key = excluded.collection_key
        """,
        {"folder": folder, "subfolder": subfolder, "name": name, "id": collection_id},
    )


async def copy_access(conn: Connection, source: CollectionId, target: CollectionId) -> None:
    """A new collection begins with the grants of another, and with its need of review."""
    await conn.execute(
        """
        INSERT INTO grants (id, user_id, group_id, collection_key, level, effect)
        SELECT gen_random_uuid(), g.user_id, g.group_id, t.key, g.level, g.effect
        FROM grants g
        JOIN collections s ON s.key = g.collection_key AND s.id = %(source)s
        CROSS JOIN collections t
        WHERE t.id = %(target)s
        """,
        {"source": source, "target": target},
    )
    await conn.execute(
        """
        UPDATE collections t SET needs_review = s.needs_review
        FROM collections s
        WHERE t.id = %(target)s AND s.id = %(source)s
        """,
        {"source": source, "target": target},
    )
