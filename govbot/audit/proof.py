"""Verification of the whole log: chain, anchors, archives and checkpoints together."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from govbot.audit import book
from govbot.audit.anchors import Anchor, list_anchors
from govbot.audit.book import Connection, Entry
from govbot.audit.chain import AuditReport, Break, Reason, Walk
from govbot.audit.checkpoints import Checkpoint
from govbot.audit.lines import read_file

BATCH = 2000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log is compared with, beside itself.

    `keys`: the public keys that may sign checkpoints; empty: the one that each line names.
    `archives`: the folder of the archives.
    """

    checkpoints: Sequence[Checkpoint] = ()
    keys: frozenset[str] = frozenset()
    archives: Path | None = None

    def marks(self) -> tuple[dict[int, bytes], Break | None]:
        """The hashes that good checkpoints give, and the first bad checkpoint."""
        marks: dict[int, bytes] = {}
        bad: Break | None = None
        for each in sorted(self.checkpoints, key=lambda found: found.seq):
            trusted = not self.keys or each.key in self.keys
            digest = _bytes(each.hash)
            if not trusted or not each.is_sound or digest is None:
                bad = bad or Break(each.seq, Reason.BAD_SIGNATURE)
            elif marks.setdefault(each.seq, digest) != digest:
                bad = bad or Break(each.seq, Reason.REWRITTEN)
        return marks, bad


async def verify(
    conn: Connection,
    evidence: Evidence | None = None,
    *,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Recompute the chain from its first entry, or from the anchor of what was archived.

    `on_progress` gets the number of the entry reached and of the last one. Entries written
    meanwhile are checked too.
    """
    evidence = evidence or Evidence()
    marks, bad = await asyncio.to_thread(evidence.marks)
    anchors = await list_anchors(conn)
    newest = await book.last(conn)
    total = newest.seq if newest else 0
    if evidence.archives is not None and anchors:
        walk = await asyncio.to_thread(_walk_archives, evidence.archives, anchors, marks)
    else:
        walk = _walk_after(anchors[-1] if anchors else None, marks)
    vouched = False
    read_to = anchors[-1].seq if anchors else 0
    while walk.broken is None:
        batch = await book.after(conn, read_to, limit=BATCH)
        if not batch:
            break
        if batch[0].seq > read_to + 1 and len(await list_anchors(conn)) > len(anchors):
            return await verify(conn, evidence, on_progress=on_progress)  # pruned meanwhile
        read_to = batch[-1].seq
        vouched = vouched or any(_vouches(each, anchors) for each in batch)
        await asyncio.to_thread(walk.add, batch)
        if on_progress is not None:
            on_progress(read_to, max(total, read_to))
    await asyncio.to_thread(walk.end)
    if anchors and not vouched and walk.broken is None:
        # An archive that no entry of the log tells of: somebody cut the beginning off.
        walk.broken = Break(anchors[-1].first_seq, Reason.DELETED, until=anchors[-1].seq)
    return _report(walk, marks, bad)


def verify_file(
    file: Path, evidence: Evidence | None = None, *, on_progress: Progress | None = None
) -> AuditReport:
    """The same for a file of JSON lines, without a database; it may begin at any entry."""
    evidence = evidence or Evidence()
    marks, bad = evidence.marks()
    found = read_file(file)
    first = next(found, None)
    if first is None:
        return _report(Walk(0, b"", marks), marks, bad)
    walk = Walk(first.seq - 1, bytes(first.prev_hash), marks)
    walk.compare()
    for batch in _batches(_with(first, found)):
        if walk.add(batch) is not None:
            break
        if on_progress is not None:
            on_progress(batch[-1].seq, 0)
    walk.end()
    return _report(walk, marks, bad)


def _walk_after(anchor: Anchor | None, marks: dict[int, bytes]) -> Walk:
    if anchor is None:
        return Walk(0, b"", marks)
    walk = Walk(anchor.seq, bytes(anchor.hash), marks)
    walk.compare()
    return walk


def _walk_archives(folder: Path, anchors: Sequence[Anchor], marks: dict[int, bytes]) -> Walk:
    """Through the archives that are there, the oldest of which may be gone."""
    present = [each for each in anchors if (folder / each.archive).is_file()]
    if not present:
        return _walk_after(anchors[-1], marks)
    before = next((each for each in anchors if each.seq == present[0].first_seq - 1), None)
    walk = _walk_after(before, marks)
    for each in anchors[anchors.index(present[0]) :]:
        file = folder / each.archive
        if not file.is_file():
            walk.broken = Break(each.first_seq, Reason.DELETED, until=each.seq)
        elif digest_of(file) != each.sha256:
            walk.broken = Break(each.first_seq, Reason.EDITED, until=each.seq)
        else:
            for batch in _batches(read_file(file)):
                walk.add(batch)
        if walk.broken is not None:
            break
    return walk


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _vouches(entry: Entry, anchors: Sequence[Anchor]) -> bool:
    if not anchors or entry.action != "audit.pruned":
        return False
    try:
        told = json.loads(entry.details)
    except ValueError:
        return False
    newest = anchors[-1]
    return bool(told.get("last") == newest.seq and told.get("hash") == bytes(newest.hash).hex())


def _report(walk: Walk, marks: dict[int, bytes], bad: Break | None) -> AuditReport:
    broken = walk.broken
    beyond = max(marks, default=0)
    if broken is None and beyond > walk.seq:
        broken = Break(walk.seq + 1, Reason.TRUNCATED, until=beyond)
    if bad is not None and (broken is None or bad.seq < broken.seq):
        broken = bad
    return AuditReport(
        walk.seq - walk.start,
        broken.seq if broken else None,
        walk.hash.hex(),
        broken.reason if broken else None,
        broken.until if broken else None,
        first=walk.start + 1,
        last=walk.seq,
        checkpoints=sum(1 for seq in marks if walk.start <= seq <= walk.seq),
        unchecked=sum(1 for seq in marks if seq < walk.start),
    )


def _batches(found: Iterable[Entry]) -> Iterator[list[Entry]]:
    source = iter(found)
    while batch := list(islice(source, BATCH)):
        yield batch


def _with(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


def _bytes(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
