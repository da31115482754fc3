"""The folder of the backups: what is in it, and that one process at a time changes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from govbot.backup import manifest as manifests
from govbot.backup import progress
from govbot.backup.manifest import Manifest, Verdict
from govbot.backup.objects import Objects
from govbot.config import Settings
from govbot.errors import Busy, GovBotError, NotFound, Unavailable

DRAFT: Final = ".draft-"
GONE: Final = ".gone-"
PACKAGED: Final = Path("/var/backups/govbot")
PACKAGED_DATA: Final = Path("/var/lib/govbot")
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of the folder; without a manifest, `problem` says why it cannot be used."""

    place: Path
    manifest: Manifest | None
    verdict: Verdict | None = None
    problem: GovBotError | None = None

    @property
    def id(self) -> str:
        return self.place.name

    @property
    def known(self) -> Manifest:
        """The manifest. Raises what makes it unusable."""
        if self.manifest is None:
            raise self.problem or manifests.damaged(self.id, "it has no manifest")
        return self.manifest

    @property
    def made_at(self) -> datetime | None:
        return self.manifest.made_at if self.manifest else None

    @property
    def proven(self) -> bool:
        """Whether its last check restored it and found it good."""
        return self.verdict is not None and self.verdict.good and self.verdict.restored

    def objects(self) -> Objects:
        """Where its originals lie: in the folder that holds it."""
        return Objects(self.place.parent, self.known.store)


class Folder:
    """The folder of the backups of one installation."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def running_file(self) -> Path:
        return self.root / progress.FILE

    def prepare(self) -> None:
        """Creates it, for its owner's eyes only. Raises Unavailable."""
        try:
            if not self.root.is_dir():
                self.root.mkdir(parents=True, mode=0o700)
                manifests.like_folder(self.root)
        except OSError as error:
            raise Unavailable(
                'The folder of the backups "%(folder)s" cannot be used (%(reason)s): see '
                "backup.folder.",
                folder=str(self.root),
                reason=error.strerror or str(error),
                code="E-BACKUP-FOLDER",
            ) from error

    def read_only(self) -> bool:
        """Whether this process may not write where it lies, as a unit of systemd has it."""
        try:
            return bool(os.statvfs(self.root).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else makes, checks or removes backups meanwhile; what a killed process left half
        done is removed. Raises Busy E-BACKUP-BUSY."""
        self.prepare()
        file = self.root / _LOCK
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            manifests.like_folder(file)
            if not _held(handle):
                raise Busy(
                    "Another backup, or the check of one, is under way in this folder.",
                    code="E-BACKUP-BUSY",
                )
            self._sweep()
            yield
        finally:
            with contextlib.suppress(OSError):
                self.running_file.unlink(missing_ok=True)
            os.close(handle)

    def running(self) -> progress.Running | None:
        """What is under way in it, in whatever process."""
        try:  # the service may only read it
            handle = os.open(self.root / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return progress.read(self.running_file)
        finally:
            os.close(handle)
        return None

    def all(self) -> list[Backup]:
        """Every backup, the newest first; drafts are none."""
        try:
            places = [each for each in self.root.iterdir() if _is_backup(each)]
        except OSError:
            return []
        return [look(place) for place in sorted(places, reverse=True)]

    def find(self, name: str = "") -> Backup:
        """The backup of this name or path, or the newest one. Raises NotFound E-BACKUP-UNKNOWN."""
        if not name:
            found = self.all()
            if found:
                return found[0]
            raise NotFound(
                'There is no backup in "%(folder)s".',
                folder=str(self.root),
                code="E-BACKUP-UNKNOWN",
            )
        place = Path(name) if "/" in name else self.root / name
        if name in (".", "..") or not (place / manifests.FILE).is_file():
            raise NotFound(
                'There is no backup "%(name)s" in "%(folder)s".',
                name=name,
                folder=str(self.root),
                code="E-BACKUP-UNKNOWN",
            )
        return look(place.resolve())

    def draft(self, name: str) -> Path:
        """An empty folder to fill."""
        place = self.root / f"{DRAFT}{name}"
        place.mkdir(mode=0o700)
        manifests.like_folder(place)
        return place

    def keep(self, draft: Path) -> Path:
        """From here on it is a backup: everything in it is on the disk."""
        for file in draft.iterdir():
            manifests.like_folder(file)
        manifests.sync_disk(self.root)  # the originals and the names of their folders
        place = draft.with_name(draft.name.removeprefix(DRAFT))
        draft.rename(place)
        manifests.sync_folder(self.root)
        return place

    def remove(self, backup: Backup) -> None:
        """Half a removal leaves nothing that counts as a backup."""
        gone = backup.place.with_name(f"{GONE}{backup.id}")
        backup.place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _sweep(self) -> None:
        for pattern in (f"{DRAFT}*", f"{GONE}*"):
            for left in self.root.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)


def folder_of(settings: Settings) -> Folder:
    """The folder that the settings name; the package's own beside the package's data folder."""
    if settings.backup.folder:
        return Folder(Path(settings.backup.folder))
    own = settings.data_dir / "backups"
    packaged = settings.data_dir == PACKAGED_DATA and PACKAGED.is_dir() and not own.is_dir()
    return Folder(PACKAGED if packaged else own)


def look(place: Path) -> Backup:
    """What lies in the folder of a backup."""
    verdict = manifests.read_verdict(place)
    try:
        return Backup(place, manifests.read(place), verdict)
    except GovBotError as error:
        return Backup(place, None, verdict, error)


def _held(handle: int) -> bool:
    """Tried some times: who only looks whether anything runs holds it for an instant, too."""
    for _try in range(5):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _is_backup(place: Path) -> bool:
    return not place.name.startswith(".") and (place / manifests.FILE).exists()
