"""Local accounts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow

from govbot import audit
from govbot.auth import passwords
from govbot.db.access import Actor, Role
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import UserId, new_id

Connection = AsyncConnection[DictRow]

MAX_CLEARANCE = 4
USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


@dataclass(frozen=True, slots=True)
class User:
    """An account as lists and forms show it."""

    id: UserId
    username: str
    name: str
    role: Role
    language: str
    must_change_password: bool
    source: str
    email: str
    clearance: int
    created_at: datetime
    disabled_at: datetime | None
    groups: tuple[str, ...]


async def create_user(
    conn: Connection,
    *,
    username: str,
    name: str,
    password: str,
    role: Role,
    must_change_password: bool = False,
    by: Actor | None = None,
    encoded: str = "",
) -> UserId:
    """Create an account; the caller has checked the password's strength.

    `encoded`: the password's hash, where it was made before. Raises Invalid for a bad user name,
    Conflict when it is taken.
    """
    username = username.strip().casefold()
    if not USERNAME.fullmatch(username):
        raise Invalid(
            "A user name has 2 to 64 characters: a-z, 0-9, dot, hyphen, underscore or @.",
            code="E-USERNAME",
        )
    user_id = UserId(new_id())
    encoded = encoded or await asyncio.to_thread(passwords.hash_password, password)
    cursor = await conn.execute(
        """
        INSERT INTO users (id, username, name, role, password_hash, must_change_password)
        VALUES (%(id)s, %(username)s, %(name)s, %(role)s, %(hash)s, %(must_change)s)
        ON CONFLICT (username) DO NOTHING
        RETURNING id
        """,
        {
            "id": user_id,
            "username": username,
            "name": name.strip()[:200] or username,
            "role": role.value,
            "hash": encoded,
            "must_change": must_change_password,
        },
    )
    if await cursor.fetchone() is None:
        raise Conflict("There is already an account named %(username)s.", username=username)
    await audit.record(
        conn,
        actor=by,
        action="user.created",
        resource=f"user:{user_id}",
        details={"username": username, "role": role.value},
    )
    return user_id


async def set_password(
    conn: Connection,
    user_id: UserId,
    password: str,
    *,
    must_change: bool = False,
    keep: UUID | None = None,
    by: Actor | None = None,
) -> None:
    """Replace the password and end every session of the account, but the one to `keep`.

    `must_change`: the owner has to choose another one after the next sign-in.
    """
    encoded = await asyncio.to_thread(passwords.hash_password, password)
    await _touch(
        conn,
        "UPDATE users SET password_hash = %(hash)s, must_change_password = %(must_change)s,"
        " password_at = now() WHERE id = %(id)s RETURNING id",
        {"id": user_id, "hash": encoded, "must_change": must_change},
    )
    await conn.execute(
        "DELETE FROM sessions WHERE user_id = %(id)s AND id IS DISTINCT FROM %(keep)s::uuid",
        {"id": user_id, "keep": keep},
    )
    await audit.record(conn, actor=by, action="user.password-changed", resource=f"user:{user_id}")


async def set_disabled(
    conn: Connection, user_id: UserId, *, disabled: bool, by: Actor | None = None
) -> None:
    """Disable or enable an account; disabling ends its sessions at once."""
    await _touch(
        conn,
        "UPDATE users SET disabled_at = CASE WHEN %(disabled)s THEN now() END"
        " WHERE id = %(id)s RETURNING id",
        {"id": user_id, "disabled": disabled},
    )
    if disabled:
        await conn.execute("DELETE FROM sessions WHERE user_id = %(id)s", {"id": user_id})
    action = "user.disabled" if disabled else "user.enabled"
    await audit.record(conn, actor=by, action=action, resource=f"user:{user_id}")


async def set_preferences(
    conn: Connection, user_id: UserId, *, language: str = "", theme: str = ""
) -> None:
    """Keep the chosen language or colours with the account; what is empty stays as it is."""
    await _touch(
        conn,
        "UPDATE users SET language = coalesce(nullif(%(language)s::text, ''), language),"
        " theme = coalesce(nullif(%(theme)s::text, ''), theme) WHERE id = %(id)s RETURNING id",
        {"id": user_id, "language": language, "theme": theme},
    )


async def set_role(
    conn: Connection, user_id: UserId, role: Role, *, by: Actor | None = None
) -> None:
    """Change the role and end the account's sessions: new powers begin with a new sign-in."""
    user = await get(conn, user_id)
    await _touch(
        conn,
        "UPDATE users SET role = %(role)s WHERE id = %(id)s RETURNING id",
        {"id": user_id, "role": role.value},
    )
    await conn.execute("DELETE FROM sessions WHERE user_id = %(id)s", {"id": user_id})
    await audit.record(
        conn,
        actor=by,
        action="user.role-changed",
        resource=f"user:{user_id}",
        details={"before": user.role.value, "after": role.value},
    )


