"""Puts a restored data folder in the place of the one in use, and keeps the old one aside.

Everything is prepared beside; the database changes places by one rename, so that a process that is
killed leaves the old database or the new one, never half.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from govbot.backup.manifest import like_folder, sync_disk, sync_folder
from govbot.db.cluster import Cluster
from govbot.db.process import wait_all_gone
from govbot.errors import Conflict, Unavailable

NOT_EMPTY: Final = "E-BACKUP-NOT-EMPTY"
DRAFT: Final = "restore-"
ASIDE: Final = "before-restore-"
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD: Final = -100


def require_empty(data_dir: Path) -> None:
    """Raises Conflict E-BACKUP-NOT-EMPTY where there is a database or an original."""
    files = data_dir / "files"
    originals = files.is_dir() and any(files.glob("[0-9a-f][0-9a-f]"))
    if (data_dir / "postgres" / "data").exists() or originals:
        raise Conflict(
            'The data folder "%(path)s" is not empty: --replace restores in its place and keeps '
            "what is there aside.",
            path=str(data_dir),
            code=NOT_EMPTY,
        )


@contextmanager
def draft(data_dir: Path) -> Iterator[Path]:
    """A folder to restore into, on the same disk; what a killed restore left is removed."""
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        like_folder(data_dir)
    for left in data_dir.glob(f"{DRAFT}*"):
        # Its server may still run, with nobody to wait for it.
        wait_all_gone(Cluster(left / "postgres").processes, kill_after_s=0)
        shutil.rmtree(left, ignore_errors=True)
    place = data_dir / f"{DRAFT}{os.getpid()}"
    place.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    like_folder(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def put_in_place(data_dir: Path, place: Path) -> Path | None:
    """The restored database takes its place; where the old one lies now, if there was one.

    The originals of the old one are kept beside it, as other names of the same files.
    """
    target, made = data_dir / "postgres", place / "postgres"
    sync_disk(data_dir)
    if not (target / "data").exists():
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
        sync_folder(data_dir)
        return None
    aside = data_dir / f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
    aside.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    like_folder(aside)
    _keep_originals(data_dir / "files", aside / "files")
    made.rename(aside / "postgres")
    _exchange(aside / "postgres", target)
    for folder in (aside, data_dir):
        sync_folder(folder)
    return aside


def move_in(place: Path, data_dir: Path) -> None:
    """The restored originals join those that are there: each is named by its content."""
    for file in (place / "files").glob("??/??/*"):
        target = data_dir / "files" / file.relative_to(place / "files")
        for folder in (target.parent.parent.parent, target.parent.parent, target.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                like_folder(folder)
        if not target.exists():
            file.rename(target)
            like_folder(target)


def _keep_originals(files: Path, aside: Path) -> None:
    if files.is_dir():
        shutil.copytree(files, aside, copy_function=os.link, ignore=_only_originals)
        shutil.copystat(files, aside)


def _only_originals(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "incoming"}


def _exchange(one: Path, other: Path) -> None:
    """Two folders change places in one step. Raises Unavailable where the disk cannot do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE)
    if done == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
        raise OSError(code, os.strerror(code), str(other))
    raise Unavailable(
        'The file system of "%(path)s" cannot exchange two folders in one step: move '
        '"%(name)s" away by hand and restore without --replace.',
        path=str(other.parent),
        name=other.name,
        code="E-BACKUP-EXCHANGE",
    )
