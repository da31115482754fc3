"""Originals on disk, named by their SHA-256: files/ab/cd/<sha256>, written once, never changed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from govbot.documents.drawn import DrawnPages
from govbot.errors import BadDocument, NotFound, TooLarge, Unavailable

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
MARK_FILE = ".installation"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An original in the store."""

    sha256: str
    size: int
    path: Path


class FileStore:
    """The originals under one folder. Safe for several processes at once.

    `drawn` are pictures of their pages, in the folder `pages` beside it. `mark` is the id of the
    installation that the folder must bear, for it may be shared and come and go; empty: any folder
    will do. `away` is set by who looks whether it is there (govbot/nodes/presence.py).
    """

    def __init__(self, root: Path):
        self.root = root
        self.mark = ""
        self.away = False
        self.drawn = DrawnPages(root.with_name("pages"), self.path_of)
        self._incoming = root / "incoming"

    def prepare(self) -> None:
        """Creates the folders and removes what a killed process left half written."""
        with _as_unavailable():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)  # the names tell which contents are held
            self._incoming.mkdir(exist_ok=True, mode=0o700)
        for file in self._incoming.iterdir():
            if not _being_written(file):
                with contextlib.suppress(FileNotFoundError):
                    file.unlink()
                    logger.info("Unfinished file removed", extra={"action": "file.swept"})

    def read_mark(self) -> str | None:
        """The id of the installation that the folder belongs to; None where nothing says so."""
        try:
            return (self.root / MARK_FILE).read_text(encoding="ascii").strip() or None
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return None
        except OSError as error:
            raise _unavailable(error) from error

    def write_mark(self, mark: str) -> None:
        """Says in the folder which installation it belongs to."""
        draft = self.root / f"{MARK_FILE}.{os.getpid()}"
        with _as_unavailable():
            draft.write_text(f"{mark}\n", encoding="ascii")
            draft.replace(self.root / MARK_FILE)
            _sync_folder(self.root)

    def holds(self, sha256: str) -> bool:
        """Whether a content is there."""
        return self.path_of(sha256).exists()

    def require(self) -> None:
        """Raises Unavailable E-FILES-AWAY while the folder is not that of the installation."""
        if self.away or (self.mark and self.read_mark() != self.mark):
            raise Unavailable(
                "The folder of the originals is not there: the administrator has to mount it. The "
                "work goes on by itself then.",
                code="E-FILES-AWAY",
            )

    async def put(self, source: Path | AsyncIterator[bytes], *, max_bytes: int) -> StoredFile:
        """Stores the content of a file or a stream; the same content twice is stored once.

        Raises BadDocument E-VAZIO when empty, TooLarge E-TAMANHO above `max_bytes`, NotFound when
        the file cannot be opened, Unavailable when the disk is full, not writable or away.
        """
        await asyncio.to_thread(self.require)
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        if isinstance(source, Path):
            return await asyncio.to_thread(self._put_file, source, max_bytes)
        with _as_unavailable():
            target = _Incoming(self._incoming, max_bytes)
        try:
            async for block in source:
                await asyncio.to_thread(target.write, block)
            return await asyncio.to_thread(target.keep, self)
        finally:
            target.discard()

    def path_of(self, sha256: str) -> Path:
        """Where the content lies (or would lie). Raises ValueError for what is not a SHA-256."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def remove(self, sha256: str) -> None:
        """Deletes a content that no version names any more, and the pictures of its pages."""
        with contextlib.suppress(FileNotFoundError):
            self.path_of(sha256).unlink()
        self.drawn.forget(sha256)

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every content with the moment it was last stored, in no order."""
        for folder in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]"):
            for entry in os.scandir(folder):
                with contextlib.suppress(ValueError, FileNotFoundError):
                    self.path_of(entry.name)
                    yield entry.name, datetime.fromtimestamp(entry.stat().st_mtime, UTC)

    def _put_file(self, path: Path, max_bytes: int) -> StoredFile:
        with _opened(path) as file, _as_unavailable():
            if os.fstat(file.fileno()).st_size > max_bytes:
                raise _too_large(max_bytes)
            target = _Incoming(self._incoming, max_bytes)
            try:
                while block := file.read(BLOCK):
                    target.write(block)
                return target.keep(self)
            finally:
                target.discard()


class _Incoming:
    """A file being written; held under a lock so that another process does not sweep it away."""

    def __init__(self, folder: Path, max_bytes: int):
        self._file, self._path = _new_locked(folder)
        self._max = max_bytes
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, block: bytes) -> None:
        self._size += len(block)
        if self._size > self._max:
            raise _too_large(self._max)
        self._hash.update(block)
        with _as_unavailable():
            self._file.write(block)

    def keep(self, store: FileStore) -> StoredFile:
        """Gives the file its final name; from then on it survives a power cut."""
        if not self._size:
            raise BadDocument("The file is empty.", code="E-VAZIO")
        sha256 = self._hash.hexdigest()
        final = store.path_of(sha256)
        with _as_unavailable():
            self._file.flush()
            os.fchmod(self._file.fileno(), 0o400)
            os.fsync(self._file.fileno())
            final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if final.exists():
                _touch(final)
            if not final.exists():
                self._path.replace(final)
                for folder in (final.parent, final.parent.parent, store.root):
                    _sync_folder(folder)
        return StoredFile(sha256, self._size, final)

    def discard(self) -> None:
        """Closes; removes the temporary name if it is still there."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        "The file is larger than the limit of %(limit)d MB.",
        code="E-TAMANHO",
        limit=max_bytes // 1_000_000,
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotFound(
            "The file %(path)s cannot be read (%(reason)s).",
            path=path.name,
            reason=error.strerror,
        ) from error
    with file:
        yield file


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    """Turns a failing disk into a sentence for the operator."""
    try:
        yield
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in _FULL:
        return Unavailable(
            "The disk that holds the documents is full. Free some space and try again.",
            code="E-DISK-FULL",
        )
    return Unavailable(
        "The folder of the documents cannot be written (%(reason)s).",
        code="E-DISK",
        reason=error.strerror or str(error),
    )


def _touch(path: Path) -> None:
    """What is stored once more counts as new: nobody sweeps it away before a version names it."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)


def _new_locked(folder: Path) -> tuple[BinaryIO, Path]:
    """A new file under a lock; another process may sweep it away before the lock is taken."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder)
        file, path = os.fdopen(handle, "wb"), Path(name)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists():
            return file, path
        file.close()


def _being_written(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
