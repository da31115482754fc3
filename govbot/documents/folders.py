"""Watched folders: what lay in each at the last look, whose document holds it, how each one does.

A file's row is `taken` (its document holds its content), `copy` (another document does), `refused`,
`pending` (its content is known, what becomes of it is not) or `missing` (no longer seen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from govbot.db.pool import Connection
from govbot.ids import DocumentId

FileState = Literal["taken", "copy", "refused", "pending", "missing"]


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a folder as it was last seen; `document_id` is the one that holds its content, or
    for what is not taken now the one that lies at its place."""

    place: str
    size_bytes: int
    mtime_ns: int
    inode: int
    sha256: str
    document_id: DocumentId | None
    state: FileState
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that a look found otherwise than its row says; `number` counts from 0.

    Without `state` there is no row; with `same` only the row's state asks for a look.
    `document_id` is the document that lies at this very place.
    """

    number: int
    state: FileState | None
    same: bool
    sha256: str
    document_id: DocumentId | None


@dataclass(frozen=True, slots=True)
class Folder:
    """How a watched folder does. `taken`, `copies` and `refused` count its files by state,
    `removed` those whose document a person deleted."""

    path: str
    collection: str
    looked_at: datetime | None
    look_asked: bool
    files: int
    waiting: int
    taken: int
    copies: int
    refused: int
    removed: int
    error_code: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Configured:
    """A folder of the settings: its path, its collection's name, what its sub-folders mean."""

    path: str
    collection: str
    subfolders: str


async def configure(conn: Connection, wanted: Sequence[Configured]) -> None:
    """Makes the folders of the settings the watched ones.

    One that is gone from them, or that goes to another collection now, leaves its documents where
    they are; refused files are tried again, as limits and formats may be others now.
    """
    paths = [folder.path for folder in wanted]
    await conn.execute(
        "UPDATE watched_folders SET watched = false, look_asked = false, error_code = NULL,"
        " error = NULL WHERE path <> ALL(%(paths)s::text[])",
        {"paths": paths},
    )
    for folder in wanted:
        cursor = await conn.execute(
            """
            INSERT INTO watched_folders AS w (path, collection, subfolders)
            VALUES (%(path)s, %(collection)s, %(subfolders)s)
            ON CONFLICT (path) DO UPDATE
            SET watched = true, collection = excluded.collection, subfolders = excluded.subfolders
            RETURNING (SELECT (o.collection, o.subfolders) <> (w.collection, w.subfolders)
                       FROM watched_folders o WHERE o.path = w.path) AS moved
            """,
            asdict(folder),
        )
        row = await cursor.fetchone()
        if row and row["moved"]:
            await _forget_files(conn, folder.path)
    for path in await _unwatched_with_files(conn):
        await _forget_files(conn, path)
    await conn.execute("UPDATE folder_files SET size_bytes = -1 WHERE state = 'refused'")


async def _unwatched_with_files(conn: Connection) -> list[str]:
    cursor = await conn.execute(
        """
        SELECT w.path FROM watched_folders w
        WHERE NOT w.watched AND EXISTS (SELECT FROM folder_files f WHERE f.folder = w.path)
        """
    )
    return [str(row["path"]) for row in await cursor.fetchall()]


async def _forget_files(conn: Connection, folder: str) -> None:
    await conn.execute("DELETE FROM folder_files WHERE folder = %(folder)s", {"folder": folder})
    await conn.execute(
        "DELETE FROM watched_collections WHERE folder = %(folder)s", {"folder": folder}
    )


