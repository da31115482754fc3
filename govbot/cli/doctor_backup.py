"""`govbot doctor`: the backups on the disk: how old, checked when and how, room for the next."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot.cli.doctor_finding import Found, Visit, absent, fail, ok, warn
from govbot.errors import GovBotError

if TYPE_CHECKING:
    from govbot.backup.manifest import Manifest
    from govbot.config import Settings

OLD: Final = timedelta(days=2)
UNCHECKED: Final = timedelta(days=14)
PACKAGED: Final = Path("/var/backups/govbot")  # where the unit of the package writes
_NAME: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")
_MAKE: Final = "`govbot backup create`, and systemctl enable --now govbot-backup.timer."


def backup(visit: Visit) -> Found:
    """The newest one that can be read."""
    folder = _folder(visit.settings)
    newest = _newest(folder)
    if newest is None:
        return warn(f"none in {folder}", f"Make the first one: {_MAKE}")
    manifest = newest[1]
    age = datetime.now(UTC) - manifest.made_at
    seen = f"{manifest.id} in {folder}, {_words(age)} old, {manifest.bytes / 1e6:.0f} MB"
    if age < -timedelta(minutes=5):
        return warn(f"{manifest.id} is from the future", "Set the clock: timedatectl set-ntp true.")
    if manifest.missing:
        words = f"{seen}; {len(manifest.missing)} originals were missing when it was made"
        return fail(words, "See the check of the originals above.")
    return warn(seen, f"Make one: {_MAKE}") if age > OLD else ok(seen)


def checked(visit: Visit) -> Found:
    """When a backup was proved last, and what came out."""
    from govbot.backup.manifest import read_verdict

    folder = _folder(visit.settings)
    verdicts = [
        (place.name, found)
        for place in _places(folder)
        if (found := read_verdict(place)) is not None
    ]
    if not verdicts:
        if _newest(folder) is None:
            return absent("there is no backup to check")
        return warn("no backup was checked yet", "`govbot backup verify` restores and asks it.")
    name, verdict = max(verdicts, key=lambda each: each[1].at)
    how = "restored and counted" if verdict.restored else "checksums read"
    if not verdict.good:
        words = f"{name}: {'; '.join(verdict.problems[:3])}"
        return fail(words, "Do not rely on it: make another and check it: `govbot backup verify`.")
    age = datetime.now(UTC) - verdict.at
    seen = f"{name}, {how} {_words(age)} ago"
    return warn(seen, "`govbot backup verify` checks the newest.") if age > UNCHECKED else ok(seen)


def room(visit: Visit) -> Found:
    """Whether the next one fits."""
    folder = _folder(visit.settings)
    newest = _newest(folder)
    if not folder.is_dir() or newest is None:
        return absent("there is no backup yet")
    if not folder.is_mount() and _same_disk(folder, visit.settings.data_dir):
        disk = "the disk of the data folder, which takes them along when it breaks"
    else:
        disk = "a disk of their own"
    free, wanted = shutil.disk_usage(folder).free, newest[1].bytes - newest[1].objects_bytes
    seen = f"{free / 1e9:.1f} GB free at {folder}, on {disk}"
    if free < wanted * 1.2:
        return fail(seen, "`govbot backup prune`, or give the backups more room.")
    return ok(seen)


def _same_disk(folder: Path, data: Path) -> bool:
    return data.is_dir() and folder.stat().st_dev == data.stat().st_dev


def _folder(settings: Settings) -> Path:
    """Where backups lie: as set, else where the package's unit puts them, else in data_dir."""
    if settings.backup.folder:
        return Path(settings.backup.folder)
    own = settings.data_dir / "backups"
    return PACKAGED if PACKAGED.is_dir() and not own.is_dir() else own


def _places(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))


def _newest(folder: Path) -> tuple[Path, Manifest] | None:
    """The newest whose manifest is whole: names sort by time."""
    from govbot.backup.manifest import read

    for place in reversed(_places(folder)):
        try:
            return place, read(place)
        except GovBotError:
            continue
    return None


def _words(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 48 else f"{age.days} days"
