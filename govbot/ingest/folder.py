"""What lies in a watched folder: its files, with what tells one content from another.

Nothing here writes, follows a link out of the folder, or opens what is not a regular file.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from govbot.ingest.names import MAX_PLACE, clean_place, unique_place

logger = logging.getLogger(__name__)

_TEMPORARY_STARTS = (".", "~$", "~")
_TEMPORARY_ENDS = (
    *("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".swp", ".lock"),
    *("thumbs.db", "desktop.ini"),
)
# The path leads elsewhere than a moment ago: what is there has to be looked at again.
_ELSEWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO)
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Non-blocking: opening a pipe that took the file's place must not wait for its writer.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Mark = tuple[int, int, int]


class Changed(OSError):
    """The file is not the one that was looked at; it has to be looked at again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder. `parts` lead from the folder's real path to its content.

    `leaves`: it is a link out of the folder, which is not followed.
    """

    place: str
    name: str
    parts: tuple[str, ...]
    size: int
    mtime_ns: int
    inode: int
    device: int
    leaves: bool = False

    @property
    def mark(self) -> Mark:
        """Changes whenever the content may have changed: size, time, inode."""
        return (self.size, self.mtime_ns, self.inode)


class Scan:
    """One walk through a folder. Raises OSError when the folder itself cannot be read.

    While `batches` runs it fills `seen` (hashes of places; a set of the names of a million files
    would take ten times as much) and `blind`, the places below which nothing could be seen.
    """

    def __init__(self, root: Path):
        self.root = Path(os.path.realpath(root, strict=True))
        self.seen: set[int] = set()
        self.blind: list[str] = []
        self._info = os.stat(self.root)
        os.listdir(self.root)  # a folder that cannot be read is not an empty folder

    def batches(self, size: int = 500) -> Iterator[list[Found]]:
        """The files, `size` at a time; temporary and hidden names are left out."""
        batch: list[Found] = []
        for found in self._files():
            self.seen.add(hash(found.place))
            batch.append(found)
            if len(batch) == size:
                yield batch
                batch = []
        now = os.stat(self.root)
        if (now.st_dev, now.st_ino) != (self._info.st_dev, self._info.st_ino):
            raise OSError(errno.ESTALE, "the folder was replaced while it was looked at")
        yield batch

    def hides(self, place: str) -> bool:
        """Whether the place lies where nothing could be seen: it need not be gone."""
        return any(place.startswith(prefix) for prefix in self.blind)

    def _files(self) -> Iterator[Found]:
        folders = [""]
        while folders:
            relative = folders.pop()
            inner = []
            for entry in self._entries(relative):
                path = f"{relative}{entry.name}"
                if entry.name.startswith("."):
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(f"{path}/")
                    elif not is_temporary(entry.name) and (found := self._look(entry, path)):
                        yield found
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self._unseen(path, error)
            folders.extend(sorted(inner, reverse=True))

    def _entries(self, relative: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / relative) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            if not relative:
                raise
            return []
        except OSError as error:
            if not relative:
                raise
            self._unseen(relative, error)
            return []

    def _unseen(self, relative: str, error: OSError) -> None:
        prefix = clean_place(relative.rstrip("/"))[: MAX_PLACE - 20]
        self.blind.append(prefix + "/" if relative.endswith("/") else prefix)
        logger.warning(
            "A part of the watched folder cannot be read: %s",
            error.strerror,
            extra={"action": "watch.unreadable", "path": prefix},
        )

    def _look(self, entry: os.DirEntry[str], path: str) -> Found | None:
        if not entry.is_symlink():
            info = entry.stat(follow_symlinks=False)
            return _found(path, path, info) if stat.S_ISREG(info.st_mode) else None
        try:
            real = os.path.realpath(self.root / path, strict=True)
            if not Path(real).is_relative_to(self.root):
                return _found(path, path, entry.stat(follow_symlinks=False), leaves=True)
            info = os.stat(real, follow_symlinks=False)
        except OSError:
            return None  # a link to nothing
        target = os.path.relpath(real, self.root)
        return _found(path, target, info) if stat.S_ISREG(info.st_mode) else None


def is_temporary(filename: str) -> bool:
    """Whether the name is one of those that programs give to what is not finished."""
    name = filename.lower()
    return name.startswith(_TEMPORARY_STARTS) or name.endswith(_TEMPORARY_ENDS)


@contextmanager
def opened(root: Path, found: Found) -> Iterator[BufferedReader]:
    """The file for reading, reached without following a link.

    Raises Changed when it is no longer what was looked at, OSError when it cannot be read.
    """
    try:
        descriptor = _open_below(root, found.parts)
    except OSError as error:
        if error.errno in _ELSEWHERE:
            raise Changed(error.errno, "the file was moved") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        require_unchanged(file, found)
        yield file


def require_unchanged(file: BufferedReader, found: Found) -> None:
    """Raises Changed when the open file is another one, or was written to."""
    info = os.fstat(file.fileno())
    same = (info.st_dev, info.st_size, info.st_mtime_ns, _inode(info)) == (
        found.device,
        *found.mark,
    )
    if not same or not stat.S_ISREG(info.st_mode):
        raise Changed(errno.ESTALE, "the file is being changed")


def sha256_of(file: BufferedReader, found: Found) -> str:
    """The SHA-256 of the content. Raises Changed when it was written to meanwhile, OSError."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    require_unchanged(file, found)
    return digest


def _open_below(root: Path, parts: tuple[str, ...]) -> int:
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _found(path: str, target: str, info: os.stat_result, *, leaves: bool = False) -> Found:
    return Found(
        place=unique_place(path),
        name=path.rpartition("/")[2],
        parts=tuple(target.split("/")),
        size=info.st_size,
        mtime_ns=info.st_mtime_ns,
        inode=_inode(info),
        device=info.st_dev,
        leaves=leaves,
    )


def _inode(info: os.stat_result) -> int:
    """As PostgreSQL's signed bigint holds it."""
    return info.st_ino - (1 << 64) if info.st_ino >= 1 << 63 else info.st_ino
