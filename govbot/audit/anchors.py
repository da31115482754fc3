"""Anchors: the seal of the last entry that was moved to an archive, where the log begins now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from govbot.audit.book import Connection


@dataclass(frozen=True, slots=True)
class Anchor:
    """Entries `first_seq` to `seq` lie in the file `archive` with this SHA-256."""

    seq: int
    first_seq: int
    hash: bytes
    archive: str
    sha256: str
    at: datetime


async def list_anchors(conn: Connection) -> list[Anchor]:
    """All anchors, the oldest first."""
    cursor = await conn.execute(
        "SELECT seq, first_seq, hash, archive, sha256, at FROM audit_anchors ORDER BY seq"
    )
    return [Anchor(**row) for row in await cursor.fetchall()]


async def newest_anchor(conn: Connection) -> Anchor | None:
    """Where the log begins; None when it begins with its first entry."""
    cursor = await conn.execute(
        "SELECT seq, first_seq, hash, archive, sha256, at FROM audit_anchors"
        " ORDER BY seq DESC LIMIT 1"
    )
    row = await cursor.fetchone()
    return Anchor(**row) if row else None