async def list_folders(conn: Connection) -> list[Folder]:
    """The watched folders by path; empty for those who are not administrators."""
    cursor = await conn.execute(
        """
        SELECT w.path, w.collection, w.looked_at, w.look_asked, w.files, w.waiting,
               w.error_code, w.error,
               coalesce(n.taken, 0) AS taken, coalesce(n.copies, 0) AS copies,
               coalesce(n.refused, 0) AS refused, coalesce(n.removed, 0) AS removed
        FROM watched_folders w
        LEFT JOIN LATERAL (
            SELECT count(*) FILTER (WHERE f.state = 'taken') AS taken,
                   count(*) FILTER (WHERE f.state = 'copy') AS copies,
                   count(*) FILTER (WHERE f.error_code IS NOT NULL) AS refused,
                   count(*) FILTER (WHERE f.state = 'taken'
                       AND (f.document_id IS NULL OR d.trashed_at IS NOT NULL)) AS removed
            FROM folder_files f
            LEFT JOIN documents d ON d.id = f.document_id
            WHERE f.folder = w.path
        ) n ON true
        WHERE w.watched
        ORDER BY w.path
        """
    )
    return [Folder(**row) for row in await cursor.fetchall()]


async def list_refused(
    conn: Connection, folder: str, *, limit: int = 50, after: str = ""
) -> list[FolderFile]:
    """The files that could not be taken, by place, each with its reason."""
    cursor = await conn.execute(
        """
        SELECT f.place, f.size_bytes, f.mtime_ns, f.inode, f.sha256, f.document_id, f.state,
               f.error_code, f.error
        FROM folder_files f
        WHERE f.folder = %(folder)s AND f.state <> 'taken' AND f.error_code IS NOT NULL
          AND f.place > %(after)s
        ORDER BY f.place
        LIMIT %(limit)s
        """,
        {"folder": folder, "after": after, "limit": limit},
    )
    return [FolderFile(**row) for row in await cursor.fetchall()]


async def ask_look(conn: Connection, path: str) -> bool:
    """Asks the service to look at a folder now; False when it is not watched."""
    cursor = await conn.execute(
        "UPDATE watched_folders SET look_asked = true WHERE path = %(path)s AND watched"
        " RETURNING path",
        {"path": path},
    )
    return await cursor.fetchone() is not None


async def looks_asked(conn: Connection) -> list[str]:
    """The folders that somebody asked to be looked at."""
    cursor = await conn.execute("SELECT path FROM watched_folders WHERE look_asked AND watched")
    return [str(row["path"]) for row in await cursor.fetchall()]


