"""Retention: old entries move to compressed files, and the chain goes on from an anchor.

Only entries that a checkpoint has signed and every receiver has got are moved. A crash between
the steps leaves a file that the next run writes again, byte for byte.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from govbot.audit import book
from govbot.audit.anchors import newest_anchor
from govbot.audit.book import Connection, Entry
from govbot.audit.chain import Walk
from govbot.audit.checkpoints import Checkpoint, sync_folder
from govbot.audit.lines import to_line
from govbot.audit.proof import digest_of
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Unavailable

log = logging.getLogger(__name__)

FOLDER: Final = "audit-archive"
PER_FILE: Final = 20_000  # entries, about; a cut is made where a checkpoint stands
BATCH: Final = 2000


async def prune(
    pool: Pool,
    folder: Path,
    *,
    older_than: datetime,
    checkpoints: Sequence[Checkpoint],
    receivers: Sequence[str] = (),
) -> int:
    """Move what is older than that moment to archives; how many entries were moved.

    `receivers` are the names of positions that must have passed an entry first. Raises Conflict
    where the chain is broken, Unavailable where the archive cannot be written.
    """
    moved = 0
    while True:
        async with as_system(pool) as conn:
            limit = await _limit(conn, older_than, receivers)
            anchor = await newest_anchor(conn)
        start = anchor.seq if anchor else 0
        cut = _cut(start, limit, checkpoints)
        if cut is None:
            return moved
        walk = Walk(
            start, bytes(anchor.hash) if anchor else b"", {cut.seq: bytes.fromhex(cut.hash)}
        )
        file = await _write(pool, folder, walk, cut.seq)
        digest = await asyncio.to_thread(digest_of, file)
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                "SELECT govbot_audit_prune(%(seq)s, %(hash)s, %(archive)s, %(digest)s) AS moved",
                {"seq": cut.seq, "hash": walk.hash, "archive": file.name, "digest": digest},
            )
            row = await cursor.fetchone() or {}
        moved += int(row.get("moved") or 0)
        log.info(
            "Entries of the audit log were moved to an archive", extra={"action": "audit.pruned"}
        )


async def _limit(conn: Connection, older_than: datetime, receivers: Sequence[str]) -> int:
    """The last entry that may be moved: the newest one of all always stays."""
    cursor = await conn.execute(
        """
        SELECT least(
            (SELECT max(seq) - 1 FROM audit_log),
            coalesce((SELECT seq - 1 FROM audit_log WHERE at >= %(moment)s
                      ORDER BY at, seq LIMIT 1),
                     (SELECT max(seq) FROM audit_log)),
            (SELECT min(coalesce(p.seq, 0)) FROM unnest(%(names)s::text[]) AS r (name)
             LEFT JOIN audit_positions p ON p.name = r.name)
        ) AS seq
        """,
        {"moment": older_than, "names": list(receivers)},
    )
    row = await cursor.fetchone() or {}
    return int(row.get("seq") or 0)


def _cut(start: int, limit: int, checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint up to which the next archive goes."""
    found = sorted((c for c in checkpoints if start < c.seq <= limit), key=lambda each: each.seq)
    within = [each for each in found if each.seq <= start + PER_FILE]
    return within[-1] if within else (found[0] if found else None)


async def _write(pool: Pool, folder: Path, walk: Walk, up_to: int) -> Path:
    """The archive, whole and on disk before it gets its name."""
    file = folder / f"audit-{walk.seq + 1:012d}-{up_to:012d}.jsonl.gz"
    try:
        draft = await asyncio.to_thread(_Draft, file)
        try:
            read_to = walk.seq
            while read_to < up_to:
                async with as_system(pool) as conn:
                    batch = await book.after(conn, read_to, limit=min(BATCH, up_to - read_to))
                if not batch or batch[-1].seq > up_to:
                    break
                read_to = batch[-1].seq
                await asyncio.to_thread(draft.add, batch)
                await asyncio.to_thread(walk.add, batch)
            walk.end()
            if walk.broken is not None or walk.seq != up_to:
                raise Conflict(
                    "The audit log is broken at entry %(seq)s: nothing is archived. Run "
                    "`govbot audit verify`.",
                    code="E-AUDIT-CHAIN",
                    seq=walk.broken.seq if walk.broken else walk.seq + 1,
                )
            await asyncio.to_thread(draft.finish)
        finally:
            await asyncio.to_thread(draft.drop)
    except OSError as error:
        raise Unavailable(
            "The archive %(file)s of the audit log cannot be written (%(reason)s).",
            code="E-AUDIT-ARCHIVE",
            file=str(file),
            reason=error.strerror or str(error),
        ) from error
    return file


class _Draft:
    """A compressed file that gets its name when it is complete."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._draft = file.with_suffix(".part")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._raw = self._draft.open("wb")
        os.fchmod(self._raw.fileno(), 0o600)
        # No name and no time in it: the same entries give the same bytes.
        self._packed = gzip.GzipFile("", "wb", 6, self._raw, mtime=0)

    def add(self, batch: Sequence[Entry]) -> None:
        self._packed.write("".join(map(to_line, batch)).encode())

    def finish(self) -> None:
        self._packed.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._draft.rename(self._file)
        sync_folder(self._file.parent)

    def drop(self) -> None:
        self._packed.close()
        self._raw.close()
        self._draft.unlink(missing_ok=True)
