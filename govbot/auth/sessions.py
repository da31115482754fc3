"""Server-side sessions: the browser holds a random token, the database its hash."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from govbot import audit, metrics
from govbot.auth import passwords
from govbot.db.access import Actor, Role, as_system
from govbot.errors import Busy, Invalid
from govbot.ids import UserId

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]


class SessionSettings(Protocol):
    """The part of the settings that sessions need."""

    @property
    def session_idle_minutes(self) -> int: ...
    @property
    def session_absolute_hours(self) -> int: ...
    @property
    def sign_in_attempts(self) -> int: ...
    @property
    def sign_in_window_minutes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; `token` goes into the cookie and is stored nowhere."""

    token: str
    csrf: str
    actor: Actor
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class Session:
    """The session behind a cookie."""

    actor: Actor
    csrf: str
    display_name: str
    must_change_password: bool


class WrongCredentials(Invalid):
    """The user name or the password is wrong."""

    code = "E-CREDENTIALS"
    status = 401


class TooManyAttempts(Busy):
    """Too many attempts to sign in: wait a few minutes and try again."""

    code = "E-ATTEMPTS"


async def sign_in(
    pool: Pool, *, username: str, password: str, ip: str, user_agent: str, settings: SessionSettings
) -> SignedIn:
    """Open a session. Raises WrongCredentials or TooManyAttempts; both are audited.

    Takes the pool and not a connection: a refused attempt must be counted and audited even
    though the request fails.
    """
    username = username.strip().casefold()[:64]
    allowed = await _count_attempt(pool, username, ip, settings)
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT id, username, role, password_hash, must_change_password FROM users"
            " WHERE username = %(username)s AND disabled_at IS NULL",
            {"username": username},
        )
        row = await cursor.fetchone()
    if not allowed:
        metrics.observe_sign_in("limited")
        await _record_failure(pool, username, ip, "rate-limited")
        raise TooManyAttempts
    encoded = row["password_hash"] if row else None
    fits = await asyncio.to_thread(
        passwords.verify_password, encoded, password[: passwords.MAX_LENGTH]
    )
    if row is None or not fits:
        metrics.observe_sign_in("failed")
        await _record_failure(pool, username, ip, "credentials")
        raise WrongCredentials
    actor = Actor(id=UserId(row["id"]), name=row["username"], role=Role(row["role"]), ip=ip)
    stronger = await _rehashed(encoded, password)
    async with as_system(pool) as conn:
        if stronger is not None:
            await conn.execute(
                "UPDATE users SET password_hash = %(hash)s WHERE id = %(id)s",
                {"hash": stronger, "id": actor.id},
            )
        await _forget_attempts(conn, username)
        token, csrf = await _open_session(conn, actor, user_agent, settings)
        await audit.record(conn, actor=actor, action="sign-in.ok", resource=f"user:{actor.id}")
    metrics.observe_sign_in("ok")
    return SignedIn(token, csrf, actor, bool(row["must_change_password"]))


async def session_of(
    conn: Connection, token: str, *, ip: str, settings: SessionSettings
) -> Session | None:
    """The session of a cookie, or None when it is unknown, too old or of a disabled account.

    Marks it as seen, at most once a minute.
    """
    cursor = await conn.execute(
        """
        SELECT u.id, u.username, u.name, u.role, u.must_change_password, s.csrf,
               s.last_seen_at < now() - interval '1 minute' AS stale
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        WHERE s.token_hash = %(hash)s
          AND s.expires_at > now()
          AND s.last_seen_at > now() - %(idle)s
          AND u.disabled_at IS NULL
        """,
        {"hash": _digest(token), "idle": timedelta(minutes=settings.session_idle_minutes)},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if row["stale"]:
        await conn.execute(
            "UPDATE sessions SET last_seen_at = now() WHERE token_hash = %(hash)s",
            {"hash": _digest(token)},
        )
    actor = Actor(id=UserId(row["id"]), name=row["username"], role=Role(row["role"]), ip=ip)
    return Session(actor, row["csrf"], row["name"], bool(row["must_change_password"]))


async def sign_out(conn: Connection, token: str, actor: Actor) -> None:
    """End the session; a second call does nothing."""
    cursor = await conn.execute(
        "DELETE FROM sessions WHERE token_hash = %(hash)s RETURNING user_id",
        {"hash": _digest(token)},
    )
    if await cursor.fetchone() is not None:
        await audit.record(conn, actor=actor, action="sign-out", resource=f"user:{actor.id}")


async def delete_expired(conn: Connection) -> None:
    """Remove sessions and attempt counts that no longer matter (a timer calls it)."""
    await conn.execute("DELETE FROM sessions WHERE expires_at < now()")
    await conn.execute("DELETE FROM rate_limits WHERE window_start < now() - interval '1 day'")


async def _rehashed(encoded: str | None, password: str) -> str | None:
    """A hash with today's parameters when the stored one is weaker."""
    if encoded is None or not passwords.needs_rehash(encoded):
        return None
    return await asyncio.to_thread(passwords.hash_password, password)


async def _open_session(
    conn: Connection, actor: Actor, user_agent: str, settings: SessionSettings
) -> tuple[str, str]:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    await conn.execute(
        """
        INSERT INTO sessions (token_hash, user_id, csrf, ip, user_agent, expires_at)
        VALUES (%(hash)s, %(user)s, %(csrf)s, %(ip)s, %(agent)s, now() + %(lifetime)s)
        """,
        {
            "hash": _digest(token),
            "user": actor.id,
            "csrf": csrf,
            "ip": actor.ip,
            "agent": user_agent[:300],
            "lifetime": timedelta(hours=settings.session_absolute_hours),
        },
    )
    return token, csrf


async def _count_attempt(pool: Pool, username: str, ip: str, settings: SessionSettings) -> bool:
    """Count per account and per address; an address may serve a whole office, so it gets more."""
    minutes = settings.sign_in_window_minutes
    limits = {
        f"sign-in:user:{username}": settings.sign_in_attempts,
        f"sign-in:ip:{ip}": settings.sign_in_attempts * 10,
    }
    allowed = True
    async with as_system(pool) as conn:
        for key, limit in sorted(limits.items()):
            cursor = await conn.execute(
                """
                INSERT INTO rate_limits (key, window_start, hits)
                VALUES (%(key)s, date_bin(%(window)s, now(), '2000-01-01'), 1)
                ON CONFLICT (key, window_start) DO UPDATE SET hits = rate_limits.hits + 1
                RETURNING hits
                """,
                {"key": key, "window": timedelta(minutes=minutes)},
            )
            row = await cursor.fetchone()
            allowed = allowed and row is not None and row["hits"] <= limit
    return allowed


async def _forget_attempts(conn: Connection, username: str) -> None:
    await conn.execute(
        "DELETE FROM rate_limits WHERE key = %(key)s", {"key": f"sign-in:user:{username}"}
    )


async def _record_failure(pool: Pool, username: str, ip: str, reason: str) -> None:
    async with as_system(pool) as conn:
        await audit.record(
            conn,
            actor=None,
            action="sign-in.failed",
            details={"username": username, "reason": reason},
            ip=ip,
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
