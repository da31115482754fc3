"""The originals and the keys of a backup on their way back into a data folder."""

from __future__ import annotations

import os
from pathlib import Path

from govbot.backup import belongings
from govbot.backup import manifest as manifests
from govbot.backup.manifest import damaged, like_folder, write_whole
from govbot.backup.objects import CLEAR, listed
from govbot.backup.order import Order, Restored
from govbot.backup.progress import Meter
from govbot.backup.sealed import Counting, Metered, unseal
from govbot.config import Settings
from govbot.documents.files import MARK_FILE, FileStore


def take_originals(order: Order, data_dir: Path, draft: Path, meter: Meter, done: Restored) -> None:
    """The originals that the data folder has not got, each compared with its name."""
    backup = order.backup
    meter.begin("files", backup.known.objects_bytes)
    there = FileStore(data_dir / "files")
    archived = belongings.archived_in(belongings.read(backup, order.identities))
    objects = backup.objects()
    for piece in listed(backup.place / manifests.OBJECTS):
        if backup.known.store == CLEAR and there.path_of(piece.name).exists():
            meter.add(piece.size)
            continue
        content = _take(objects.path(piece.name), draft, order, meter)
        if backup.known.store == CLEAR and content != piece.name:
            raise damaged(backup.id, f"the original {piece.name} was changed")
        _put(draft, content, archived)
        done.originals += content not in archived


def _take(source_file: Path, draft: Path, order: Order, meter: Meter) -> str:
    """One original, decrypted; its SHA-256."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        with (
            source_file.open("rb") as file,
            os.fdopen(os.open(draft / "one", flags, 0o600), "wb") as out,
        ):
            written = Counting(out)
            unseal(Metered(file, meter), written, order.identities)
    except FileNotFoundError:
        raise damaged(order.backup.id, f"the original {source_file.name} is missing") from None
    return written.sha256


def _put(draft: Path, content: str, archived: dict[str, str]) -> None:
    if content in archived:
        folder = draft / "archives"
        folder.mkdir(exist_ok=True)
        target = folder / archived[content]
    else:
        target = FileStore(draft / "files").path_of(content)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (draft / "one").rename(target)
    target.chmod(0o400)
    like_folder(target)


def mark_folder(data_dir: Path, mark: str) -> None:
    """The folder of originals is that of the restored installation, whosever it was before."""
    files = FileStore(data_dir / "files")
    if not files.root.is_dir():
        files.root.mkdir(mode=0o700)
        like_folder(files.root)
    (files.root / MARK_FILE).unlink(missing_ok=True)  # before 0034 there was none
    if mark:
        files.write_mark(mark)
        like_folder(files.root / MARK_FILE)


def put_keys(
    order: Order, settings: Settings, data_dir: Path, small: dict[str, bytes], done: Restored
) -> None:
    """The keys of the backup before those that are here, which stay good for what they sealed."""
    theirs = small.get(belongings.SECURITY_KEY, b"").decode().split()
    here = belongings.security_keys(settings).split()
    if theirs and not settings.security.key.get_secret_value():
        both = [*theirs, *(each for each in here if each not in theirs)]
        file = data_dir / belongings.SECURITY_KEY
        write_whole(file, "\n".join(both) + "\n")
        file.chmod(0o600)
    elif not set(order.backup.known.key_marks) & set(belongings.key_marks(" ".join(here))):
        done.notes.append(
            "The key that opens the secrets of the database is not here, and the service does not "
            "start without it: put secret.key of the old installation into the data folder, or set "
            "security.key. If it is lost, `govbot nodes adopt` goes on without what it sealed: "
            "second factors and stored secrets."
        )
    audit_key = data_dir / belongings.AUDIT_KEY
    if belongings.AUDIT_KEY in small and not audit_key.exists():
        write_whole(audit_key, small[belongings.AUDIT_KEY].decode())
        audit_key.chmod(0o600)
    if belongings.SETTINGS in small:
        file = data_dir / "govbot-of-backup.toml"
        write_whole(file, small[belongings.SETTINGS].decode())
        file.chmod(0o600)
        done.notes.append(f"The settings of the backup are in {file}; yours were not changed.")
