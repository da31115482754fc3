"""The chain of hashes, link by link: pure, so that it serves the database, archives and exports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum

from govbot.audit.book import Entry

MAX_SHIFT = 50  # entries inserted or deleted at one place that are told apart from edited ones


class Reason(StrEnum):
    """What was done to the chain."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REWRITTEN = "rewritten"
    TRUNCATED = "truncated"
    BAD_SIGNATURE = "bad-signature"


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold: the first wrong entry, and the last of the doubtful span."""

    seq: int
    reason: Reason
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found: `first_broken` is the number of the entry where the chain breaks.

    `entries` were checked, from `first` to `last`; `until` ends the span in which the wrong one is
    when that is not known exactly. `checkpoints` were compared; `unchecked` ones belong to entries
    that lie in archives that were not given.
    """

    entries: int
    first_broken: int | None
    last_hash: str
    reason: Reason | None = None
    until: int | None = None
    first: int = 1
    last: int = 0
    checkpoints: int = 0
    unchecked: int = 0


def seal(entry: Entry, prev_hash: bytes) -> bytes:
    """The hash that `entry` must carry after an entry with `prev_hash`."""
    moment = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = [
        entry.seq,
        moment,
        str(entry.actor_id) if entry.actor_id else None,
        entry.actor_name,
        entry.action,
        entry.resource,
        entry.details,
        entry.ip,
    ]
    return hashlib.sha256(prev_hash + json.dumps(fields, ensure_ascii=False).encode()).digest()


class Walk:
    """Checks entries in the order of their numbers, in batches, from a known point on.

    `marks` are the hashes that signed checkpoints give to some of the numbers.
    """

    def __init__(
        self, seq: int = 0, prev_hash: bytes = b"", marks: Mapping[int, bytes] | None = None
    ) -> None:
        self.start = seq
        self.seq = seq
        self.hash = prev_hash
        self.broken: Break | None = None
        self.marked = seq  # the newest number that a checkpoint confirmed
        self._marks = marks or {}
        self._waiting: Entry | None = None

    def add(self, entries: Iterable[Entry]) -> Break | None:
        """Goes on; the newest entry waits for the next call, or for `end`, to be judged."""
        for entry in entries:
            if self.broken is not None:
                break
            waiting, self._waiting = self._waiting, entry
            if waiting is not None:
                self._judge(waiting, entry)
        return self.broken

    def end(self) -> Break | None:
        """No entry follows."""
        if self._waiting is not None and self.broken is None:
            self._judge(self._waiting, None)
        self._waiting = None
        return self.broken

    def _judge(self, entry: Entry, following: Entry | None) -> None:
        good = (
            entry.seq == self.seq + 1
            and bytes(entry.prev_hash) == self.hash
            and bytes(entry.hash) == seal(entry, self.hash)
        )
        if good:
            self.seq, self.hash = entry.seq, bytes(entry.hash)
            self.compare()
        else:
            self.broken = self._named(entry, following)

    def compare(self) -> None:
        """Compares the place reached with the checkpoint of its number, if there is one."""
        mark = self._marks.get(self.seq)
        if mark is None:
            return
        if mark != self.hash:
            self.broken = Break(self.marked + 1, Reason.REWRITTEN, until=self.seq)
        self.marked = self.seq

    def _named(self, entry: Entry, following: Entry | None) -> Break:
        expected = self.seq + 1
        if entry.seq > expected or _sealed_as(entry, +1):
            return Break(expected, Reason.DELETED)
        if entry.seq < expected:
            return Break(entry.seq, Reason.INSERTED)
        if shift := _sealed_as(entry, -1):
            return Break(max(entry.seq - shift, self.start + 1), Reason.INSERTED)
        if following is not None and _sealed_as(following, -1):
            return Break(expected, Reason.INSERTED)
        sound = bytes(entry.hash) == seal(entry, bytes(entry.prev_hash))
        if sound and self.seq > self.start:
            # It goes on from another entry than the one that stands before it now.
            return Break(self.seq, Reason.EDITED)
        return Break(expected, Reason.EDITED)


def _sealed_as(entry: Entry, direction: int) -> int:
    """By how many numbers an entry was moved after it was sealed; 0: it was not."""
    before = bytes(entry.prev_hash)
    for shift in range(1, MAX_SHIFT + 1):
        moved = replace(entry, seq=entry.seq + direction * shift)
        if seal(moved, before) == bytes(entry.hash):
            return shift
    return 0
