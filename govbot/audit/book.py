"""Entries of the log: written in the caller's transaction, found by what an auditor asks for.

The hash of an entry is SHA-256 over the hash before it and the UTF-8 of a JSON array of its
fields (see migrations/sql/0005_audit.sql), so the chain can be checked without the database.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.db.access import OPERATOR, Actor
from govbot.errors import NotFound

Connection = AsyncConnection[DictRow]

MAX_DETAILS: Final = 16_384  # bytes of JSON; the database refuses more than twice as much
MAX_TEXT: Final = 2_000  # characters of one value of a shortened entry
MAX_ITEMS: Final = 100  # of one list of a shortened entry
MAX_WORDS: Final = 200  # characters of a name, an address
KINDS: Final = ("user", "document", "collection", "group", "conversation", "key")


@dataclass(frozen=True, slots=True)
class Entry:
    """One sealed entry. `details` is the JSON text that was hashed."""

    seq: int
    at: datetime
    actor_id: UUID | None
    actor_name: str
    action: str
    resource: str
    details: str
    ip: str
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """What an auditor looks for; empty values filter nothing.

    `since` is the first moment that counts, `until` the first that does not any more. `resource`
    is "kind:id" or the id alone. `words` are beginnings of words of the details or the resource.
    """

    actions: Sequence[str] = ()
    actor: str = ""
    resource: str = ""
    ip: str = ""
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def record(
    conn: Connection,
    *,
    actor: Actor | None,
    action: str,
    resource: str = "",
    details: Mapping[str, Any] | None = None,
    ip: str | None = None,
) -> int:
    """Append an entry in the caller's transaction and return its number.

    Other writers wait until that transaction ends, so call it late in it. `actor` is None for
    what the service does by itself. Details of more than 16 KiB are shortened and say so.
    """
    cursor = await conn.execute(
        "SELECT govbot_audit(%(actor_id)s::uuid, %(actor_name)s::text, %(action)s::text,"
        " %(resource)s::text, %(details)s::text, %(ip)s::text) AS seq",
        {
            "actor_id": actor.id if actor else None,
            "actor_name": actor.name[:MAX_WORDS] if actor else "",
            "action": action[: MAX_WORDS // 2],
            "resource": resource[: MAX_WORDS * 5],
            "details": canonical(details or {}),
            "ip": (ip if ip is not None else _address(actor))[: MAX_WORDS // 2],
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a function call always gives one row
    return int(row["seq"])


def canonical(details: Mapping[str, Any]) -> str:
    """The one JSON text of these details: keys in order, no spaces, of bounded size."""
    text = _json(details)
    for length, items in ((MAX_TEXT, MAX_ITEMS), (MAX_WORDS, 20), (40, 5)):
        if len(text.encode()) <= MAX_DETAILS:
            return text
        text = _json({**_shortened(details, length, items), "shortened": True})
    return text if len(text.encode()) <= MAX_DETAILS else _json({"shortened": True})


async def entries(
    conn: Connection,
    chosen: Filter | None = None,
    *,
    limit: int = 100,
    before: int | None = None,
    action: str | None = None,
    actor: str | None = None,
) -> list[Entry]:
    """The newest entries first; `before` is the sequence number to go on from.

    `action` and `actor` are short for a filter of that alone.
    """
    chosen = chosen or Filter((action,) if action else (), actor or "")
    cursor = await conn.execute(
        """
        SELECT seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash
        FROM govbot_audit_find(
            %(actions)s::text[], %(actor)s::text, %(objects)s::text[], %(ip)s::text,
            %(words)s::text, %(since)s::timestamptz, %(until)s::timestamptz, %(before)s::bigint,
            %(limit)s::integer)
        """,
        {
            "actions": list(chosen.actions) or None,
            "actor": chosen.actor or None,
            "objects": _objects(chosen.resource),
            "ip": chosen.ip or None,
            "words": chosen.words if any(map(str.isalnum, chosen.words)) else None,
            "since": chosen.since,
            "until": chosen.until,
            "before": before,
            "limit": limit,
        },
    )
    return [Entry(**row) for row in await cursor.fetchall()]


async def entry(conn: Connection, seq: int) -> Entry:
    """One entry. Raises NotFound, also for who may not read the log."""
    found = await after(conn, seq - 1, limit=1)
    if not found or found[0].seq != seq:
        raise NotFound
    return found[0]


async def neighbours(conn: Connection, seq: int) -> tuple[int | None, int | None]:
    """The numbers of the entries before and after."""
    cursor = await conn.execute(
        "SELECT (SELECT max(seq) FROM audit_log WHERE seq < %(seq)s) AS before,"
        " (SELECT min(seq) FROM audit_log WHERE seq > %(seq)s) AS after",
        {"seq": seq},
    )
    row = await cursor.fetchone() or {}
    return row.get("before"), row.get("after")


async def after(conn: Connection, seq: int, *, limit: int) -> list[Entry]:
    """The entries that follow number `seq`, in their order."""
    cursor = await conn.execute(
        """
        SELECT seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash
        FROM audit_log
        WHERE seq > %(seq)s
        ORDER BY seq
        LIMIT %(limit)s
        """,
        {"seq": seq, "limit": limit},
    )
    return [Entry(**row) for row in await cursor.fetchall()]


async def last(conn: Connection) -> Entry | None:
    """The newest entry."""
    cursor = await conn.execute(
        "SELECT seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash"
        " FROM audit_log ORDER BY seq DESC LIMIT 1"
    )
    row = await cursor.fetchone()
    return Entry(**row) if row else None


async def has_opened(conn: Connection, resource: str, version: int, page: int) -> bool:
    """Whether the actor's look at this page was written down in the last 15 minutes."""
    cursor = await conn.execute(
        "SELECT govbot_audit_has_opened(%(resource)s, %(version)s, %(page)s) AS found",
        {"resource": resource, "version": version, "page": page},
    )
    row = await cursor.fetchone() or {}
    return bool(row.get("found"))


