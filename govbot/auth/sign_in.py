"""Signing in by password: ours or a directory's, judged alike for every account.

Unknown, disabled, outside and wrong: one answer after the same work, so that nobody learns from
words or time which accounts there are.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from psycopg.rows import DictRow

from govbot import audit, metrics
from govbot.auth import attempts, passwords, sessions, totp
from govbot.auth.attempts import Attempt, Door, TooManyAttempts
from govbot.auth.sessions import (
    Factor,
    Method,
    Session,
    SessionSettings,
    SignedIn,
    WrongCredentials,
)
from govbot.auth.totp import WrongCode
from govbot.auth.users import USERNAME
from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied, GovBotError, Unavailable
from govbot.ids import UserId
from govbot.sealing import Sealer

__all__ = [
    "Device",
    "Origin",
    "PasswordDirectory",
    "TooManyAttempts",
    "WrongCode",
    "WrongCredentials",
    "confirm",
    "pass_factor",
    "sign_in",
]


class SignInSettings(SessionSettings, Protocol):
    """The part of the settings that signing in needs."""

    @property
    def sign_in_attempts(self) -> int: ...
    @property
    def sign_in_window_minutes(self) -> int: ...
    @property
    def first_password_days(self) -> int: ...


class FirstPasswordEnded(Denied):
    """This first password is no longer valid: ask an administrator for a new one."""

    code = "E-FIRST-PASSWORD"


class PasswordDirectory(Protocol):
    """A directory outside that judges passwords, such as LDAP."""

    async def check(self, username: str, password: str) -> UserId | None:
        """The account of the person, created or brought up to date, when the password is theirs.

        None for an unknown name and for a wrong password, after the same work. Raises Unavailable
        when the directory does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """A browser from which an account was signed in before (a sealed cookie says so)."""

    id: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt comes from."""

    ip: str
    user_agent: str = ""
    device: Device | None = None

    def knows(self, user_id: UUID | None) -> str:
        """The id of the device when this account was signed in from it before, else empty."""
        known = self.device is not None and self.device.user_id == user_id
        return self.device.id if known and self.device else ""


async def sign_in(
    pool: Pool,
    *,
    username: str,
    password: str,
    origin: Origin,
    settings: SignInSettings,
    directory: PasswordDirectory | None = None,
) -> SignedIn:
    """Open a session. Raises WrongCredentials or TooManyAttempts.

    Takes the pool and not a connection: a refused attempt must be counted and audited even
    though the request fails.
    """
    username = username.strip().casefold()
    row = await _account(pool, username, settings.first_password_days)
    attempt = await _take(pool, _doors(username, row, origin, settings), settings)
    method = Method.PASSWORD if row is not None and row["source"] == "local" else Method.LDAP
    try:
        user_id = await _judge(row, username, password, directory)
        if user_id is None:
            raise WrongCredentials
        if row is not None and row["ended"]:
            raise FirstPasswordEnded
        return await _open(pool, user_id, method, password, attempt, origin, settings)
    except GovBotError as error:  # the directory may be down, or not let this person in
        metrics.observe_sign_in("failed")
        wrong = isinstance(error, WrongCredentials)
        reason = "credentials" if wrong else error.error_code
        await record_failure(pool, username, origin.ip, reason)
        if isinstance(error, Unavailable) and method is Method.LDAP:
            async with as_system(pool) as conn:
                await attempts.excuse(conn, attempt)
        raise


async def confirm(
    pool: Pool,
    actor: Actor,
    password: str,
    *,
    origin: Origin,
    settings: SignInSettings,
    directory: PasswordDirectory | None = None,
) -> None:
    """Ask who is signed in for the password again; guesses here count as guesses there.

    Raises WrongCredentials or TooManyAttempts.
    """
    row = await _account(pool, actor.name, settings.first_password_days)
    attempt = await _take(pool, _doors(actor.name, row, origin, settings), settings)
    if await _judge(row, actor.name, password, directory) != actor.id:
        await record_failure(pool, actor.name, origin.ip, "confirmation")
        raise WrongCredentials
    async with as_system(pool) as conn:
        await attempts.forgive(conn, attempt)


async def pass_factor(
    pool: Pool,
    session: Session,
    code: str,
    *,
    origin: Origin,
    settings: SignInSettings,
    sealer: Sealer,
) -> SignedIn:
    """Let a session that waits for its code go on, with a new token.

    Raises WrongCode or TooManyAttempts: guesses at codes wait like guesses at passwords.
    """
    actor, free = session.actor, settings.sign_in_attempts
    owner = origin.knows(actor.id) or str(actor.id)
    doors = [attempts.factor_door(owner, free), attempts.address_door(origin.ip, free)]
    attempt = await _take(pool, doors, settings)
    try:
        async with as_system(pool) as conn:
            proof = await totp.check(conn, sealer, actor.id, code)
            await attempts.forgive(conn, attempt)
            await audit.record(
                conn,
                actor=actor,
                action="sign-in.ok",
                resource=f"user:{actor.id}",
                details={"method": session.method.value, "second_factor": proof},
            )
            signed_in = await sessions.rotate(conn, session, factor=Factor.PASSED)
    except WrongCode:
        metrics.observe_sign_in("failed")
        await record_failure(pool, actor.name, origin.ip, "second-factor")
        raise
    metrics.observe_sign_in("ok")
    return signed_in


async def record_failure(pool: Pool, username: str, ip: str, reason: str) -> None:
    """Write a refused attempt down. What waits keep away is not judged and not written down."""
    async with as_system(pool) as conn:
        await audit.record(
            conn,
            actor=None,
            action="sign-in.failed",
            details={"username": username[:64], "reason": reason},
            ip=ip,
        )


async def _account(pool: Pool, username: str, first_password_days: int) -> DictRow | None:
    known = username if USERNAME.fullmatch(username) else ""
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT id, username, source, password_hash, disabled_at IS NOT NULL AS disabled,
                   source = 'local' AND must_change_password
                   AND password_at < now() - make_interval(days => %(days)s) AS ended
            FROM users
            WHERE username = %(username)s
            """,
            {"username": known, "days": first_password_days},
        )
        return await cursor.fetchone()


