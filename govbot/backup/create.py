"""Makes a backup while everybody works.

First the originals that are here now, which takes long; then one moment of the database is dumped;
then the originals that came meanwhile. So every original that the dump names is in the backup.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import IO, Literal

import psycopg

from govbot import __version__
from govbot.backup import belongings, erasures, source
from govbot.backup import manifest as manifests
from govbot.backup.erasures import Erasures
from govbot.backup.folder import Backup, Folder, look
from govbot.backup.manifest import Gold, Manifest, Model, Piece
from govbot.backup.objects import (
    CLEAR,
    Listing,
    Objects,
    listed,
    names_key,
    require_room,
    sealed_name,
    sealed_store,
)
from govbot.backup.programs import Programs
from govbot.backup.progress import Meter
from govbot.backup.sealed import Counting, Metered, Seal, pour, seal_for
from govbot.backup.source import Facts
from govbot.config import Settings
from govbot.db.dsns import Dsns
from govbot.documents.files import FileStore

Reason = Literal["manual", "page", "timer", "upgrade"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of backup. `gold` and `models` are facts that other parts know."""

    reason: Reason = "manual"
    originals: bool = True
    gold: Gold | None = None
    models: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A new backup, and what opens it as long as this process lives (None: it lies in clear)."""

    backup: Backup
    once: list[object] | None


def create(folder: Folder, settings: Settings, dsns: Dsns, wish: Wish, meter: Meter) -> Made:
    """Blocking; call it with the folder held. Raises Unavailable, Busy, BadConfig."""
    work = _Work(folder, settings, wish, meter)
    began, now = monotonic(), datetime.now(UTC)
    draft = folder.draft(manifests.new_id(now))
    work.draft = draft
    dsn = source.dsn_of(settings, dsns)
    programs = Programs(settings.backup.programs)
    if wish.originals:
        with source.open_source(dsn) as conn:
            named = list(source.named_originals(conn))
        work.take(named)
    with source.open_source(dsn) as conn:
        programs.require_fit(conn)
        snapshot = source.snapshot_of(conn)
        facts = source.facts_of(conn)
        work.remember(conn)
        work.dump(programs, dsn, snapshot, facts)
        listing = work.list_originals(conn if wish.originals else None)
    packed = belongings.pack(settings, work.archived, with_keys=bool(work.seal))
    work.write(manifests.SETTINGS, BytesIO(packed))
    manifest = work.manifest(facts, listing, now, seconds=monotonic() - began)
    manifests.write(draft, manifest)
    place = folder.keep(draft)
    return Made(look(place), [work.seal.once] if work.seal else None)


class _Work:
    """A backup that is being made."""

    def __init__(self, folder: Folder, settings: Settings, wish: Wish, meter: Meter) -> None:
        self.folder, self.settings, self.wish, self.meter = folder, settings, wish, meter
        self.draft = folder.root
        self.seal: Seal = seal_for(settings.backup.recipients)
        self.keys = belongings.security_keys(settings)
        self.key = names_key(self.keys) if self.seal else b""
        store = sealed_store(self.seal, self.key) if self.seal else CLEAR
        self.objects = Objects(folder.root, store)
        self.known = _known(folder, store) if self.seal else {}
        self.files = FileStore(settings.data_dir / "files")
        self.archived: dict[str, str] = {}
        self.pieces: list[Piece] = []
        self.missing: list[str] = []
        self.added = 0

    def take(self, contents: Iterable[str]) -> None:
        """Brings the originals that no backup of the folder has yet."""
        new = [each for each in contents if not self._has(each)]
        sizes = [_size(self.files.path_of(each)) for each in new]
        free = not self.seal and any(self.objects.shares(self.files.path_of(c)) for c in new[:1])
        require_room(self.folder.root, 0 if free else sum(sizes))
        self.meter.begin("files", sum(sizes))
        for content in new:
            self._keep(self.files.path_of(content), content)

    def remember(self, conn: psycopg.Connection) -> None:
        """Adds to the list of who was erased."""
        known = erasures.read(self.folder.root)
        known.add(Erasures(source.erased(conn), source.purged(conn)))
        erasures.write(self.folder.root, known)

    def dump(self, programs: Programs, dsn: str, snapshot: str, facts: Facts) -> None:
        require_room(self.folder.root, facts.bytes // 3)
        self.meter.begin("database")
        with programs.dump(dsn, snapshot, self.meter) as stream:
            self.write(manifests.DATABASE, stream)

    def write(self, name: str, stream: IO[bytes]) -> None:
        """A piece of the backup."""
        file = self.draft / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            written = Counting(out)
            pour(Metered(stream, self.meter), written, self.seal)
        self.pieces.append(written.piece(name))

    def list_originals(self, conn: psycopg.Connection | None) -> Listing:
        """The list of what the dump names, with what came since `take`; None: nothing is listed."""
        listing = Listing(self.draft / manifests.OBJECTS)
        self.meter.begin("files")
        for content in source.named_originals(conn) if conn is not None else ():
            path = self.files.path_of(content)
            if not self._has(content) and not self._keep(path, content):
                self.missing.append(content)
                continue
            listing.add(self._piece(content))
        for path in belongings.archives(self.settings):
            self._archive(path, listing)
        self.pieces.append(listing.close())
        return listing

    def manifest(
        self, facts: Facts, listing: Listing, now: datetime, *, seconds: float
    ) -> Manifest:
        return Manifest(
            format=manifests.FORMAT,
            id=self.draft.name.removeprefix(".draft-"),
            made_at=now,
            reason=self.wish.reason,
            govbot=__version__,
            schema_revision=facts.schema,
            server=facts.server,
            seconds=round(seconds, 2),
            sealed=bool(self.seal),
            holds_keys=bool(self.seal and self.keys),
            key_marks=belongings.key_marks(self.keys),
            store=self.objects.store,
            originals=self.wish.originals,
            objects=listing.count,
            objects_bytes=listing.bytes,
            added_bytes=self.added,
            missing=tuple(self.missing),
            tables=facts.tables,
            audit_seq=facts.audit_seq,
            audit_hash=facts.audit_hash,
            gold=self.wish.gold,
            models=self.wish.models,
            pieces=tuple(self.pieces),
        )

    def _archive(self, path: Path, listing: Listing) -> None:
        """An old part of the audit log; it is small enough to be hashed each time."""
        import hashlib

        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        if self._has(content) or self._keep(path, content):
            self.archived[content] = path.name
            listing.add(self._piece(content))

    def _keep(self, path: Path, content: str) -> bool:
        """False for an original that is not there, or is not any more what its name says."""
        try:
            piece, found = self.objects.keep(path, self._name(content), self.seal, self.meter)
        except FileNotFoundError:
            return False
        if found != content:
            self.objects.path(piece.name).unlink()
            return False
        self.added += piece.size
        if self.seal:
            self.known[bytes.fromhex(piece.name)] = (piece.size, bytes.fromhex(piece.sha256))
        return True

    def _has(self, content: str) -> bool:
        """What a killed backup left counts only where its name tells that it is whole."""
        name = self._name(content)
        if self.seal and bytes.fromhex(name) not in self.known:
            return False
        return self.objects.path(name).exists()

    def _piece(self, content: str) -> Piece:
        name = self._name(content)
        if not self.seal:
            return Piece(name=name, size=_size(self.objects.path(name)), sha256=content)
        size, digest = self.known[bytes.fromhex(name)]
        return Piece(name=name, size=size, sha256=digest.hex())

    def _name(self, content: str) -> str:
        return sealed_name(content, self.key) if self.seal else content


def _known(folder: Folder, store: str) -> dict[bytes, tuple[int, bytes]]:
    """What the newest backup with this store says of its objects: their names do not tell."""
    for backup in folder.all():
        found = backup.manifest
        if found is not None and found.store == store and found.originals:
            return {
                bytes.fromhex(each.name): (each.size, bytes.fromhex(each.sha256))
                for each in listed(backup.place / manifests.OBJECTS)
            }
    return {}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
