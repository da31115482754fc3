"""Who a request with an API key acts as: exactly its person, within the scopes of the key."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from govbot import audit
from govbot.auth import limits
from govbot.auth.api_keys import KeySettings, Scope
from govbot.auth.key_text import digest, handle_of
from govbot.db.access import Actor, Role
from govbot.db.pool import Connection
from govbot.errors import Denied, GovBotError
from govbot.ids import UserId

REFUSAL_WINDOW_S: Final = 600


class BadKey(GovBotError):
    """The API key is missing, not valid, expired or revoked."""

    code = "E-API-KEY"
    status = 401


class OutOfScope(Denied):
    """The API key does not have the scope %(scope)s that this needs."""

    code = "E-SCOPE"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a request with a key acts as."""

    actor: Actor
    key_id: UUID
    handle: str
    name: str
    display_name: str
    scopes: frozenset[Scope]
    per_minute: int | None
    expires_at: datetime | None

    def require(self, scope: Scope) -> None:
        """Raises OutOfScope unless the key may be used for this."""
        if scope not in self.scopes:
            raise OutOfScope(scope=scope.value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that does not open: the reason is for the audit log, never for who sent it."""

    reason: str
    handle: str = ""
    user_id: UserId | None = None


async def bearer_of(
    conn: Connection, text: str, *, ip: str, settings: KeySettings
) -> Bearer | Refusal:
    """Who acts with the key `text` from the address `ip`, or why nobody does (as system).

    Marks the key as used, at most once a minute.
    """
    handle = handle_of(text)
    if handle is None:
        return Refusal("malformed")
    cursor = await conn.execute(
        """
        SELECT k.id, k.hash, k.name, k.scopes, k.addresses::text[] AS addresses, k.per_minute,
               k.expires_at, k.expires_at <= now() AS expired, k.revoked_at,
               k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' AS stale,
               u.id AS user_id, u.username, u.name AS display_name, u.role, u.disabled_at,
               u.must_change_password
        FROM api_keys k
        JOIN users u ON u.id = k.user_id
        WHERE k.handle = %(handle)s
        """,
        {"handle": handle},
    )
    row = await cursor.fetchone()
    if row is None or not hmac.compare_digest(bytes(row["hash"]), digest(text)):
        return Refusal("unknown", handle)
    reason = _reason(row, ip, settings)
    if reason:
        return Refusal(reason, handle, UserId(row["user_id"]))
    if row["stale"]:
        await conn.execute(
            "UPDATE api_keys SET last_used_at = now(), last_used_ip = %(ip)s WHERE id = %(id)s",
            {"id": row["id"], "ip": ip[:45]},
        )
    return Bearer(
        Actor(UserId(row["user_id"]), row["username"], Role(row["role"]), ip),
        row["id"],
        handle,
        row["name"],
        row["display_name"],
        frozenset(Scope(scope) for scope in row["scopes"]),
        row["per_minute"],
        row["expires_at"],
    )


async def record_refusal(conn: Connection, refusal: Refusal, *, ip: str) -> None:
    """Audits a refusal, as system; the same one at most once in ten minutes, so that nobody fills
    the log."""
    known = refusal.handle if refusal.user_id else limits.origin(ip)
    bucket = f"key-refused:{refusal.reason}:{known}"
    if not await limits.allows(conn, bucket, limit=1, window_s=REFUSAL_WINDOW_S):
        return
    await audit.record(
        conn,
        actor=None,
        action="key.refused",
        resource=f"user:{refusal.user_id}" if refusal.user_id else "",
        details={"key": refusal.handle, "reason": refusal.reason},
        ip=ip,
    )


def _reason(row: dict[str, Any], ip: str, settings: KeySettings) -> str:
    """Why a key that is genuine does not open; "" when it does."""
    broken = {
        "revoked": row["revoked_at"] is not None,
        "expired": bool(row["expired"]),
        "disabled": row["disabled_at"] is not None,
        "password": bool(row["must_change_password"]),
        "role": row["role"] not in settings.roles,
        "address": bool(row["addresses"]) and not _within(ip, row["addresses"]),
    }
    return next((word for word, holds in broken.items() if holds), "")


def _within(ip: str, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)
