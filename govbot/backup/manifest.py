"""What a backup consists of: read by everything that lists, checks, restores or removes one."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from govbot.errors import Invalid

FILE: Final = "manifest.json"
VERDICT: Final = "verified.json"
FORMAT: Final = 1
DAMAGED: Final = "E-BACKUP-DAMAGED"

# The pieces.
DATABASE: Final = "database.dump"
SETTINGS: Final = "settings.tar.gz"
OBJECTS: Final = "objects.gz"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Piece(_Record):
    """A file of the backup as it lies on the disk."""

    name: str
    size: int
    sha256: str


class Model(_Record):
    """A model that the installation used; its files are not part of the backup."""

    name: str
    kind: str
    source: str = ""
    files: dict[str, str] = {}


class Gold(_Record):
    """Gold questions put to the search by words: how many, and how many found their document."""

    asked: int = 0
    found: int = 0


class Manifest(_Record):
    """Everything about a backup that may be known without its key."""

    format: int
    id: str
    made_at: datetime
    reason: str
    govbot: str
    schema_revision: str
    server: str
    seconds: float = 0
    sealed: bool = False
    holds_keys: bool = False
    key_marks: tuple[str, ...] = ()
    """Of the keys that open sealed columns: enough to tell them, not to know them."""
    store: str = ""
    """The folder of the objects."""
    originals: bool = True
    objects: int = 0
    objects_bytes: int = 0
    added_bytes: int = 0
    missing: tuple[str, ...] = ()
    """Originals that the database named and the disk had lost, before this backup."""
    tables: dict[str, int] = {}
    audit_seq: int = 0
    audit_hash: str = ""
    gold: Gold | None = None
    models: tuple[Model, ...] = ()
    pieces: tuple[Piece, ...] = ()

    @property
    def bytes(self) -> int:
        """Its size, the originals that it shares with other backups included."""
        return sum(piece.size for piece in self.pieces) + self.objects_bytes

    def piece(self, name: str) -> Piece:
        """The piece of this name. Raises Invalid E-BACKUP-DAMAGED."""
        found = next((piece for piece in self.pieces if piece.name == name), None)
        if found is None:
            raise damaged(self.id, f"{name} is not in its manifest")
        return found


class Verdict(_Record):
    """What the last check of a backup found. `restored`: the database was restored and counted."""

    at: datetime
    good: bool
    restored: bool
    seconds: float
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def new_id(now: datetime) -> str:
    """A name that sorts by time and that no other backup has."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def write(folder: Path, manifest: Manifest) -> None:
    """The manifest with a checksum of itself, safe on the disk."""
    told = manifest.model_dump(mode="json")
    write_whole(folder / FILE, json.dumps({"manifest": told, "sha256": _digest(told)}, indent=1))


def read(folder: Path) -> Manifest:
    """Raises Invalid E-BACKUP-DAMAGED, E-BACKUP-NEWER for a format that this version cannot."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        told = found["manifest"]
        if found["sha256"] != _digest(told):
            raise damaged(folder.name, "its manifest is not what was written")
        if told["format"] > FORMAT:
            raise Invalid(
                'The backup "%(id)s" was made by a newer GovBot (%(version)s): install that one.',
                id=folder.name,
                version=str(told.get("govbot")),
                code="E-BACKUP-NEWER",
            )
        return Manifest.model_validate(told)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise damaged(folder.name, "its manifest cannot be read") from error


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Replaces what was found before."""
    write_whole(folder / VERDICT, verdict.model_dump_json(indent=1))


def read_verdict(folder: Path) -> Verdict | None:
    """None: never checked, or the note of it is gone."""
    try:
        return Verdict.model_validate_json((folder / VERDICT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def damaged(name: str, reason: str) -> Invalid:
    """The error for a backup that is not whole."""
    return Invalid(
        'The backup "%(id)s" is damaged: %(reason)s.', id=name, reason=reason, code=DAMAGED
    )


def write_whole(file: Path, text: str) -> None:
    """Whole or not at all, whatever happens."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    like_folder(draft)
    draft.replace(file)
    sync_folder(file.parent)


def like_folder(path: Path) -> None:
    """What root makes belongs to the folder's own account, so that the service can go on there."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync_folder(folder: Path) -> None:
    """The names in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_disk(folder: Path) -> None:
    """Everything on the folder's file system survives a power cut: one call, not one per file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def _digest(told: dict[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
