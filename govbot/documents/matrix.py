"""People and groups against collections, with the level of each: for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from govbot.db.access import Role
from govbot.db.pool import Connection
from govbot.documents.rights import system_rights
from govbot.documents.types import Level
from govbot.documents.verdict import Account, Holding, Rule, judge_grants
from govbot.ids import CollectionId

Kind = Literal["user", "group"]
ROWS: Final = 25
COLUMNS: Final = 5
_NOBODY: Final = Account(Role.USER, False, 0)  # a group has no role of its own


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection, which is a column."""

    id: CollectionId
    key: int
    name: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The level of somebody on a collection, and the rules that give or take it."""

    level: Level | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody, with the cells of the columns shown, by the collection's key."""

    id: UUID
    name: str
    username: str
    admin: bool
    cells: Mapping[int, Cell]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A part of the table; `more_*`: there is another page."""

    shelves: tuple[Shelf, ...]
    lines: tuple[Line, ...]
    more_shelves: bool
    more_lines: bool


async def matrix(
    conn: Connection,
    kind: Kind,
    *,
    who: str = "",
    collection: str = "",
    row_page: int = 1,
    column_page: int = 1,
) -> Matrix:
    """One page of the table of those whom grants on collections reach, and of administrators.

    `who` and `collection` are looked for in the names. Call it only for administrators.
    """
    shelves = await _shelves(conn, collection, column_page)
    shown = shelves[:COLUMNS]
    async with system_rights(conn):
        rows = await _lines(conn, kind, who, row_page)
        held = await _holdings(
            conn, kind, [row["id"] for row in rows[:ROWS]], [shelf.key for shelf in shown]
        )
    lines = tuple(_line(row, shown, held.get(row["id"], {})) for row in rows[:ROWS])
    return Matrix(tuple(shown), lines, len(shelves) > COLUMNS, len(rows) > ROWS)


async def _shelves(conn: Connection, text: str, page: int) -> list[Shelf]:
    cursor = await conn.execute(
        """
        SELECT c.id, c.key, c.name FROM collections c
        WHERE %(text)s = '' OR strpos(govbot_fold(c.name), govbot_fold(%(text)s)) > 0
        ORDER BY lower(c.name), c.key
        LIMIT %(limit)s OFFSET %(skip)s
        """,
        {"text": text.strip(), "limit": COLUMNS + 1, "skip": (page - 1) * COLUMNS},
    )
    return [Shelf(**row) for row in await cursor.fetchall()]


async def _lines(conn: Connection, kind: Kind, text: str, page: int) -> list[dict[str, Any]]:
    params = {"text": text.strip(), "limit": ROWS + 1, "skip": (page - 1) * ROWS}
    if kind == "group":
        cursor = await conn.execute(
            """
            SELECT g.id, g.name, '' AS username, 'user' AS role, false AS disabled
            FROM groups g
            WHERE (%(text)s = '' OR strpos(govbot_fold(g.name), govbot_fold(%(text)s)) > 0)
            ORDER BY lower(g.name), g.id
            LIMIT %(limit)s OFFSET %(skip)s
            """,
            params,
        )
    else:
        cursor = await conn.execute(
            """
            WITH reached AS (
                SELECT g.user_id AS id FROM grants g
                WHERE g.user_id IS NOT NULL AND g.collection_key IS NOT NULL
                UNION
                SELECT m.user_id FROM grants g JOIN memberships m ON m.group_id = g.group_id
                WHERE g.collection_key IS NOT NULL
            )
            SELECT u.id, u.name, u.username, u.role, u.disabled_at IS NOT NULL AS disabled
            FROM users u
            WHERE (u.id IN (SELECT r.id FROM reached r) OR u.role = 'admin')
              AND (%(text)s = '' OR strpos(govbot_fold(u.username || ' ' || u.name),
                                           govbot_fold(%(text)s)) > 0)
            ORDER BY lower(u.name), u.id
            LIMIT %(limit)s OFFSET %(skip)s
            """,
            params,
        )
    return await cursor.fetchall()


async def _holdings(
    conn: Connection, kind: Kind, ids: Sequence[UUID], keys: Sequence[int]
) -> dict[UUID, dict[int, list[Holding]]]:
    """What reaches each of them on each of the collections."""
    cursor = await conn.execute(
        """
        SELECT g.user_id AS id, g.collection_key AS key, g.level, g.effect, '' AS via
        FROM grants g
        WHERE %(kind)s = 'user' AND g.user_id = ANY(%(ids)s::uuid[])
          AND g.collection_key = ANY(%(keys)s::integer[])
        UNION ALL
        SELECT m.user_id, g.collection_key, g.level, g.effect, p.name
        FROM grants g
        JOIN groups p ON p.id = g.group_id
        JOIN memberships m ON m.group_id = g.group_id
        WHERE %(kind)s = 'user' AND m.user_id = ANY(%(ids)s::uuid[])
          AND g.collection_key = ANY(%(keys)s::integer[])
        UNION ALL
        SELECT g.group_id, g.collection_key, g.level, g.effect, ''
        FROM grants g
        WHERE %(kind)s = 'group' AND g.group_id = ANY(%(ids)s::uuid[])
          AND g.collection_key = ANY(%(keys)s::integer[])
        """,
        {"kind": kind, "ids": list(ids), "keys": list(keys)},
    )
    found: dict[UUID, dict[int, list[Holding]]] = {}
    for row in await cursor.fetchall():
        holding = Holding("collection", row["effect"], Level(row["level"]), row["via"])
        found.setdefault(row["id"], {}).setdefault(row["key"], []).append(holding)
    return found


def _line(
    row: Mapping[str, Any], shelves: Sequence[Shelf], held: Mapping[int, Sequence[Holding]]
) -> Line:
    account = Account(Role(row["role"]), row["disabled"], 0) if row["username"] else _NOBODY
    cells = {shelf.key: Cell(*judge_grants(account, held.get(shelf.key, ()))) for shelf in shelves}
    admin = account.role is Role.ADMIN
    return Line(row["id"], row["name"], row["username"], admin, cells)
