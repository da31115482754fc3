"""Proves a backup: every checksum, and a restored database that is counted, walked and asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg

from govbot import audit
from govbot.backup import belongings, source
from govbot.backup import manifest as manifests
from govbot.backup.folder import Backup
from govbot.backup.manifest import Gold, Manifest, Verdict
from govbot.backup.objects import CLEAR, check, listed, names_key, sealed_name
from govbot.backup.programs import Programs
from govbot.backup.progress import Meter
from govbot.backup.scratch import NO_SCRATCH, fill, scratch
from govbot.config import Settings
from govbot.db import schema
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.errors import GovBotError, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST: Final = 20  # problems that are told one by one
_GOLD_MARGIN: Final = 0.05  # documents that came meanwhile move the order of what is found
Ask = Callable[[Pool], Awaitable[Gold]]


@dataclass(slots=True)
class Findings:
    """What is wrong, and what could not be looked at. English: for logs, records and terminals."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: int = 0

    def wrong(self, sentence: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(sentence)
        else:
            self.more += 1

    def all_problems(self) -> tuple[str, ...]:
        return (*self.problems, *([f"{self.more} more problems."] if self.more else []))


@dataclass(frozen=True, slots=True)
class Proof:
    """What a check may use. `identities`: keys that open the backup; None: it lies in clear."""

    settings: Settings
    dsns: Dsns | None
    identities: Sequence[Any] | None
    ask: Ask | None = None


async def verify(backup: Backup, proof: Proof, meter: Meter) -> Verdict:
    """Checks it and writes the verdict beside it. A damage is a finding, not an error."""
    began, found = monotonic(), Findings()
    restored = False
    try:
        await in_thread(lambda: _checksums(backup, meter, found), meter)
        if found.problems:
            found.notes.append("The database was not restored, because of the damage above.")
        else:
            restored = await _restored(backup, proof, meter, found)
    except GovBotError as error:
        found.wrong(f"{error} [{error.error_code}]")
    verdict = Verdict(
        at=datetime.now(UTC),
        good=not found.problems,
        restored=restored,
        seconds=round(monotonic() - began, 2),
        problems=found.all_problems(),
        notes=tuple(found.notes),
    )
    try:
        manifests.write_verdict(backup.place, verdict)
    except OSError as error:  # a disk that cannot be written is checked all the same
        log.warning("The verdict is not kept: %s", error, extra={"action": "backup.verdict"})
    return verdict


async def in_thread(work: Callable[[], T], meter: Meter) -> T:
    """Runs it beside the loop; when the caller is cancelled, the thread ends soon."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        meter.call_off()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _checksums(backup: Backup, meter: Meter, found: Findings) -> None:
    known = backup.known
    meter.begin("checksums", known.bytes)
    for piece in known.pieces:
        if wrong := check(backup.place / piece.name, piece, meter):
            found.wrong(f"{piece.name} {wrong}.")
    if found.problems:
        return
    objects = backup.objects()
    for piece in listed(backup.place / manifests.OBJECTS):
        if wrong := objects.check(piece, meter):
            found.wrong(f"The original {piece.name} {wrong}.")


async def _restored(backup: Backup, proof: Proof, meter: Meter, found: Findings) -> bool:
    """Whether it was restored, whatever came out of it."""
    settings, dsns, known = proof.settings, proof.dsns, backup.known
    if dsns is None or settings.backup.verify == "checksums":
        found.notes.append("Checksums alone were compared; the database was not restored.")
        return False
    if known.sealed and proof.identities is None:
        found.notes.append(
            "The backup is encrypted and its private key is not here (backup.identity_file): "
            "checksums alone were compared."
        )
        return False
    programs = Programs(settings.backup.programs)
    opened = _Context(dsns)
    try:
        target = await in_thread(opened.enter, meter)
    except Unavailable as error:
        if error.error_code != NO_SCRATCH:
            raise
        found.notes.append(f"Checksums alone were compared. {error}")
        return False
    try:
        await in_thread(lambda: fill(backup, target, programs, proof.identities, meter), meter)
        meter.begin("count")
        await in_thread(lambda: _count(backup, proof, target, found), meter)
        meter.begin("migrate")
        await in_thread(lambda: schema.migrate(target.owner), meter)
        await _walk_and_ask(known, proof, target, found)
    finally:
        await asyncio.to_thread(opened.leave)
    return True


class _Context:
    """A scratch database that is entered and left in threads."""

    def __init__(self, dsns: Dsns) -> None:
        self._made = scratch(dsns)

    def enter(self) -> Dsns:
        return self._made.__enter__()

    def leave(self) -> None:
        self._made.__exit__(None, None, None)


def _count(backup: Backup, proof: Proof, target: Dsns, found: Findings) -> None:
    known = backup.known
    with psycopg.connect(source.counting_dsn(proof.settings, target)) as conn:
        facts = source.facts_of(conn)
        for table in sorted(known.tables.keys() | facts.tables.keys()):
            written, there = known.tables.get(table, 0), facts.tables.get(table, 0)
            if written != there:
                found.wrong(f"The table {table} has {there} rows instead of {written}.")
        if (facts.audit_seq, facts.audit_hash) != (known.audit_seq, known.audit_hash):
            found.wrong("The audit log does not end where it ended.")
        for sentence in _originals(backup, proof, conn):
            found.wrong(sentence)
    if known.missing:
        found.notes.append(
            f"{len(known.missing)} originals were missing on the disk when the backup was made."
        )
    if not known.originals:
        found.notes.append("It holds the database alone, without originals.")
    own = belongings.key_marks(belongings.security_keys(proof.settings))
    if not known.holds_keys and not set(known.key_marks) & set(own):
        found.notes.append(
            "Neither the backup nor this installation has the key that opens sealed secrets."
        )


def _originals(backup: Backup, proof: Proof, conn: psycopg.Connection) -> Iterator[str]:
    """Those that the restored database names and the backup does not hold."""
    known = backup.known
    if not known.originals:
        return
    key = b""
    if known.store != CLEAR:
        own = belongings.read(backup, proof.identities).get(belongings.SECURITY_KEY, b"")
        key = names_key(own.decode())
    held = {bytes.fromhex(each.name) for each in listed(backup.place / manifests.OBJECTS)}
    missing = set(known.missing)
    for content in source.named_originals(conn):
        name = sealed_name(content, key) if key else content
        if bytes.fromhex(name) not in held and content not in missing:
            yield f"The original {content} of a document is not in the backup."


async def _walk_and_ask(known: Manifest, proof: Proof, target: Dsns, found: Findings) -> None:
    """The chain of the audit log, and the search, in today's schema."""
    pool = await open_pool(target.app, size=2, name="govbot-verify", statement_timeout_s=0)
    try:
        async with as_system(pool) as conn:
            report = await audit.verify(conn)
        if report.first_broken is not None:
            found.wrong(f"The audit log is broken at entry {report.first_broken}.")
        if known.gold is None or proof.ask is None or not known.gold.asked:
            found.notes.append("There are no gold questions: the search was not asked.")
            return
        told = await proof.ask(pool)
        needed = known.gold.found - max(1, round(known.gold.found * _GOLD_MARGIN))
        answered = f"{told.found} of {told.asked} gold questions found their document"
        if told.asked < known.gold.asked or told.found < needed:
            found.wrong(f"{answered}; when the backup was made, {known.gold.found} did.")
        else:
            found.notes.append(f"{answered}.")
    finally:
        await pool.close()
