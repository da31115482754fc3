"""What belongs to an installation beside its database and originals: settings, keys, checkpoints.

Keys and secrets lie in a backup only when it is encrypted: secrets are sealed in the database so
that who has the database has not got them, and a backup must not undo that.
"""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from govbot import sealing
from govbot.audit import archive, checkpoints, keys
from govbot.backup.folder import Backup
from govbot.backup.manifest import SETTINGS as PIECE
from govbot.backup.manifest import damaged
from govbot.backup.progress import Meter
from govbot.backup.sealed import Counting, Metered, unseal
from govbot.config import Settings, fields, is_secret, table_of
from govbot.config.table import Section

LOCAL_CONF: Final = "local.conf"
SETTINGS: Final = "govbot.toml"
ARCHIVES: Final = "archives.json"
ARCHIVE_FOLDER: Final = archive.FOLDER
CHECKPOINTS: Final = checkpoints.FILE
SECURITY_KEY: Final = sealing.KEY_FILE
AUDIT_KEY: Final = keys.KEY_FILE
_HIDDEN: Final = "(left out of the backup)"
_LARGEST: Final = 1 << 30  # bytes of one file that is taken back


@dataclass(frozen=True, slots=True)
class Belonging:
    """A small file and the name that it has in the backup."""

    name: str
    content: bytes


def security_keys(settings: Settings) -> str:
    """The keys that seal secrets in the database, newest first; empty: there are none yet."""
    if text := settings.security.key.get_secret_value():
        return text
    return _text(settings.data_dir / SECURITY_KEY)


def key_marks(keys_text: str) -> tuple[str, ...]:
    """What tells keys apart without telling them."""
    return tuple(
        sha256(b"govbot key mark " + each.encode()).hexdigest()[:16] for each in keys_text.split()
    )


def archives(settings: Settings) -> list[Path]:
    """Files of old entries of the audit log: written once, so they are kept as the originals are.

    Their names and contents are listed in `archives.json`.
    """
    return sorted((settings.data_dir / archive.FOLDER).glob("*.gz"))


def pack(settings: Settings, archived: dict[str, str], *, with_keys: bool) -> bytes:
    """The small files as a compressed archive. `archived`: name and SHA-256 of old audit files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for each in _all(settings, archived, with_keys):
            about = tarfile.TarInfo(each.name)
            about.size, about.mode = len(each.content), 0o600
            tar.addfile(about, io.BytesIO(each.content))
    return packed.getvalue()


def read(backup: Backup, identities: Sequence[Any] | None) -> dict[str, bytes]:
    """The small files of a backup by name. Raises Invalid E-BACKUP-DAMAGED, E-BACKUP-KEY."""
    packed = io.BytesIO()
    with (backup.place / PIECE).open("rb") as file:
        unseal(Metered(file, Meter()), Counting(packed), identities)
    return unpack(backup.id, packed.getvalue())


def unpack(backup_id: str, packed: bytes) -> dict[str, bytes]:
    """The small files by name. Raises Invalid E-BACKUP-DAMAGED."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
            for about in tar:
                stream = tar.extractfile(about) if about.isfile() else None
                if stream is not None and about.size <= _LARGEST:
                    found[about.name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise damaged(backup_id, "its settings cannot be read") from error
    return found


def archived_in(found: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 and name of the old audit files of a backup."""
    told = json.loads(found.get(ARCHIVES, b"{}"))
    return {str(digest): Path(str(name)).name for digest, name in told.items()}


def without_secrets(text: str) -> str:
    """A configuration file with its secrets taken out; empty where that is not certain."""
    try:
        secrets = set(_secrets(tomllib.loads(text)))
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        left = set(_secrets(tomllib.loads(text)))
    except (ValueError, TypeError):
        return ""
    return text if left <= {_HIDDEN} else ""


def _all(settings: Settings, archived: dict[str, str], with_keys: bool) -> Iterator[Belonging]:
    text = _text(settings.file) if settings.file else ""
    if text and not with_keys:
        text = without_secrets(text)
    texts = {SETTINGS: text, LOCAL_CONF: _text(settings.data_dir / "postgres/data" / LOCAL_CONF)}
    own = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
    texts[CHECKPOINTS] = _text(own)
    texts[ARCHIVES] = json.dumps(archived)
    if with_keys:
        texts[SECURITY_KEY] = security_keys(settings)
        texts[AUDIT_KEY] = settings.audit.key.get_secret_value() or _text(
            settings.data_dir / AUDIT_KEY
        )
    for name, content in texts.items():
        if content:
            yield Belonging(name, content.encode())


def _secrets(tree: dict[str, Any]) -> Iterator[str]:
    for section, name, info in fields():
        value = tree.get(section, {}).get(name) if section else tree.get(name)
        if value is None:
            continue
        if is_secret(info) and isinstance(value, str) and value:
            yield value
        elif (model := table_of(info)) is not None:
            yield from _secrets_of_tables(value, model)


def _secrets_of_tables(tables: Sequence[dict[str, Any]], model: type[Section]) -> Iterator[str]:
    for table in tables:
        for name, info in model.model_fields.items():
            value = table.get(name)
            if is_secret(info) and isinstance(value, str) and value:
                yield value


def _text(file: Path | None) -> str:
    """Empty where it is not, or not ours to read: a folder of the database, for one."""
    try:
        return file.read_text(encoding="utf-8") if file else ""
    except (OSError, UnicodeDecodeError):
        return ""
