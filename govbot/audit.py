"""The audit log: who did what, in the same transaction as the act, sealed by a chain of hashes.

The hash of an entry is SHA-256 over the hash before it and the UTF-8 of a JSON array of its
fields (see migrations/sql/0005_audit.sql), so the chain can be checked without the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from govbot.db.access import Actor

Connection = AsyncConnection[DictRow]

BATCH = 1000


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
class AuditReport:
    """What `verify` found: `first_broken` is the sequence number where the chain breaks."""

    entries: int
    first_broken: int | None
    last_hash: str


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
    what the service does by itself.
    """
    text = json.dumps(details or {}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    cursor = await conn.execute(
        "SELECT govbot_audit(%(actor_id)s::uuid, %(actor_name)s::text, %(action)s::text,"
        " %(resource)s::text, %(details)s::text, %(ip)s::text) AS seq",
        {
            "actor_id": actor.id if actor else None,
            "actor_name": actor.name if actor else "",
            "action": action,
            "resource": resource,
            "details": text,
            "ip": ip if ip is not None else (actor.ip if actor else ""),
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a function call always gives one row
    return int(row["seq"])


async def entries(
    conn: Connection,
    *,
    limit: int = 100,
    before: int | None = None,
    action: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Entry]:
    """The newest entries first; `before` is the sequence number to go on from.

    `since` is the first moment that counts, `until` the first that does not any more.
    """
    cursor = await conn.execute(
        """
        SELECT seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash
        FROM audit_log
        WHERE (%(before)s::bigint IS NULL OR seq < %(before)s::bigint)
          AND (%(action)s::text IS NULL OR action = %(action)s::text)
          AND (%(actor)s::text IS NULL OR actor_name = %(actor)s::text)
          AND (%(since)s::timestamptz IS NULL OR at >= %(since)s::timestamptz)
          AND (%(until)s::timestamptz IS NULL OR at < %(until)s::timestamptz)
        ORDER BY seq DESC
        LIMIT %(limit)s
        """,
        {
            "before": before,
            "action": action,
            "actor": actor,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )
    return [Entry(**row) for row in await cursor.fetchall()]


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


async def verify(conn: Connection) -> AuditReport:
    """Recompute the chain from the first entry on; stops at the first break."""
    last_hash, last_seq = b"", 0
    async for entry in _in_order(conn):
        if (
            entry.seq != last_seq + 1
            or bytes(entry.prev_hash) != last_hash
            or bytes(entry.hash) != seal(entry, last_hash)
        ):
            return AuditReport(last_seq, last_seq + 1, last_hash.hex())
        last_hash, last_seq = bytes(entry.hash), entry.seq
    return AuditReport(last_seq, None, last_hash.hex())


def seal(entry: Entry, prev_hash: bytes) -> bytes:
    """The hash that `entry` must carry after an entry with `prev_hash`."""
    moment = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = [
        entry.seq,
        moment,
        str(entry.actor_id) if entry.actor_id else None,
        entry.actor_name,
        entry.action,
        entry.resource,
        entry.details,
        entry.ip,
    ]
    return hashlib.sha256(prev_hash + json.dumps(fields, ensure_ascii=False).encode()).digest()


async def _in_order(conn: Connection) -> AsyncIterator[Entry]:
    async with conn.cursor(name="audit_verify", row_factory=dict_row) as cursor:
        cursor.itersize = BATCH
        await cursor.execute(
            "SELECT seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash, hash"
            " FROM audit_log ORDER BY seq"
        )
        async for row in cursor:
            yield Entry(**row)
