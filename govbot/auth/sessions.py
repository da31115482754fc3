"""Server-side sessions: the browser holds a random token, the database its hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit, metrics
from govbot.db.access import Actor, Role
from govbot.errors import Invalid, NotFound
from govbot.ids import UserId, new_id

Connection = AsyncConnection[DictRow]

PRIVILEGED = frozenset({Role.ADMIN, Role.CURATOR, Role.AUDITOR})
# A session from later than this was opened before the clock was set back: it would live too long.
_FUTURE = timedelta(hours=1)
# Between the password and the code.
PENDING_LIFE = timedelta(minutes=15)


class SessionSettings(Protocol):
    """The part of the settings that sessions need."""

    @property
    def session_idle_minutes(self) -> int: ...
    @property
    def session_absolute_hours(self) -> int: ...
    @property
    def privileged_idle_minutes(self) -> int: ...
    @property
    def privileged_absolute_hours(self) -> int: ...
    @property
    def second_factor(self) -> Literal["off", "privileged", "everyone"]: ...


class Method(StrEnum):
    """How the person proved who they are."""

    PASSWORD = "password"  # noqa: S105 - the word
    LDAP = "ldap"
    OIDC = "oidc"
    PROXY = "proxy"


class Factor(StrEnum):
    """The second factor of a session: not asked for, still to come, given."""

    NONE = "none"
    PENDING = "pending"
    PASSED = "passed"


class Step(StrEnum):
    """What a session still has to do before anything else is open to it."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - the word
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, or one with a new token; `token` goes into the cookie and nowhere else."""

    token: str
    csrf: str
    actor: Actor
    step: Step | None


@dataclass(frozen=True, slots=True)
class Session:
    """The session behind a cookie; `language` and `theme` are empty where none was chosen."""

    id: UUID
    actor: Actor
    csrf: str
    display_name: str
    must_change_password: bool
    method: Method
    factor: Factor
    since: datetime
    step: Step | None
    language: str = ""
    theme: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do before the pages are open."""
        return self.step is None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it in the list."""

    id: UUID
    method: Method
    factor: Factor
    ip: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime


class WrongCredentials(Invalid):
    """The user name or the password is wrong."""

    code = "E-CREDENTIALS"
    status = 401


def requires_factor(role: Role, settings: SessionSettings) -> bool:
    """Whether accounts with this role must have a second factor."""
    if settings.second_factor == "privileged":
        return role in PRIVILEGED
    return settings.second_factor == "everyone"


async def open_session(
    conn: Connection,
    actor: Actor,
    *,
    method: Method,
    user_agent: str,
    settings: SessionSettings,
) -> SignedIn:
    """Open a session for who has proved to be `actor`, in the caller's transaction (as_system).

    After a password, ours or the directory's, it waits for the code of the second factor where
    one is set up; an identity provider or proxy asks for its own. Audited. Raises
    WrongCredentials when the account is disabled or gone.
    """
    row = await _standing(conn, actor.id)
    role = Role(row["role"])
    step = _next_step(
        role, method, Factor.NONE, row["enrolled"], row["must_change_password"], settings
    )
    factor = Factor.PENDING if step is Step.CODE else Factor.NONE
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    hours = max(settings.session_absolute_hours, settings.privileged_absolute_hours)
    await conn.execute(
        """
        INSERT INTO sessions (token_hash, id, user_id, csrf, ip, user_agent, method, factor,
                              expires_at)
        VALUES (%(hash)s, %(id)s, %(user)s, %(csrf)s, %(ip)s, %(agent)s, %(method)s, %(factor)s,
                now() + %(lifetime)s)
        """,
        {
            "hash": _digest(token),
            "id": new_id(),
            "user": actor.id,
            "csrf": csrf,
            "ip": actor.ip,
            "agent": "".join(c for c in user_agent[:300] if c.isprintable()),
            "method": method.value,
            "factor": factor.value,
            "lifetime": timedelta(hours=hours),
        },
    )
    await audit.record(
        conn,
        actor=actor,
        action="sign-in.code-asked" if step is Step.CODE else "sign-in.ok",
        resource=f"user:{actor.id}",
        details={"method": method.value},
    )
    if step is not Step.CODE:
        metrics.observe_sign_in("ok")
    return SignedIn(token, csrf, actor, step)


async def session_of(
    conn: Connection, token: str, *, ip: str, settings: SessionSettings
) -> Session | None:
    """The session of a cookie, or None when it is unknown, too old or of a disabled account.

    Marks it as seen, at most once a minute. One whose `step` is not None may do that step alone.
    """
    cursor = await conn.execute(
        """
        SELECT s.id AS session_id, s.csrf, s.method, s.factor, s.created_at,
               u.id, u.username, u.name, u.role, u.must_change_password, u.language, u.theme,
               EXISTS (SELECT FROM totp t WHERE t.user_id = u.id
                       AND t.confirmed_at IS NOT NULL) AS enrolled,
               s.last_seen_at < now() - interval '1 minute' AS stale
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        WHERE s.token_hash = %(hash)s
          AND u.disabled_at IS NULL
          AND s.expires_at > now()
          AND s.last_seen_at > now() - CASE WHEN u.role = ANY(%(privileged)s)
                                            THEN %(privileged_idle)s ELSE %(idle)s END
          AND s.created_at > now() - CASE WHEN s.factor = 'pending' THEN %(pending)s
                                          WHEN u.role = ANY(%(privileged)s)
                                          THEN %(privileged_absolute)s ELSE %(absolute)s END
          AND s.created_at < now() + %(future)s
        """,
        {"hash": _digest(token), **_limits(settings)},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if row["stale"]:
        await conn.execute(
            "UPDATE sessions SET last_seen_at = now() WHERE id = %(id)s", {"id": row["session_id"]}
        )
    role, method, factor = Role(row["role"]), Method(row["method"]), Factor(row["factor"])
    must_change = bool(row["must_change_password"])
    return Session(
        id=row["session_id"],
        actor=Actor(id=UserId(row["id"]), name=row["username"], role=role, ip=ip),
        csrf=row["csrf"],
        display_name=row["name"],
        must_change_password=must_change,
        method=method,
        factor=factor,
        since=row["created_at"],
        step=_next_step(role, method, factor, row["enrolled"], must_change, settings),
        language=row["language"],
        theme=row["theme"],
    )


async def rotate(conn: Connection, session: Session, *, factor: Factor | None = None) -> SignedIn:
    """Give a session a new token and CSRF token, and `factor`; the old ones open nothing more.

    Its beginning stays, so that no rotation makes it live longer. Raises NotFound when it ended
    meanwhile. The caller acts as the system.
    """
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    cursor = await conn.execute(
        """
        UPDATE sessions SET token_hash = %(hash)s, csrf = %(csrf)s, last_seen_at = now(),
            factor = coalesce(%(factor)s::text, factor)
        WHERE id = %(id)s RETURNING id
        """,
        {
            "hash": _digest(token),
            "csrf": csrf,
            "factor": factor.value if factor else None,
            "id": session.id,
        },
    )
    if await cursor.fetchone() is None:
        raise NotFound
    return SignedIn(token, csrf, session.actor, None)


async def list_sessions(
    conn: Connection, user_id: UserId, settings: SessionSettings
) -> list[OpenSession]:
    """The sessions of an account that are open now, last used first."""
    cursor = await conn.execute(
        """
        SELECT s.id, s.method, s.factor, s.ip, s.user_agent, s.created_at, s.last_seen_at
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        WHERE s.user_id = %(user)s
          AND u.disabled_at IS NULL
          AND s.expires_at > now()
          AND s.last_seen_at > now() - CASE WHEN u.role = ANY(%(privileged)s)
                                            THEN %(privileged_idle)s ELSE %(idle)s END
          AND s.created_at > now() - CASE WHEN s.factor = 'pending' THEN %(pending)s
                                          WHEN u.role = ANY(%(privileged)s)
                                          THEN %(privileged_absolute)s ELSE %(absolute)s END
          AND s.created_at < now() + %(future)s
        ORDER BY s.last_seen_at DESC, s.id
        """,
        {"user": user_id, **_limits(settings)},
    )
    return [
        OpenSession(**{**row, "method": Method(row["method"]), "factor": Factor(row["factor"])})
        for row in await cursor.fetchall()
    ]


async def end_session(conn: Connection, user_id: UserId, session_id: UUID, *, by: Actor) -> None:
    """End one session of an account. Raises NotFound when the account has no such session."""
    cursor = await conn.execute(
        "DELETE FROM sessions WHERE id = %(id)s AND user_id = %(user)s RETURNING id",
        {"id": session_id, "user": user_id},
    )
    if await cursor.fetchone() is None:
        raise NotFound
    await _record_end(conn, user_id, 1, by)


async def end_sessions(
    conn: Connection, user_id: UserId, *, but: UUID | None = None, by: Actor | None = None
) -> int:
    """End all sessions of an account, `but` one; how many there were. Audited when any."""
    cursor = await conn.execute(
        "DELETE FROM sessions WHERE user_id = %(user)s AND id IS DISTINCT FROM %(but)s::uuid",
        {"user": user_id, "but": but},
    )
    if cursor.rowcount:
        await _record_end(conn, user_id, cursor.rowcount, by)
    return cursor.rowcount


async def end_all_sessions(conn: Connection, *, by: Actor) -> int:
    """End every session of everybody; how many there were. Audited."""
    cursor = await conn.execute("DELETE FROM sessions")
    await audit.record(
        conn, actor=by, action="session.ended", details={"sessions": cursor.rowcount}
    )
    return cursor.rowcount


async def sign_out(conn: Connection, token: str, actor: Actor) -> None:
    """End the session; a second call does nothing."""
    cursor = await conn.execute(
        "DELETE FROM sessions WHERE token_hash = %(hash)s RETURNING user_id",
        {"hash": _digest(token)},
    )
    if await cursor.fetchone() is not None:
        await audit.record(conn, actor=actor, action="sign-out", resource=f"user:{actor.id}")


async def delete_expired(conn: Connection) -> None:
    """Remove sessions that have ended (a timer calls it)."""
    await conn.execute("DELETE FROM sessions WHERE expires_at < now()")


async def _standing(conn: Connection, user_id: UserId) -> DictRow:
    """What of an account decides about its sessions; WrongCredentials where it is closed."""
    cursor = await conn.execute(
        """
        SELECT u.role, u.must_change_password,
               EXISTS (SELECT FROM totp t WHERE t.user_id = u.id
                       AND t.confirmed_at IS NOT NULL) AS enrolled
        FROM users u WHERE u.id = %(id)s AND u.disabled_at IS NULL
        FOR SHARE OF u
        """,
        {"id": user_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise WrongCredentials
    return row


def _next_step(
    role: Role,
    method: Method,
    factor: Factor,
    enrolled: bool,
    must_change_password: bool,
    settings: SessionSettings,
) -> Step | None:
    """What comes first: the code, then a password of one's own, then setting up the factor."""
    if factor is Factor.PENDING:
        return Step.CODE
    by_password = method in (Method.PASSWORD, Method.LDAP)
    unproved = by_password and factor is not Factor.PASSED
    if unproved and enrolled and settings.second_factor != "off":
        return Step.CODE
    if must_change_password and method is Method.PASSWORD:
        return Step.PASSWORD
    if unproved and requires_factor(role, settings):
        return Step.ENROL
    return None


def _limits(settings: SessionSettings) -> dict[str, object]:
    return {
        "privileged": sorted(PRIVILEGED),
        "idle": timedelta(minutes=settings.session_idle_minutes),
        "absolute": timedelta(hours=settings.session_absolute_hours),
        "privileged_idle": timedelta(minutes=settings.privileged_idle_minutes),
        "privileged_absolute": timedelta(hours=settings.privileged_absolute_hours),
        "pending": PENDING_LIFE,
        "future": _FUTURE,
    }


async def _record_end(conn: Connection, user_id: UserId, count: int, by: Actor | None) -> None:
    await audit.record(
        conn,
        actor=by,
        action="session.ended",
        resource=f"user:{user_id}",
        details={"sessions": count},
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