def _doors(
    username: str, row: DictRow | None, origin: Origin, settings: SignInSettings
) -> list[Door]:
    free = settings.sign_in_attempts
    device = origin.knows(row["id"]) if row else ""
    own = attempts.device_door(device, free) if device else attempts.account_door(username, free)
    return [own, attempts.address_door(origin.ip, free)]


async def _take(pool: Pool, doors: list[Door], settings: SignInSettings) -> Attempt:
    try:
        return await attempts.take(pool, doors, window_minutes=settings.sign_in_window_minutes)
    except TooManyAttempts:
        metrics.observe_sign_in("limited")
        raise


async def _judge(
    row: DictRow | None, username: str, password: str, directory: PasswordDirectory | None
) -> UserId | None:
    """Whose password it is. Does all its work for every account, whatever is known of it."""
    local = row is not None and row["source"] == "local"
    encoded = row["password_hash"] if row and local and not row["disabled"] else None
    fits = await asyncio.to_thread(passwords.verify_password, encoded, password)
    if fits and row is not None:
        return UserId(row["id"])
    if directory is None or len(password) > passwords.MAX_LENGTH:
        return None
    if row is not None and row["source"] != "ldap":
        # A local password is none of the directory's business, but the time it takes would tell.
        await directory.check(f"x{secrets.token_hex(8)}", secrets.token_hex(8))
        return None
    return await directory.check(username, password)


async def _open(
    pool: Pool,
    user_id: UserId,
    method: Method,
    password: str,
    attempt: Attempt,
    origin: Origin,
    settings: SignInSettings,
) -> SignedIn:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT username, role, password_hash FROM users WHERE id = %(id)s", {"id": user_id}
        )
        row = await cursor.fetchone()
        if row is None:
            raise WrongCredentials
        if method is Method.PASSWORD:
            await _renew_hash(conn, user_id, row["password_hash"], password)
        actor = Actor(user_id, row["username"], Role(row["role"]), origin.ip)
        await attempts.forgive(conn, attempt)
        return await sessions.open_session(
            conn, actor, method=method, user_agent=origin.user_agent, settings=settings
        )


async def _renew_hash(
    conn: sessions.Connection, user_id: UserId, encoded: str | None, password: str
) -> None:
    """Store a hash with today's parameters when the stored one is weaker."""
    if encoded is None or not passwords.needs_rehash(encoded):
        return
    stronger = await asyncio.to_thread(passwords.hash_password, password)
    await conn.execute(
        "UPDATE users SET password_hash = %(hash)s WHERE id = %(id)s",
        {"hash": stronger, "id": user_id},
    )
