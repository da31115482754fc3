"""Growing waits after failed sign-ins, counted in the database so that every node counts alike.

A door (an account, a device of an account, an address) lets some failures pass, then asks to wait
1 s, 2 s, 4 s... up to a bound; failures are forgotten one by one. Nobody is locked out for good,
and who signed in from a device before is not kept out by what strangers try.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Busy

# An address may serve a whole office.
ADDRESS_FACTOR = 10


def _(message: str) -> str:
    """Marks a message for the catalog; it is translated where it is shown."""
    return message


class TooManyAttempts(Busy):
    """Too many attempts to sign in: wait a moment and try again."""

    code = "E-ATTEMPTS"

    def __init__(self, seconds: int) -> None:
        self.retry_after_s = seconds
        if seconds < 60:
            super().__init__(
                _("Too many attempts: try again in %(seconds)s s."),
                retry_after=seconds,
                seconds=seconds,
            )
        else:
            minutes = math.ceil(seconds / 60)
            super().__init__(
                _("Too many attempts: try again in %(minutes)s min."),
                retry_after=seconds,
                minutes=minutes,
            )


@dataclass(frozen=True, slots=True)
class Door:
    """What failures are counted by. `shared`: a success takes back one attempt, not all."""

    key: str
    free: int
    shared: bool = False


def account_door(username: str, free: int) -> Door:
    """The door of a user name as it was typed, whether or not there is such an account."""
    return Door(f"account:{_fingerprint(username)}", free)


def device_door(device: str, free: int) -> Door:
    """The door of a device from which the account was signed in before."""
    return Door(f"device:{_fingerprint(device)}", free)


def factor_door(owner: str, free: int) -> Door:
    """The door of the codes of an account, or of a device of it."""
    return Door(f"factor:{_fingerprint(owner)}", free)


def address_door(ip: str, free: int) -> Door:
    """The door of an address; of IPv6 the /64, which is what one customer gets (RFC 6177)."""
    try:
        address = ip_address(ip)
    except ValueError:
        return Door(f"address:{_fingerprint(ip)}", free * ADDRESS_FACTOR, shared=True)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64)
    return Door(f"address:{address}", free * ADDRESS_FACTOR, shared=True)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted as failed, to be forgiven when it turns out right."""

    doors: tuple[Door, ...]
    at: datetime


async def take(pool: Pool, doors: Sequence[Door], *, window_minutes: int) -> Attempt:
    """Count an attempt as failed before it is judged, so that many at once cannot outrun it.

    Raises TooManyAttempts and counts nothing while one of the doors waits. A wait that is longer
    than the longest was written before the clock was set back, and is none.
    """
    ordered = tuple(sorted(doors, key=lambda each: each.key))
    async with as_system(pool) as conn:
        moments = [await _take(conn, door, window_minutes * 60) for door in ordered]
    return Attempt(ordered, moments[0])


async def forgive(conn: Connection, attempt: Attempt) -> None:
    """The attempt was right: forget the failures of its doors, of shared ones this attempt.

    A wait that another attempt has caused since stays: a stranger with an account of their own
    cannot shorten it.
    """
    for door in attempt.doors:
        if door.shared:
            await _take_back(conn, door, attempt)
        else:
            await conn.execute(
                "DELETE FROM sign_in_failures WHERE key = %(key)s", {"key": door.key}
            )


async def excuse(conn: Connection, attempt: Attempt) -> None:
    """Nobody could judge the attempt: what others share, such as the address of an office, does
    not count it."""
    for door in attempt.doors:
        if door.shared:
            await _take_back(conn, door, attempt)


async def delete_forgotten(conn: Connection, *, window_minutes: int) -> None:
    """Remove counts that have run out (a timer calls it)."""
    await conn.execute(
        "DELETE FROM sign_in_failures"
        " WHERE last_at < now() - failures * make_interval(mins => %(minutes)s)",
        {"minutes": window_minutes},
    )


async def _take_back(conn: Connection, door: Door, attempt: Attempt) -> None:
    await conn.execute(
        """
        UPDATE sign_in_failures SET failures = greatest(failures - 1, 0),
            blocked_until = CASE WHEN last_at > %(at)s THEN blocked_until END
        WHERE key = %(key)s
        """,
        {"key": door.key, "at": attempt.at},
    )


async def _take(conn: Connection, door: Door, window_s: int) -> datetime:
    cursor = await conn.execute(
        """
        INSERT INTO sign_in_failures AS f (key, failures, last_at, blocked_until)
        VALUES (%(key)s, 1, now(), CASE WHEN %(free)s <= 1 THEN now() + interval '1 second' END)
        ON CONFLICT (key) DO UPDATE SET
            failures = 1 + greatest(
                0, f.failures - greatest(0, floor(
                    extract(epoch FROM now() - f.last_at) / %(window)s))::integer),
            last_at = now(),
            blocked_until = (
                SELECT CASE WHEN n >= %(free)s THEN now() + make_interval(
                    secs => least(%(window)s, power(2, least(n - %(free)s, 20)))) END
                FROM (SELECT 1 + greatest(0, f.failures - greatest(0, floor(
                          extract(epoch FROM now() - f.last_at) / %(window)s))::integer) AS n) AS c
            )
        WHERE coalesce(f.blocked_until, '-infinity') <= now()
           OR f.blocked_until > now() + 2 * %(window)s * interval '1 second'
        RETURNING f.last_at
        """,
        {"key": door.key, "free": door.free, "window": window_s},
    )
    if (counted := await cursor.fetchone()) is not None:
        moment: datetime = counted["last_at"]
        return moment
    cursor = await conn.execute(
        "SELECT extract(epoch FROM blocked_until - now()) AS wait FROM sign_in_failures"
        " WHERE key = %(key)s",
        {"key": door.key},
    )
    row = await cursor.fetchone()
    raise TooManyAttempts(max(1, math.ceil(row["wait"])) if row else 1)


def _fingerprint(text: str) -> str:
    """A password typed into the wrong field must not stand in a table."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
