"""How far checkpoints and receivers have come: kept in the database, one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from govbot.audit.book import Connection

MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class Position:
    """Entry `seq`, of this `hash`, is the last one dealt with; `error` of the last attempt."""

    name: str
    seq: int = 0
    hash: bytes = b""
    at: datetime | None = None
    failures: int = 0
    error: str = ""


async def get(conn: Connection, name: str) -> Position:
    """The position of `name`; before the first entry when it has none yet."""
    cursor = await conn.execute(
        "SELECT name, seq, hash, at, failures, error FROM audit_positions WHERE name = %(name)s",
        {"name": name},
    )
    row = await cursor.fetchone()
    return Position(**row) if row else Position(name)


async def all_of(conn: Connection, prefix: str) -> list[Position]:
    """The positions whose name begins so, by name."""
    cursor = await conn.execute(
        "SELECT name, seq, hash, at, failures, error FROM audit_positions"
        " WHERE starts_with(name, %(prefix)s) ORDER BY name",
        {"prefix": prefix},
    )
    return [Position(**row) for row in await cursor.fetchall()]


async def advance(conn: Connection, name: str, seq: int, hashed: bytes = b"") -> None:
    """Everything up to `seq` is dealt with; never goes back."""
    await conn.execute(
        """
        INSERT INTO audit_positions (name, seq, hash) VALUES (%(name)s, %(seq)s, %(hash)s)
        ON CONFLICT (name) DO UPDATE
        SET seq = excluded.seq, hash = excluded.hash, at = now(), failures = 0, error = ''
        WHERE audit_positions.seq <= excluded.seq
        """,
        {"name": name, "seq": seq, "hash": hashed},
    )


async def fail(conn: Connection, name: str, error: str) -> None:
    """The last attempt went wrong."""
    await conn.execute(
        """
        INSERT INTO audit_positions (name, failures, error) VALUES (%(name)s, 1, %(error)s)
        ON CONFLICT (name) DO UPDATE
        SET failures = audit_positions.failures + 1, error = excluded.error
        """,
        {"name": name, "error": error[:MAX_ERROR]},
    )


async def claim(conn: Connection, name: str, holder: str, *, seconds: float) -> Position | None:
    """Take `name` for this process for a while; None while another one has it."""
    cursor = await conn.execute(
        """
        INSERT INTO audit_positions AS p (name, holder, held_until)
        VALUES (%(name)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, held_until = excluded.held_until
        WHERE p.holder = excluded.holder OR p.held_until < now()
        RETURNING name, seq, hash, at, failures, error
        """,
        {"name": name, "holder": holder, "seconds": seconds},
    )
    row = await cursor.fetchone()
    return Position(**row) if row else None


async def release(conn: Connection, name: str, holder: str) -> None:
    """Leave `name` to others."""
    await conn.execute(
        "UPDATE audit_positions SET held_until = '-infinity'"
        " WHERE name = %(name)s AND holder = %(holder)s",
        {"name": name, "holder": holder},
    )
