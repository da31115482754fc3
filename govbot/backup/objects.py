"""The originals of all backups of a folder, each once: objects/<store>/ab/<name>.

In clear, a name is the SHA-256 of the content; on the same disk it is then another name of the same
file, which takes no room. Encrypted, names come from a key of the installation, so that nobody
can ask the folder whether it holds a certain document.
"""

from __future__ import annotations

import contextlib
import gzip
import hmac
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from govbot.backup.manifest import Piece, damaged, like_folder
from govbot.backup.progress import Meter
from govbot.backup.sealed import BLOCK, Counting, Metered, Seal, pour
from govbot.errors import Unavailable

CLEAR: Final = "clear"
FOLDER: Final = "objects"
_DRAFT: Final = ".draft-"


class Objects:
    """The objects of one store; only who holds the lock of the folder adds to it."""

    def __init__(self, root: Path, store: str) -> None:
        self.folder = root / FOLDER / store
        self.store = store

    def path(self, name: str) -> Path:
        """Where the object lies, or would lie. Raises ValueError for what is no name."""
        if len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise ValueError(f"not the name of an object: {name!r}")
        return self.folder / name[:2] / name

    def keep(self, source: Path, name: str, seal: Seal, meter: Meter) -> tuple[Piece, str]:
        """Stores the content of a file; the piece as it lies here, and the content's SHA-256.

        Raises FileNotFoundError when the file is not there.
        """
        target = self.path(name)
        self._prepare(target.parent)
        draft = target.with_name(f"{_DRAFT}{name}")
        draft.unlink(missing_ok=True)
        if not seal and _linked(source, draft):
            piece, content = _hashed(draft, meter)
        else:
            piece, content = _copied(source, draft, seal, meter)
        draft.replace(target)
        return Piece(name=name, size=piece.size, sha256=piece.sha256), content

    def shares(self, source: Path) -> bool:
        """Whether this file would take no room here: not across disks, nor across mounts."""
        probe = self.folder / f"{_DRAFT}probe"
        self._prepare(self.folder)
        try:
            return _linked(source, probe)
        except FileNotFoundError:
            return False
        finally:
            probe.unlink(missing_ok=True)

    def check(self, piece: Piece, meter: Meter) -> str:
        """Compares an object with what it was; empty when it is the same, else what is wrong."""
        return check(self.path(piece.name), piece, meter)

    def remove_unnamed(self, named: set[str]) -> int:
        """Removes what no backup names; returns the bytes."""
        removed = 0
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for entry in os.scandir(folder):
                if entry.name not in named:
                    with contextlib.suppress(FileNotFoundError):
                        removed += entry.stat(follow_symlinks=False).st_size
                        Path(entry.path).unlink()
        return removed

    def _prepare(self, folder: Path) -> None:
        for each in (self.folder.parent, self.folder, folder):
            if not each.is_dir():
                each.mkdir(mode=0o700, exist_ok=True)
                like_folder(each)


def names_key(keys: str) -> bytes:
    """The key of the names of encrypted objects, from the newest key of the installation."""
    return hmac.digest(keys.split(maxsplit=1)[0].encode(), b"govbot backup names", "sha256")


def sealed_store(seal: Seal, key: bytes) -> str:
    """Another store for other recipients, and after a change of the key."""
    return f"age-{sha256(seal.mark.encode() + key).hexdigest()[:16]}"


def sealed_name(content: str, key: bytes) -> str:
    """The name of the object with this content."""
    return hmac.new(key, content.encode(), "sha256").hexdigest()


def check(path: Path, piece: Piece, meter: Meter) -> str:
    """Empty when the file is what the piece says, else what is wrong with it."""
    try:
        found, _ = _hashed(path, meter)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if found.size != piece.size:
        return f"has {found.size} bytes instead of {piece.size}"
    return "" if found.sha256 == piece.sha256 else "was changed (its checksum is another one)"


class Listing:
    """The list of a backup's objects while it is written: name, bytes and SHA-256 of each."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream = gzip.open(file, "wt", encoding="ascii", compresslevel=6)  # noqa: SIM115
        self.count = self.bytes = 0

    def add(self, piece: Piece) -> None:
        self._stream.write(f"{piece.name} {piece.size} {piece.sha256}\n")
        self.count += 1
        self.bytes += piece.size

    def close(self) -> Piece:
        """The list as a piece of the backup."""
        self._stream.close()
        return _hashed(self._file, Meter())[0]


def listed(file: Path) -> Iterator[Piece]:
    """The objects of a backup. Raises Invalid E-BACKUP-DAMAGED."""
    try:
        with gzip.open(file, "rt", encoding="ascii") as stream:
            for line in stream:
                name, size, digest = line.split()
                yield Piece(name=name, size=int(size), sha256=digest)
    except (OSError, EOFError, ValueError) as error:
        raise damaged(file.parent.name, f"{file.name} cannot be read") from error


def require_room(folder: Path, wanted: int) -> None:
    """Raises Unavailable E-BACKUP-SPACE when the disk does not take so many bytes more."""
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if free < wanted + (256 << 20):
        raise Unavailable(
            'The disk of "%(folder)s" has %(free)s MB free, and about %(wanted)s MB are needed: '
            "make room, or choose another backup.folder.",
            folder=str(folder),
            free=free >> 20,
            wanted=(wanted >> 20) + 256,
            code="E-BACKUP-SPACE",
        )


def _linked(source: Path, draft: Path) -> bool:
    """Another name for the same content, where both lie on one disk."""
    try:
        os.link(source, draft, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _copied(source: Path, draft: Path, seal: Seal, meter: Meter) -> tuple[Piece, str]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with source.open("rb") as file, os.fdopen(os.open(draft, flags, 0o400), "wb") as out:
        read, written = Metered(file, meter), Counting(out)
        pour(read, written, seal)
        out.flush()
        os.fsync(out.fileno())
    like_folder(draft)
    return written.piece(draft.name), read.sha256


def _hashed(path: Path, meter: Meter) -> tuple[Piece, str]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            meter.add(len(block))
    return Piece(name=path.name, size=size, sha256=digest.hexdigest()), digest.hexdigest()
