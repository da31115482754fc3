"""`govbot doctor`: the backups on the disk: how old, checked when and how, room for the next."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot.cli.doctor_finding import Found, Visit, absent, fail, ok, warn

if TYPE_CHECKING:
    from govbot.backup.folder import Backup, Folder

OLD: Final = timedelta(days=2)
UNCHECKED: Final = timedelta(days=14)
AHEAD: Final = timedelta(minutes=5)
_MAKE: Final = "`govbot backup create`, and systemctl enable --now govbot-backup.timer."
_AGAIN: Final = "Do not rely on it: make another and check it: `govbot backup verify`."


def backup(visit: Visit) -> Found:
    """The newest one that can be read, and whether the last attempt went well."""
    from govbot.backup import state

    folder = _folder(visit)
    if folder.root.is_dir() and not os.access(folder.root, os.R_OK | os.X_OK):
        return fail(f"{folder.root} cannot be read", f"chown govbot: {folder.root}")
    last = state.read(folder.root)
    if last.failed_at > last.created_at:
        at = datetime.fromtimestamp(last.failed_at, UTC)
        words = f"the last attempt failed, {at:%Y-%m-%d %H:%M} UTC [{last.failed_code}]"
        return fail(words, "journalctl -u govbot-backup; docs/troubleshooting.md has the code.")
    newest = _newest(folder)
    if newest is None:
        return warn(f"none in {folder.root}", f"Make the first one: {_MAKE}")
    manifest = newest.known
    age = datetime.now(UTC) - manifest.made_at
    if age < -AHEAD:
        return warn(f"{manifest.id} is from the future", "Set the clock: timedatectl set-ntp true.")
    seen = f"{manifest.id} in {folder.root}, {_words(age)} old, {manifest.bytes / 1e6:.0f} MB"
    if manifest.missing:
        words = f"{seen}; {len(manifest.missing)} originals were missing when it was made"
        return fail(words, "See the look at the originals.")
    return warn(seen, f"Make one: {_MAKE}") if age > OLD else ok(seen)


def checked(visit: Visit) -> Found:
    """When a backup was proved last, and what came out."""
    folder = _folder(visit)
    found = [(each.id, each.verdict) for each in folder.all() if each.verdict is not None]
    if not found:
        if _newest(folder) is None:
            return absent("there is no backup to check")
        return warn("no backup was checked yet", "`govbot backup verify` restores and asks it.")
    name, verdict = max(found, key=lambda each: each[1].at)
    if not verdict.good:
        return fail(f"{name}: {'; '.join(verdict.problems[:3])}", _AGAIN)
    how = "restored and counted" if verdict.restored else "checksums read"
    age = datetime.now(UTC) - verdict.at
    seen = f"{name}, {how} {_words(age)} ago"
    return warn(seen, "`govbot backup verify` checks the newest.") if age > UNCHECKED else ok(seen)


def room(visit: Visit) -> Found:
    """Whether the next one fits, and whether it lies on another disk than the data."""
    folder = _folder(visit)
    newest = _newest(folder)
    if newest is None:
        return absent("there is no backup yet")
    if _same_disk(folder.root, visit.settings.data_dir):
        disk = "the disk of the data folder: take copies off this machine"
    else:
        disk = "a disk of their own"
    free = shutil.disk_usage(folder.root).free
    wanted = newest.known.bytes - newest.known.objects_bytes
    seen = f"{free / 1e9:.1f} GB free at {folder.root}, {disk}"
    if free < wanted * 1.2:
        return fail(seen, "`govbot backup prune`, or give the backups more room.")
    return ok(seen)


def _folder(visit: Visit) -> Folder:
    from govbot.backup.folder import folder_of

    return folder_of(visit.settings)


def _newest(folder: Folder) -> Backup | None:
    """The newest whose manifest is whole."""
    return next((each for each in folder.all() if each.manifest is not None), None)


def _same_disk(folder: Path, data: Path) -> bool:
    return data.is_dir() and folder.stat().st_dev == data.stat().st_dev


def _words(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 48 else f"{age.days} days"
