"""Limits of rate, counted in the database so that all nodes share them.

Each key has a bucket of tokens (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): `limit`
requests pass at once, then one every `window_s / limit` seconds.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from govbot import metrics
from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Busy

# A bucket that would run over changes nothing; then the wait is read. `now()` is the start of the
# transaction: one that waited for a lock is judged by when it came. A bucket that is full later
# than it can be was written before the clock was set back: it counts as new.
_HIT = """
    WITH hit AS (
        INSERT INTO rate_buckets AS b (key, full_at)
        VALUES (%(key)s, now() + %(step)s * interval '1 second')
        ON CONFLICT (key) DO UPDATE
            SET full_at = CASE WHEN b.full_at > now() + 2 * %(window)s * interval '1 second'
                               THEN now() ELSE greatest(b.full_at, now()) END
                          + %(step)s * interval '1 second'
            WHERE greatest(b.full_at, now()) + %(step)s * interval '1 second'
                  <= now() + %(window)s * interval '1 second'
               OR b.full_at > now() + 2 * %(window)s * interval '1 second'
        RETURNING b.key
    )
    SELECT EXISTS (SELECT FROM hit) AS counted,
           (SELECT extract(epoch FROM r.full_at - now())::float8 + %(step)s - %(window)s
            FROM rate_buckets r
            WHERE r.key = %(key)s) AS wait_s
"""
_SLACK = 1e-3  # of a step, for the microseconds that sums of intervals are rounded to


class RateLimited(Busy):
    """Too many requests: try again in %(seconds)s seconds."""

    code = "E-RATE"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(seconds=retry_after_s, retry_after=retry_after_s)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` at once and in the long run, in `window_s` seconds, for `key`.

    A limit of 0 means none.
    """

    key: str
    limit: int
    window_s: int = 60


async def hit(conn: Connection, key: str, *, limit: int, window_s: int) -> None:
    """Counts one request for `key`. Raises RateLimited when there were too many; that one is not
    counted.

    `conn` is inside `as_system`, in a short transaction: others with the same key wait for it.
    """
    if limit <= 0:
        return
    wait = await _take(conn, key, limit, window_s)
    if wait > 0:
        metrics.observe_limited(key.partition(":")[0])
        raise RateLimited(math.ceil(wait))


async def allows(conn: Connection, key: str, *, limit: int, window_s: int) -> bool:
    """Like `hit`, told by a word instead of an error."""
    return limit > 0 and await _take(conn, key, limit, window_s) <= 0


async def admit(pool: Pool, *rates: Rate) -> None:
    """Counts one request for each rate, in a transaction of its own.

    Raises RateLimited when one of them is spent; nothing is counted then.
    """
    if not any(rate.limit for rate in rates):
        return
    async with as_system(pool) as conn:
        # In one order, so that two requests never wait for each other.
        for rate in sorted(rates, key=lambda rate: rate.key):
            await hit(conn, rate.key, limit=rate.limit, window_s=rate.window_s)


async def forget(conn: Connection) -> int:
    """Removes the buckets that are full, which say nothing (a timer calls it); how many."""
    cursor = await conn.execute("DELETE FROM rate_buckets WHERE full_at < now()")
    return cursor.rowcount


def origin(address: str) -> str:
    """What an address counts as: one of IPv6 with its whole network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


async def _take(conn: Connection, key: str, limit: int, window_s: int) -> float:
    """Seconds to wait; 0 when the request is counted."""
    step = window_s / limit
    cursor = await conn.execute(
        _HIT, {"key": key[:200], "step": step, "window": window_s + step * _SLACK}
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM always gives one row
    if row["counted"]:
        return 0.0
    # The wait is that of the bucket before others changed it at this very moment.
    return max(float(row["wait_s"] or step), 0.01)
