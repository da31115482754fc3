"""Keys with which programs act as a person: never more than the person may, and only what the
scopes of the key name. What a request with a key may do stands in `bearer.py`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from govbot import audit
from govbot.auth.key_text import HANDLE, digest, new_key
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import UserId, new_id

MAX_NAME: Final = 80
MAX_RANGES: Final = 20


class Scope(StrEnum):
    """What a key may be used for."""

    SEARCH = "search"
    ASK = "ask"
    EMBED = "embed"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    DOCUMENTS_MANAGE = "documents:manage"
    COLLECTIONS_WRITE = "collections:write"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    AUDIT_READ = "audit:read"
    STATUS_READ = "status:read"


class KeySettings(Protocol):
    """The part of the settings that keys need."""

    @property
    def roles(self) -> Sequence[str]: ...
    @property
    def key_days(self) -> int: ...
    @property
    def max_key_days(self) -> int: ...
    @property
    def keys_without_end(self) -> bool: ...
    @property
    def max_keys(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it: `handle` is the part between its two underscores."""

    id: UUID
    handle: str
    user_id: UserId
    username: str
    name: str
    scopes: tuple[Scope, ...]
    addresses: tuple[str, ...]
    per_minute: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str
    expired: bool

    @property
    def in_force(self) -> bool:
        """Whether it opens anything, as far as the key itself goes."""
        return self.revoked_at is None and not self.expired


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new key shall be. `days` None: the default; 0: it never expires."""

    name: str
    scopes: Sequence[str]
    days: int | None = None
    addresses: Sequence[str] = ()
    per_minute: int | None = None


async def create(
    conn: Connection, owner: Actor, wish: Wish, *, settings: KeySettings, by: Actor
) -> tuple[ApiKey, str]:
    """Makes a key for `owner`; the text returned with it is shown once and kept nowhere.

    Raises Invalid for what is not allowed, Denied E-KEY-ROLE when the role may have no keys,
    Conflict E-KEYS when there are too many in force.
    """
    if owner.role.value not in settings.roles:
        raise Denied("Accounts with this role cannot have API keys.", code="E-KEY-ROLE")
    found = await keys_of(conn, owner.id)
    if sum(key.in_force for key in found) >= settings.max_keys:
        raise Conflict(
            "There are %(most)s keys in force already: revoke one first.",
            code="E-KEYS",
            most=settings.max_keys,
        )
    name, scopes = _name(wish.name), _scopes(wish.scopes)
    addresses, days = ranges(wish.addresses), _days(wish.days, settings)
    if wish.per_minute is not None and not 1 <= wish.per_minute <= 100_000:
        raise Invalid("A key passes from 1 to 100000 requests in a minute.", code="E-KEY-RATE")
    handle, text = new_key()
    key_id = new_id()
    await conn.execute(
        """
        INSERT INTO api_keys (id, handle, hash, user_id, name, scopes, addresses, per_minute,
                              expires_at)
        VALUES (%(id)s, %(handle)s, %(hash)s, %(user)s, %(name)s, %(scopes)s::text[],
                %(addresses)s::cidr[], %(per_minute)s, now() + %(lifetime)s::interval)
        """,
        {
            "id": key_id,
            "handle": handle,
            "hash": digest(text),
            "user": owner.id,
            "name": name,
            "scopes": scopes,
            "addresses": addresses,
            "per_minute": wish.per_minute,
            "lifetime": timedelta(days=days) if days else None,
        },
    )
    details = {"key": handle, "name": name, "scopes": scopes, "days": days, "from": addresses}
    await audit.record(
        conn, actor=by, action="key.created", resource=f"user:{owner.id}", details=details
    )
    return await get(conn, key_id), text


async def keys_of(conn: Connection, user_id: UserId | None = None) -> list[ApiKey]:
    """The keys of a person (of everybody without one) within the actor's reach, newest first."""
    return await _select(conn, user_id=user_id)


async def in_force(
    conn: Connection, *, text: str = "", limit: int = 50, skip: int = 0
) -> list[ApiKey]:
    """The keys of everybody that open something, within the actor's reach, the latest used first.

    `text` is looked for in the owner's user name and the key's name.
    """
    cursor = await conn.execute(
        """
        SELECT k.id
        FROM api_keys k JOIN users u ON u.id = k.user_id
        WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
          AND (%(text)s = '' OR strpos(govbot_fold(u.username || ' ' || u.name || ' ' || k.name),
                                       govbot_fold(%(text)s)) > 0)
        ORDER BY k.last_used_at DESC NULLS LAST, k.id
        LIMIT %(limit)s OFFSET %(skip)s
        """,
        {"text": text, "limit": limit, "skip": skip},
    )
    order = [row["id"] for row in await cursor.fetchall()]
    found = {key.id: key for key in await _select(conn, ids=order)}
    return [found[key_id] for key_id in order]


