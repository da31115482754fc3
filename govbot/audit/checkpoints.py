"""Signed checkpoints of the chain, in a file that can lie on another system.

Whoever owns the database can rewrite the whole log with good hashes; the checkpoints written
before tell. A line is a JSON object; what is signed is `message`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from govbot.audit import book, positions
from govbot.audit.anchors import newest_anchor
from govbot.audit.book import Connection, Entry
from govbot.audit.chain import Walk
from govbot.audit.keys import SigningKey, is_signed
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, GovBotError, Unavailable

log = logging.getLogger(__name__)

FILE: Final = "audit-checkpoints.jsonl"
BATCH: Final = 2000
_LOCK: Final = 7160420251108
_TAIL: Final = 4096  # bytes; a line has about 350


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Entry `seq` had this `hash` at `at`, says the owner of `key`."""

    seq: int
    hash: str
    at: str
    key: str
    signature: str

    @property
    def is_sound(self) -> bool:
        """Whether the line was signed with its own key."""
        return is_signed(message(self.seq, self.hash, self.at), self.signature, self.key)


@dataclass(frozen=True, slots=True)
class Standing:
    """How checkpoints stand: the last one, and how long entries have waited for the next."""

    seq: int
    behind: int
    waiting_s: float
    error: str


def message(seq: int, hashed: str, at: str) -> bytes:
    """The bytes that a checkpoint signs."""
    return f"govbot audit checkpoint\n{seq}\n{hashed}\n{at}\n".encode()


def file_of(setting: str, data_dir: Path) -> Path:
    """Where checkpoints are written."""
    return Path(setting) if setting else data_dir / FILE


def read(file: Path) -> Iterator[Checkpoint]:
    """The checkpoints of a file, in its order. A line that a crash cut off is left out."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if (found := _parsed(line)) is not None:
                    yield found
    except OSError as error:
        raise Unavailable(
            "The checkpoints %(file)s cannot be read (%(reason)s).",
            file=str(file),
            reason=error.strerror or "",
        ) from error


async def take(
    pool: Pool, key: SigningKey, file: Path, *, renew: bool = False
) -> Checkpoint | None:
    """Checks the chain since the last checkpoint and signs its end; None when nothing is new.

    One process at a time, over all nodes. Raises Conflict where the chain does not go on from the
    last checkpoint, Unavailable where the file cannot be written or has vanished; `renew` starts
    a new file. Nothing is signed then, and the next attempt begins at the same place.
    """
    name = f"checkpoint:{key.id}"
    try:
        async with as_system(pool) as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(%(key)s)", {"key": _LOCK})
            return await _take(conn, name, key, file, renew=renew)
    except GovBotError as error:
        async with as_system(pool) as conn:
            await positions.fail(conn, name, str(error))
        raise


async def standing(conn: Connection, key: SigningKey) -> Standing:
    """How far checkpoints are behind the log."""
    position = await positions.get(conn, f"checkpoint:{key.id}")
    cursor = await conn.execute(
        "SELECT (SELECT seq FROM audit_log ORDER BY seq DESC LIMIT 1) AS last,"
        " extract(epoch FROM now() - (SELECT at FROM audit_log WHERE seq > %(seq)s"
        " ORDER BY seq LIMIT 1)) AS waiting",
        {"seq": position.seq},
    )
    row = await cursor.fetchone() or {}
    behind = max(int(row.get("last") or 0) - position.seq, 0)
    return Standing(position.seq, behind, float(row.get("waiting") or 0), position.error)


def limit_s(minutes: int) -> float:
    """From how many seconds of waiting on checkpoints are late."""
    return timedelta(minutes=2 * minutes + 1).total_seconds()


async def _take(
    conn: Connection, name: str, key: SigningKey, file: Path, *, renew: bool
) -> Checkpoint | None:
    position = await positions.get(conn, name)
    newest = await book.last(conn)
    if not renew:
        await _agree_with_file(conn, position.seq, key, file)
    if newest is None or newest.seq <= position.seq:
        return None
    walk = await _walk_from(conn, position.seq, bytes(position.hash))
    hashed, at = walk.hash.hex(), datetime.now(UTC).isoformat(timespec="seconds")
    found = Checkpoint(walk.seq, hashed, at, key.public, key.sign(message(walk.seq, hashed, at)))
    await asyncio.to_thread(_append, file, found)
    await positions.advance(conn, name, walk.seq, walk.hash)
    return found


async def _walk_from(conn: Connection, seq: int, hashed: bytes) -> Walk:
    anchor = await newest_anchor(conn)
    if anchor is not None and anchor.seq > seq:
        seq, hashed = anchor.seq, bytes(anchor.hash)
    walk, read_to = Walk(seq, hashed), seq
    while batch := await book.after(conn, read_to, limit=BATCH):
        read_to = batch[-1].seq
        await asyncio.to_thread(walk.add, batch)
    broken = walk.end()
    if broken is not None:
        raise Conflict(
            "The audit log is broken at entry %(seq)s (%(reason)s): no checkpoint is signed. Run "
            "`govbot audit verify`.",
            code="E-AUDIT-CHAIN",
            seq=broken.seq,
            reason=broken.reason.value,
        )
    return walk


async def _agree_with_file(conn: Connection, seq: int, key: SigningKey, file: Path) -> None:
    """What the file says last must still be in the log: the file is what others cannot rewrite."""
    newest = await asyncio.to_thread(_newest, file, key.public)
    if newest is None:
        if seq:
            raise Unavailable(
                "The checkpoints %(file)s are not there any more: put the file back, or begin a "
                "new one with `govbot audit checkpoint --new-file`.",
                code="E-AUDIT-CHECKPOINTS",
                file=str(file),
            )
        return
    anchor = await newest_anchor(conn)
    if anchor is not None and newest.seq < anchor.seq:
        return
    found: list[Entry] = await book.after(conn, newest.seq - 1, limit=1)
    hashed = bytes(found[0].hash) if found else b""
    if anchor is not None and newest.seq == anchor.seq:
        hashed = bytes(anchor.hash)
    if hashed.hex() != newest.hash:
        raise Conflict(
            "The audit log has no entry %(seq)s as the last checkpoint signed it: somebody rewrote "
            "the log, or an older copy of the database was restored. Run `govbot audit verify`.",
            code="E-AUDIT-CHAIN",
            seq=newest.seq,
        )


def _newest(file: Path, public: str) -> Checkpoint | None:
    """The last checkpoint of this key in the file."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(stream.seek(0, os.SEEK_END) - _TAIL, 0))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(file, error) from error
    for line in reversed(lines):
        found = _parsed(line)
        if found is not None and found.key == public and found.is_sound:
            return found
    # Other keys may have written the end of a file that nodes share.
    return next((each for each in reversed(list(read(file))) if each.key == public), None)


def _append(file: Path, found: Checkpoint) -> None:
    line = json.dumps(asdict(found), separators=(",", ":")) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            text = ("\n" if torn else "") + line
            if os.write(descriptor, text.encode()) != len(text):
                raise OSError("the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            sync_folder(file.parent)
    except OSError as error:
        raise _unwritable(file, error) from error


def sync_folder(folder: Path) -> None:
    """Makes a new name in the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(file: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "The checkpoints %(file)s cannot be written (%(reason)s).",
        code="E-AUDIT-CHECKPOINTS",
        file=str(file),
        reason=error.strerror or str(error),
    )


def _parsed(line: str) -> Checkpoint | None:
    try:
        found = json.loads(line)
        return Checkpoint(
            int(found["seq"]),
            str(found["hash"]),
            str(found["at"]),
            str(found["key"]),
            str(found["signature"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
