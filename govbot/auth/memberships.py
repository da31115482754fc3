"""Memberships that another system decides; those given in GovBot stay untouched."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.auth import groups
from govbot.errors import Conflict
from govbot.ids import UserId

Connection = AsyncConnection[DictRow]


async def replace_outside(
    conn: Connection, user_id: UserId, names: Sequence[str], source: str
) -> None:
    """Makes the account a member of exactly these groups, as far as `source` decides.

    Groups that are missing are created. A membership that was given in GovBot stays, whatever the
    source says. Each change is audited.
    """
    await _create_missing(conn, names)
    cursor = await conn.execute(
        """
        DELETE FROM memberships m USING groups g
        WHERE m.user_id = %(user)s AND m.source = %(source)s AND g.id = m.group_id
          AND NOT g.name = ANY(%(names)s)
        RETURNING m.group_id
        """,
        {"user": user_id, "source": source, "names": list(names)},
    )
    gone = await cursor.fetchall()
    cursor = await conn.execute(
        """
        INSERT INTO memberships (group_id, user_id, source)
        SELECT g.id, %(user)s, %(source)s FROM groups g WHERE g.name = ANY(%(names)s)
        ON CONFLICT DO NOTHING
        RETURNING group_id
        """,
        {"user": user_id, "source": source, "names": list(names)},
    )
    new = await cursor.fetchall()
    for row, change in [*((r, "removed") for r in gone), *((r, "added") for r in new)]:
        await audit.record(
            conn,
            actor=None,
            action="group.members-changed",
            resource=f"group:{row['group_id']}",
            details={"user": str(user_id), "change": change, "source": source},
        )


async def _create_missing(conn: Connection, names: Sequence[str]) -> None:
    cursor = await conn.execute(
        "SELECT name FROM groups WHERE name = ANY(%(names)s)", {"names": list(names)}
    )
    known = {row["name"] for row in await cursor.fetchall()}
    for name in names:
        if name not in known:
            try:
                await groups.create_group(conn, name)
            except Conflict:
                continue  # another sign-in has just created it