async def set_clearance(
    conn: Connection, user_id: UserId, clearance: int, *, by: Actor | None = None
) -> None:
    """How secret a document the account may see, 0 to 4; acts on its very next request.

    Raises NotFound, Invalid, Denied E-CLEARANCE for who would raise their own.
    """
    if not 0 <= clearance <= MAX_CLEARANCE:
        raise Invalid("A clearance is a number from 0 to 4.", code="E-CLEARANCE")
    user = await get(conn, user_id)
    if by is not None and by.id == user_id and clearance > user.clearance:
        raise Denied("Nobody raises their own clearance.", code="E-CLEARANCE")
    if clearance == user.clearance:
        return
    await _touch(
        conn,
        "UPDATE users SET clearance = %(clearance)s WHERE id = %(id)s RETURNING id",
        {"id": user_id, "clearance": clearance},
    )
    await audit.record(
        conn,
        actor=by,
        action="user.clearance-changed",
        resource=f"user:{user_id}",
        details={"username": user.username, "before": user.clearance, "after": clearance},
    )


async def by_username(conn: Connection, username: str) -> User:
    """The account with this user name; NotFound otherwise."""
    found = await _select(conn, username=username.strip().casefold())
    if not found:
        raise NotFound("There is no account named %(username)s.", username=username)
    return found[0]


async def get(conn: Connection, user_id: UserId) -> User:
    """The account with this id; NotFound otherwise."""
    found = await _select(conn, user_id=user_id)
    if not found:
        raise NotFound
    return found[0]


async def list_users(
    conn: Connection, *, limit: int = 500, after: str = "", text: str = ""
) -> list[User]:
    """Accounts by user name, `after` the given one; `text` is looked for in both names."""
    return await _select(conn, limit=limit, after=after, text=text.strip())


async def names(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What accounts and groups with these ids are called; deleted ones are left out."""
    cursor = await conn.execute(
        """
        SELECT u.id, u.username AS name FROM users u WHERE u.id = ANY(%(ids)s)
        UNION ALL
        SELECT g.id, g.name FROM groups g WHERE g.id = ANY(%(ids)s)
        """,
        {"ids": list(ids)},
    )
    return {row["id"]: str(row["name"]) for row in await cursor.fetchall()}


def actor_for(user: User, ip: str = "") -> Actor:
    """The actor that acts as this account."""
    return Actor(id=user.id, name=user.username, role=user.role, ip=ip)


async def _select(
    conn: Connection,
    *,
    username: str | None = None,
    user_id: UserId | None = None,
    limit: int = 1,
    after: str = "",
    text: str = "",
) -> list[User]:
    cursor = await conn.execute(
        """
        SELECT u.id, u.username, u.name, u.role, u.language, u.must_change_password,
               u.source, u.email, u.clearance, u.created_at, u.disabled_at,
               ARRAY(SELECT g.name FROM memberships m JOIN groups g ON g.id = m.group_id
                     WHERE m.user_id = u.id ORDER BY g.name) AS groups
        FROM users u
        WHERE (%(username)s::text IS NULL OR u.username = %(username)s::text)
          AND (%(id)s::uuid IS NULL OR u.id = %(id)s::uuid)
          AND u.username > %(after)s
          AND (%(text)s = '' OR strpos(govbot_fold(u.username || ' ' || u.name),
                                       govbot_fold(%(text)s)) > 0)
        ORDER BY u.username
        LIMIT %(limit)s
        """,
        {"username": username, "id": user_id, "after": after, "text": text, "limit": limit},
    )
    return [
        User(**{**row, "role": Role(row["role"]), "groups": tuple(row["groups"])})
        for row in await cursor.fetchall()
    ]


async def _touch(conn: Connection, query: LiteralString, params: dict[str, object]) -> None:
    try:
        cursor = await conn.execute(query, params)
    except errors.CheckViolation as error:
        raise Invalid from error
    if await cursor.fetchone() is None:
        raise NotFound
