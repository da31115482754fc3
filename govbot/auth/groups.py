"""Groups of accounts; grants on collections name them."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor
from govbot.errors import Conflict, Invalid, NotFound
from govbot.ids import GroupId, UserId, new_id

Connection = AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class Group:
    """A group with the user names of its members."""

    id: GroupId
    name: str
    members: tuple[str, ...]


async def create_group(conn: Connection, name: str, *, by: Actor | None = None) -> GroupId:
    """Create a group; Conflict when the name is taken."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid("A group name has 1 to 200 characters.")
    group_id = GroupId(new_id())
    cursor = await conn.execute(
        "INSERT INTO groups (id, name) VALUES (%(id)s, %(name)s)"
        " ON CONFLICT (name) DO NOTHING RETURNING id",
        {"id": group_id, "name": name},
    )
    if await cursor.fetchone() is None:
        raise Conflict("There is already a group named %(name)s.", name=name)
    await audit.record(
        conn,
        actor=by,
        action="group.created",
        resource=f"group:{group_id}",
        details={"name": name},
    )
    return group_id


async def delete_group(conn: Connection, group_id: GroupId, *, by: Actor | None = None) -> None:
    """Delete a group, its memberships and its grants."""
    cursor = await conn.execute(
        "DELETE FROM groups WHERE id = %(id)s RETURNING name", {"id": group_id}
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    await audit.record(
        conn,
        actor=by,
        action="group.deleted",
        resource=f"group:{group_id}",
        details={"name": row["name"]},
    )


async def add_member(
    conn: Connection, group_id: GroupId, user_id: UserId, *, by: Actor | None = None
) -> None:
    """Put an account into a group; nothing happens when it is in it."""
    await conn.execute(
        "INSERT INTO memberships (group_id, user_id) VALUES (%(group)s, %(user)s)"
        " ON CONFLICT DO NOTHING",
        {"group": group_id, "user": user_id},
    )
    await _record_change(conn, group_id, user_id, "added", by)


async def remove_member(
    conn: Connection, group_id: GroupId, user_id: UserId, *, by: Actor | None = None
) -> None:
    """Take an account out of a group; NotFound when it is not in it."""
    cursor = await conn.execute(
        "DELETE FROM memberships WHERE group_id = %(group)s AND user_id = %(user)s"
        " RETURNING user_id",
        {"group": group_id, "user": user_id},
    )
    if await cursor.fetchone() is None:
        raise NotFound
    await _record_change(conn, group_id, user_id, "removed", by)


async def get(conn: Connection, group_id: GroupId) -> Group:
    """The group with this id; NotFound otherwise."""
    for group in await list_groups(conn, group_id=group_id):
        return group
    raise NotFound


async def by_name(conn: Connection, name: str) -> Group:
    """The group with this name; NotFound otherwise."""
    for group in await list_groups(conn, name=name.strip()):
        return group
    raise NotFound("There is no group named %(name)s.", name=name)


async def list_groups(
    conn: Connection, *, name: str | None = None, group_id: GroupId | None = None
) -> list[Group]:
    """All groups by name, or the one with `name` or `group_id`."""
    cursor = await conn.execute(
        """
        SELECT g.id, g.name,
               ARRAY(SELECT u.username FROM memberships m JOIN users u ON u.id = m.user_id
                     WHERE m.group_id = g.id ORDER BY u.username) AS members
        FROM groups g
        WHERE (%(name)s::text IS NULL OR g.name = %(name)s::text)
          AND (%(id)s::uuid IS NULL OR g.id = %(id)s::uuid)
        ORDER BY lower(g.name)
        """,
        {"name": name, "id": group_id},
    )
    return [Group(**{**row, "members": tuple(row["members"])}) for row in await cursor.fetchall()]


async def _record_change(
    conn: Connection, group_id: GroupId, user_id: UserId, change: str, by: Actor | None
) -> None:
    await audit.record(
        conn,
        actor=by,
        action="group.members-changed",
        resource=f"group:{group_id}",
        details={"user": str(user_id), "change": change},
    )
