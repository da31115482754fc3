"""Pieces on their way to and from the disk: counted, hashed and, by wish, encrypted with age.

age (https://age-encryption.org/v1) encrypts for public keys: a server that makes backups cannot
open them. Its files are authenticated, so that a changed byte is never taken for content.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from govbot.backup.manifest import Piece
from govbot.backup.progress import Meter
from govbot.errors import BadConfig, Invalid

BLOCK: Final = 1 << 20
KEY: Final = "E-BACKUP-KEY"


@dataclass(frozen=True, slots=True)
class Seal:
    """For whom is encrypted; nobody: the pieces lie in clear."""

    recipients: tuple[str, ...] = ()
    once: Any = field(default=None, repr=False)
    """A key of this process alone, so that it can check what it has just written."""

    def __bool__(self) -> bool:
        return bool(self.recipients)

    @property
    def mark(self) -> str:
        """The same for the same recipients."""
        return sha256(" ".join(sorted(self.recipients)).encode()).hexdigest()[:16]

    def keys(self) -> list[Any]:
        """The recipients as the library knows them. Raises BadConfig for one that is none."""
        import pyrage

        try:
            found: list[Any] = [pyrage.x25519.Recipient.from_str(each) for each in self.recipients]
        except (pyrage.RecipientError, ValueError) as error:
            raise BadConfig(
                "backup.recipients: each must be a public key of age, which begins with age1"
            ) from error
        return found + ([self.once.to_public()] if self.once is not None else [])


def seal_for(recipients: Sequence[str]) -> Seal:
    """A seal that this process can open once more as long as it lives."""
    if not recipients:
        return Seal()
    import pyrage

    seal = Seal(tuple(recipients), pyrage.x25519.Identity.generate())
    seal.keys()
    return seal


def new_identity() -> tuple[str, str]:
    """A new private key of age and its public key."""
    import pyrage

    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def read_identities(file: Path) -> list[Any]:
    """The private keys in a file as `govbot backup key` or age-keygen write it. Raises Invalid."""
    import pyrage

    try:
        lines = file.read_text(encoding="ascii").splitlines()
        words = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        found = [pyrage.x25519.Identity.from_str(word) for word in words]
    except (OSError, ValueError, pyrage.IdentityError) as error:
        raise Invalid(
            '"%(file)s" holds no private key of age.', file=str(file), code=KEY
        ) from error
    if not found:
        raise Invalid('"%(file)s" holds no private key of age.', file=str(file), code=KEY)
    return found


class _Stream(io.RawIOBase):
    """Remembers why it failed: the encrypting library only passes on the words."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._hash = sha256()
        self.size = 0
        self.failed: Exception | None = None

    def _passed(self, block: bytes) -> None:
        self._hash.update(block)
        self.size += len(block)

    @property
    def sha256(self) -> str:
        """Of what went through so far."""
        return self._hash.hexdigest()


class Counting(_Stream):
    """Passes bytes on to a stream, counts and hashes them."""

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        try:
            self._stream.write(block)
        except Exception as error:
            self.failed = error
            raise
        self._passed(block)
        return len(block)

    def piece(self, name: str) -> Piece:
        """What went through."""
        return Piece(name=name, size=self.size, sha256=self.sha256)


class Metered(_Stream):
    """Reads from a stream, counts, hashes, and tells a meter."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        super().__init__(stream)
        self._meter = meter

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            block = self._stream.read(size if size and size > 0 else BLOCK)
            self._meter.add(len(block))
        except Exception as error:
            self.failed = error
            raise
        self._passed(block)
        return block


def pour(source: Metered, target: Counting, seal: Seal) -> None:
    """Everything of one stream into another, encrypted when there is somebody to do it for."""
    if not seal:
        while block := source.read(BLOCK):
            target.write(block)
        return
    import pyrage

    try:
        pyrage.encrypt_io(source, target, seal.keys())
    except pyrage.EncryptError as error:
        raise (source.failed or target.failed or error) from error


def unseal(source: Metered, target: Counting, identities: Sequence[Any] | None) -> None:
    """The content of a stream that was encrypted; None: it was not. Raises Invalid.

    What comes before a damage is written already: callers throw it away.
    """
    if identities is None:
        while block := source.read(BLOCK):
            target.write(block)
        return
    import pyrage

    try:
        pyrage.decrypt_io(source, target, list(identities))
    except (pyrage.DecryptError, OSError) as error:
        if failed := source.failed or target.failed:
            raise failed from error
        raise Invalid(
            "The backup cannot be opened with this key (%(reason)s).",
            reason=str(error).strip().rstrip("."),
            code=KEY,
        ) from error
