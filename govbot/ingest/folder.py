"""What lies in a watched folder: its files, with what tells one content from another."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from govbot.ingest.names import clean_place

logger = logging.getLogger(__name__)

_TEMPORARY_STARTS = (".", "~$", "~")
_TEMPORARY_ENDS = (
    *("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".swp", ".lock"),
    *("thumbs.db", "desktop.ini"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder; `mark` changes whenever its content may have changed."""

    path: Path
    place: str
    size: int
    mark: tuple[int, int, int]


def files_below(root: Path) -> Iterator[Found]:
    """The regular files below `root`, in order; temporary and hidden names are left out.

    A symbolic link counts as the file it points to, but never when that is outside of `root`.
    Raises OSError when `root` itself cannot be read.
    """
    real_root = root.resolve(strict=True)
    os.listdir(real_root)  # a folder that cannot be read is not an empty folder
    for folder, names, filenames in os.walk(real_root, onerror=_unreadable):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for filename in sorted(filenames):
            if not is_temporary(filename):
                found = _look(real_root, Path(folder) / filename)
                if found is not None:
                    yield found


def is_temporary(filename: str) -> bool:
    """Whether the name is one of those that programs give to what is not finished."""
    name = filename.lower()
    return name.startswith(_TEMPORARY_STARTS) or name.endswith(_TEMPORARY_ENDS)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(root: Path, path: Path) -> Found | None:
    try:
        real = path.resolve(strict=True)
        info = real.stat()
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    if not real.is_relative_to(root):
        logger.debug("A link leaves the watched folder", extra={"action": "watch.link-refused"})
        return None
    place = clean_place(path.relative_to(root).as_posix())
    return Found(real, place, info.st_size, (info.st_size, info.st_mtime_ns, info.st_ino))


def _unreadable(error: OSError) -> None:
    # The files below would look deleted.
    raise error