async def record_look(
    conn: Connection,
    path: str,
    *,
    files: int,
    waiting: int,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """What a look found; with an error the counts of the last one that worked stay."""
    await conn.execute(
        """
        UPDATE watched_folders
        SET looked_at = now(), look_asked = false, error_code = %(error_code)s, error = %(error)s,
            files = CASE WHEN %(error_code)s::text IS NULL THEN %(files)s ELSE files END,
            waiting = CASE WHEN %(error_code)s::text IS NULL THEN %(waiting)s ELSE waiting END
        WHERE path = %(path)s
        """,
        {
            "path": path,
            "files": files,
            "waiting": waiting,
            "error_code": error_code,
            "error": error,
        },
    )


async def differences(
    conn: Connection,
    folder: str,
    places: Sequence[str],
    marks: Sequence[tuple[int, int, int]],
    *,
    retried: Sequence[str] = (),
) -> list[Difference]:
    """Which of these files are not as their rows say; those refused with a code of `retried` too.

    `marks` are size in bytes, time of change in nanoseconds and inode of each place.
    """
    cursor = await conn.execute(
        """
        SELECT f.number::integer - 1 AS number, r.state, coalesce(r.sha256, '') AS sha256,
               d.id AS document_id,
               coalesce((r.size_bytes, r.mtime_ns, r.inode) = (f.size_bytes, f.mtime_ns, f.inode),
                        false) AS same
        FROM unnest(%(places)s::text[], %(sizes)s::bigint[], %(times)s::bigint[],
                    %(inodes)s::bigint[])
             WITH ORDINALITY AS f (place, size_bytes, mtime_ns, inode, number)
        LEFT JOIN folder_files r ON r.folder = %(folder)s AND r.place = f.place
        LEFT JOIN documents d
               ON d.id = r.document_id AND d.folder = r.folder AND d.path = r.place
        WHERE r.place IS NULL
           OR (r.size_bytes, r.mtime_ns, r.inode) <> (f.size_bytes, f.mtime_ns, f.inode)
           OR r.state IN ('pending', 'missing')
           OR (r.state = 'refused' AND r.error_code = ANY(%(retried)s::text[]))
        ORDER BY f.number
        """,
        {
            "folder": folder,
            "places": list(places),
            "sizes": [mark[0] for mark in marks],
            "times": [mark[1] for mark in marks],
            "inodes": [mark[2] for mark in marks],
            "retried": list(retried),
        },
    )
    return [Difference(**row) for row in await cursor.fetchall()]


async def count_rows(conn: Connection, folder: str) -> int:
    """How many files of the folder have a row."""
    cursor = await conn.execute(
        "SELECT count(*) AS n FROM folder_files WHERE folder = %(folder)s", {"folder": folder}
    )
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def list_places(
    conn: Connection, folder: str, *, after: str, limit: int
) -> list[tuple[str, FileState]]:
    """Places and states in order, to be read page by page."""
    cursor = await conn.execute(
        """
        SELECT place, state FROM folder_files
        WHERE folder = %(folder)s AND place > %(after)s
        ORDER BY place
        LIMIT %(limit)s
        """,
        {"folder": folder, "after": after, "limit": limit},
    )
    return [(row["place"], row["state"]) for row in await cursor.fetchall()]


async def set_missing(conn: Connection, folder: str, places: Sequence[str]) -> None:
    """These files were not seen: their documents are free to go with their content elsewhere. What
    was a copy has no document of its own to lose, and keeps none from leaving."""
    await conn.execute(
        """
        UPDATE folder_files
        SET state = 'missing', error_code = NULL, error = NULL,
            document_id = CASE WHEN state <> 'copy' THEN document_id END
        WHERE folder = %(folder)s AND place = ANY(%(places)s::text[])
        """,
        {"folder": folder, "places": list(places)},
    )


async def put_files(conn: Connection, folder: str, files: Sequence[FolderFile]) -> None:
    """Stores rows; what was known of these places before is replaced."""
    if not files:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO folder_files
                (folder, place, size_bytes, mtime_ns, inode, sha256, document_id, state,
                 error_code, error)
            VALUES (%(folder)s, %(place)s, %(size_bytes)s, %(mtime_ns)s, %(inode)s, %(sha256)s,
                    %(document_id)s, %(state)s, %(error_code)s, %(error)s)
            ON CONFLICT (folder, place) DO UPDATE
            SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
                inode = excluded.inode, sha256 = excluded.sha256,
                document_id = excluded.document_id, state = excluded.state,
                error_code = excluded.error_code, error = excluded.error, seen_at = now()
            """,
            [{"folder": folder, **asdict(file)} for file in files],
        )


async def touch_file(conn: Connection, folder: str, place: str, mark: tuple[int, int, int]) -> None:
    """The same content with another size, time of change or inode."""
    await conn.execute(
        """
        UPDATE folder_files
        SET size_bytes = %(size)s, mtime_ns = %(mtime)s, inode = %(inode)s, seen_at = now()
        WHERE folder = %(folder)s AND place = %(place)s
        """,
        {
            "folder": folder,
            "place": place,
            "size": mark[0],
            "mtime": mark[1],
            "inode": mark[2],
        },
    )


async def get_file(conn: Connection, folder: str, place: str) -> FolderFile | None:
    """The row of a file, if there is one."""
    cursor = await conn.execute(
        """
        SELECT place, size_bytes, mtime_ns, inode, sha256, document_id, state, error_code, error
        FROM folder_files
        WHERE folder = %(folder)s AND place = %(place)s
        """,
        {"folder": folder, "place": place},
    )
    row = await cursor.fetchone()
    return FolderFile(**row) if row else None


async def forget_file(conn: Connection, folder: str, place: str) -> None:
    """Removes the row of a file."""
    await conn.execute(
        "DELETE FROM folder_files WHERE folder = %(folder)s AND place = %(place)s",
        {"folder": folder, "place": place},
    )