async def get(conn: Connection, key_id: UUID) -> ApiKey:
    """One key. Raises NotFound when there is none or the actor may not see it."""
    found = await _select(conn, key_id=key_id)
    if not found:
        raise NotFound
    return found[0]


async def by_handle(conn: Connection, handle: str) -> ApiKey:
    """The key known by this handle, or by a whole key with it. Raises NotFound."""
    for key in await _select(conn, handle=handle.removeprefix("gb_").partition("_")[0]):
        return key
    raise NotFound("There is no key %(handle)s.", handle=handle[:HANDLE])


async def revoke(conn: Connection, key_id: UUID, *, by: Actor) -> None:
    """Ends a key at once and for ever; a second call does nothing. Raises NotFound."""
    key = await get(conn, key_id)
    cursor = await conn.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL"
        " RETURNING id",
        {"id": key_id},
    )
    if await cursor.fetchone() is None:
        return
    await audit.record(
        conn,
        actor=by,
        action="key.revoked",
        resource=f"user:{key.user_id}",
        details={"key": key.handle, "name": key.name},
    )


def ranges(addresses: Sequence[str]) -> list[str]:
    """Addresses and networks in their usual form. Raises Invalid E-ADDRESS."""
    found = []
    for text in addresses:
        if not text.strip():
            continue
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError as error:
            raise Invalid(
                "%(text)s is no address and no network such as 10.1.0.0/16.",
                code="E-ADDRESS",
                text=text.strip()[:60],
            ) from error
    if len(found) > MAX_RANGES:
        raise Invalid("At most %(most)s networks.", code="E-ADDRESS", most=MAX_RANGES)
    return found


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid("Give the key a name of 1 to 80 characters.", code="E-KEY-NAME")
    return name


def _scopes(names: Sequence[str]) -> list[str]:
    try:
        chosen = {Scope(name) for name in names}
    except ValueError as error:
        raise Invalid("There is no such scope.", code="E-KEY-SCOPES") from error
    if not chosen:
        raise Invalid("Choose at least one scope.", code="E-KEY-SCOPES")
    return [scope.value for scope in Scope if scope in chosen]


def _days(wished: int | None, settings: KeySettings) -> int:
    days = min(settings.key_days, settings.max_key_days) if wished is None else wished
    if days == 0 and settings.keys_without_end:
        return 0
    if not 1 <= days <= settings.max_key_days:
        raise Invalid(
            "A key lives from 1 to %(most)s days.", code="E-KEY-DAYS", most=settings.max_key_days
        )
    return days


async def _select(
    conn: Connection,
    *,
    user_id: UserId | None = None,
    key_id: UUID | None = None,
    handle: str | None = None,
    ids: Sequence[UUID] | None = None,
) -> list[ApiKey]:
    cursor = await conn.execute(
        """
        SELECT k.id, k.handle, k.user_id, u.username, k.name, k.scopes,
               k.addresses::text[] AS addresses, k.per_minute, k.created_at, k.expires_at,
               k.revoked_at, k.last_used_at, k.last_used_ip,
               coalesce(k.expires_at <= now(), false) AS expired
        FROM api_keys k
        JOIN users u ON u.id = k.user_id
        WHERE (%(user)s::uuid IS NULL OR k.user_id = %(user)s::uuid)
          AND (%(id)s::uuid IS NULL OR k.id = %(id)s::uuid)
          AND (%(handle)s::text IS NULL OR k.handle = %(handle)s::text)
          AND (%(ids)s::uuid[] IS NULL OR k.id = ANY(%(ids)s::uuid[]))
        ORDER BY k.id DESC
        LIMIT 1000
        """,
        {
            "user": user_id,
            "id": key_id,
            "handle": handle,
            "ids": None if ids is None else list(ids),
        },
    )
    return [
        ApiKey(
            **{
                **row,
                "scopes": tuple(Scope(scope) for scope in row["scopes"]),
                "addresses": tuple(row["addresses"]),
            }
        )
        for row in await cursor.fetchall()
    ]