async def actions(conn: Connection) -> list[str]:
    """The actions that occur in the log, by name; found by skipping along the index."""
    cursor = await conn.execute(
        """
        WITH RECURSIVE found AS (
            (SELECT action FROM audit_log ORDER BY action LIMIT 1)
            UNION ALL
            SELECT (SELECT a.action FROM audit_log a
                    WHERE a.action > f.action ORDER BY a.action LIMIT 1)
            FROM found f
            WHERE f.action IS NOT NULL
        )
        SELECT action FROM found WHERE action IS NOT NULL
        """
    )
    return [str(row["action"]) for row in await cursor.fetchall()]


def summary(found: Entry) -> dict[str, Any]:
    """An entry as a JSON object, with all that its hash is made of."""
    return {
        "seq": found.seq,
        "at": found.at.isoformat(),
        "actor_id": str(found.actor_id) if found.actor_id else None,
        "actor": found.actor_name,
        "action": found.action,
        "resource": found.resource,
        "details": found.details,
        "ip": found.ip,
        "prev_hash": bytes(found.prev_hash).hex(),
        "hash": bytes(found.hash).hex(),
    }


def _objects(text: str) -> list[str] | None:
    """Older actions name the id alone, newer ones its kind too."""
    if not text:
        return None
    kind, _, number = text.rpartition(":")
    return [text, number] if kind else [text, *(f"{kind}:{text}" for kind in KINDS)]


def _address(actor: Actor | None) -> str:
    if actor is None:
        return ""
    return actor.ip or (_login() if actor is OPERATOR else "")


@cache
def _login() -> str:
    """Where the operator sits: the command line, under which login of the machine."""
    try:
        return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"
    except (OSError, KeyError):  # a container without a name for its number
        return f"cli:{os.getuid()}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _shortened(value: Any, length: int, items: int) -> Any:
    match value:
        case str() if len(value) > length:
            return value[: length - 1] + "…"
        case Mapping():
            return {
                str(name)[:length]: _shortened(inner, length, items)
                for name, inner in list(value.items())[:items]
            }
        case list() | tuple():
            kept = [_shortened(inner, length, items) for inner in value[:items]]
            return [*kept, f"… {len(value)}"] if len(value) > items else kept
        case _:
            return value
