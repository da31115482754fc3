"""The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

SHA-1, six digits, 30 s, as every app understands it. A code counts once, and one step earlier or
later. Functions act as the system: nobody else reads these tables.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from argon2.low_level import Type, hash_secret_raw
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.db.access import Actor
from govbot.errors import Invalid, NotFound
from govbot.ids import UserId
from govbot.sealing import Sealer

Connection = AsyncConnection[DictRow]
Proof = Literal["totp", "recovery"]

PURPOSE = "totp"
STEP_S = 30
WINDOW = 1
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCode(Invalid):
    """The code is wrong or was used already: wait for the next one."""

    code = "E-CODE"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The second factor of an account: since when, and how many recovery codes are left."""

    since: datetime
    recovery_codes: int


def new_secret() -> str:
    """A secret of 160 bits (RFC 4226 asks for 128) in base 32."""
    import pyotp

    return pyotp.random_base32()


def uri(secret: str, username: str, organisation: str) -> str:
    """The address otpauth://... that authenticator apps read from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=organisation)


def step_of(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, at most one away from `now` (seconds), or None."""
    import pyotp

    totp, current, found = pyotp.TOTP(secret), int(now) // STEP_S, None
    for step in range(current - WINDOW, current + WINDOW + 1):
        if secrets.compare_digest(totp.generate_otp(step), code):
            found = step
    return found


async def enrolment(conn: Connection, user_id: UserId) -> Enrolment | None:
    """The second factor of an account, if it has one."""
    cursor = await conn.execute(
        """
        SELECT t.confirmed_at AS since,
               (SELECT count(*) FROM recovery_codes r
                WHERE r.user_id = t.user_id AND r.used_at IS NULL) AS recovery_codes
        FROM totp t WHERE t.user_id = %(user)s AND t.confirmed_at IS NOT NULL
        """,
        {"user": user_id},
    )
    row = await cursor.fetchone()
    return Enrolment(**row) if row else None


async def enrol(
    conn: Connection,
    sealer: Sealer,
    actor: Actor,
    secret: str,
    code: str,
    *,
    now: float | None = None,
) -> tuple[str, ...]:
    """Make `secret` the second factor of an account; the recovery codes, to be shown once.

    `code` proves that the app has the secret. One that was there before is replaced. Raises
    WrongCode.
    """
    step = step_of(secret, _digits(code), time.time() if now is None else now)
    if step is None:
        raise WrongCode
    cursor = await conn.execute(
        """
        INSERT INTO totp (user_id, secret, confirmed_at, last_step)
        VALUES (%(user)s, %(secret)s, now(), %(step)s)
        ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret,
            confirmed_at = now(), last_step = excluded.last_step
        RETURNING xmax::text <> '0' AS replaced
        """,
        {"user": actor.id, "secret": sealer.seal(secret, PURPOSE), "step": step},
    )
    row = await cursor.fetchone()
    codes = await _store_codes(conn, actor.id)
    await audit.record(
        conn,
        actor=actor,
        action="second-factor.enrolled",
        resource=f"user:{actor.id}",
        details={"replaced": bool(row and row["replaced"])},
    )
    return codes


async def renew_codes(conn: Connection, actor: Actor) -> tuple[str, ...]:
    """Replace the recovery codes of an account. Raises NotFound without a second factor."""
    if await enrolment(conn, actor.id) is None:
        raise NotFound
    codes = await _store_codes(conn, actor.id)
    await audit.record(
        conn, actor=actor, action="second-factor.codes-renewed", resource=f"user:{actor.id}"
    )
    return codes


async def check(
    conn: Connection, sealer: Sealer, user_id: UserId, code: str, *, now: float | None = None
) -> Proof:
    """What `code` is of an account: of its app, or a recovery code, which is then used up.

    Raises WrongCode.
    """
    if len(digits := _digits(code)) == 6 and digits.isascii() and digits.isdigit():
        moment = time.time() if now is None else now
        if await _use_step(conn, sealer, user_id, digits, moment):
            return "totp"
    elif await _use_recovery_code(conn, user_id, code):
        return "recovery"
    raise WrongCode


async def remove(conn: Connection, user_id: UserId, *, by: Actor) -> bool:
    """Take the second factor and its recovery codes away; False when there was none.

    `by` is the owner, an administrator or the operator. All sessions of the account end unless
    the owner does it.
    """
    await conn.execute("DELETE FROM recovery_codes WHERE user_id = %(user)s", {"user": user_id})
    cursor = await conn.execute("DELETE FROM totp WHERE user_id = %(user)s", {"user": user_id})
    if by.id != user_id:
        await conn.execute("DELETE FROM sessions WHERE user_id = %(user)s", {"user": user_id})
    if not cursor.rowcount:
        return False
    await audit.record(
        conn,
        actor=by,
        action="second-factor.removed" if by.id == user_id else "second-factor.reset",
        resource=f"user:{user_id}",
    )
    return True


async def _use_step(
    conn: Connection, sealer: Sealer, user_id: UserId, code: str, now: float
) -> bool:
    cursor = await conn.execute(
        "SELECT secret FROM totp WHERE user_id = %(user)s AND confirmed_at IS NOT NULL",
        {"user": user_id},
    )
    row = await cursor.fetchone()
    step = step_of(sealer.open(row["secret"], PURPOSE), code, now) if row else None
    if step is None:
        return False
    cursor = await conn.execute(
        "UPDATE totp SET last_step = %(step)s WHERE user_id = %(user)s AND last_step < %(step)s",
        {"user": user_id, "step": step},
    )
    return cursor.rowcount == 1


async def _use_recovery_code(conn: Connection, user_id: UserId, code: str) -> bool:
    digest = await asyncio.to_thread(_slow_hash, user_id, code)
    cursor = await conn.execute(
        "UPDATE recovery_codes SET used_at = now()"
        " WHERE user_id = %(user)s AND hash = %(hash)s AND used_at IS NULL",
        {"user": user_id, "hash": digest},
    )
    return cursor.rowcount == 1


async def _store_codes(conn: Connection, user_id: UserId) -> tuple[str, ...]:
    codes = tuple(_new_code() for _ in range(RECOVERY_CODES))
    hashes = await asyncio.to_thread(lambda: [_slow_hash(user_id, code) for code in codes])
    await conn.execute("DELETE FROM recovery_codes WHERE user_id = %(user)s", {"user": user_id})
    await conn.execute(
        "INSERT INTO recovery_codes (user_id, hash) SELECT %(user)s, unnest(%(hashes)s::bytea[])",
        {"user": user_id, "hashes": hashes},
    )
    return codes


def _new_code() -> str:
    """About 79 bits that a person can type."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def _slow_hash(user_id: UUID, code: str) -> bytes:
    """argon2id with the smallest parameters that OWASP names; salted by account.

    One salt for all codes of an account: so one computation finds the code among them.
    """
    plain = "".join(c for c in code.casefold() if c.isalnum())[:64]
    return hash_secret_raw(
        plain.encode(),
        hashlib.sha256(b"recovery" + user_id.bytes).digest()[:16],
        time_cost=2,
        memory_cost=19 * 1024,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )


def _digits(code: str) -> str:
    """Apps show the six digits in two groups."""
    return "".join(code.split())[:64]
