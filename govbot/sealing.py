"""Secrets at rest: what the database keeps sealed under a key that it does not hold.

AES-128 in CBC mode with HMAC-SHA256 (Fernet, from the cryptography library). Each sealed value is
bound to the purpose it was sealed for, so that one cannot be put in the place of another.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadConfig

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "secret.key"
_UNKNOWN_KEY = (
    "A secret in the database cannot be opened with the keys of security.key: "
    "give the key that sealed it back"
)


class Sealer:
    """Seals and opens; `keys` are tried in order to open, the first one seals.

    With `file`, the keys are read from there again whenever it has changed, so that a process that
    runs follows a rotation.
    """

    def __init__(self, keys: Sequence[str], file: Path | None = None) -> None:
        self._file = file
        self._seen = _signature(file)
        self._fernet = _fernet(keys)

    def seal(self, value: str, purpose: str) -> bytes:
        """The value, encrypted; each call gives another result."""
        return self._current().encrypt(f"{purpose}\0{value}".encode())

    def open(self, sealed: bytes, purpose: str) -> str:
        """What was sealed for this purpose. Raises BadConfig when no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            text = self._current().decrypt(bytes(sealed)).decode()
        except InvalidToken as error:
            raise BadConfig(_UNKNOWN_KEY) from error
        kind, _, value = text.partition("\0")
        if kind != purpose:
            raise BadConfig("A secret in the database was sealed for another purpose")
        return value

    def reseal(self, sealed: bytes) -> bytes:
        """The same under the first key. Raises BadConfig when no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return self._current().rotate(bytes(sealed))
        except InvalidToken as error:
            raise BadConfig(_UNKNOWN_KEY) from error

    def _current(self) -> MultiFernet:
        if self._file is not None and (seen := _signature(self._file)) != self._seen:
            self._fernet = _fernet(self._file.read_text(encoding="ascii").split())
            self._seen = seen
        return self._fernet


def _fernet(keys: Sequence[str]) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise BadConfig(
            "security.key: each line must be a key of 32 bytes in URL-safe base64"
        ) from error


def _signature(file: Path | None) -> tuple[int, int] | None:
    """What changes when another file takes its place."""
    if file is None:
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def new_key() -> str:
    """A fresh random key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def open_sealer(text: str, data_dir: Path) -> Sealer:
    """The sealer of an installation.

    `text` holds the keys, one per line, newest first (setting security.key); when it is empty they
    stand in `data_dir`/secret.key, which is made at the first start, for its owner's eyes only.
    """
    if keys := text.split():
        return Sealer(keys)
    file = data_dir / KEY_FILE
    if not file.exists():
        write_keys(file, [new_key()], replace=False)
    return Sealer(file.read_text(encoding="ascii").split(), file)


def write_keys(file: Path, keys: Sequence[str], *, replace: bool) -> None:
    """Writes a file of keys whole or not at all; without `replace` one that is there stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write("\n".join(keys) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            draft.rename(file)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name of the file survives a power cut, too
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
