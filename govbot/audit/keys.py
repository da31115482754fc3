"""The Ed25519 key that signs checkpoints; its public half checks them anywhere."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot.errors import BadConfig
from govbot.sealing import write_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE: Final = "audit.key"


class SigningKey:
    """Signs; `public` is the public half, 32 bytes in base64, `pem` the same as a PEM text."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._private = private
        half = private.public_key()
        raw = half.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(raw).decode()
        self.pem = half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def id(self) -> str:
        """A short name of the public half."""
        return hashlib.sha256(base64.b64decode(self.public)).hexdigest()[:16]

    def sign(self, message: bytes) -> str:
        """The signature, 64 bytes in base64."""
        return base64.b64encode(self._private.sign(message)).decode()

    def digest(self, text: str) -> str:
        """A keyed digest: tells whether a secret changed, and nothing about it without the key."""
        return hmac.new(self._private.private_bytes_raw(), text.encode(), "sha256").hexdigest()


def open_key(text: str, data_dir: Path) -> SigningKey:
    """The key of an installation: the PEM `text` of setting audit.key, else data_dir/audit.key.

    The file is made at the first use, for its owner's eyes only. Raises BadConfig.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    file = data_dir / KEY_FILE
    place = "audit.key" if text else str(file)
    try:
        if not text and not file.exists():
            write_keys(file, [_new_pem()], replace=False)
        pem = text or file.read_text(encoding="ascii")
        key = load_pem_private_key(pem.encode(), password=None)
    except OSError as error:
        raise BadConfig(f"{file}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError) as error:
        raise BadConfig(f"{place}: must be an Ed25519 private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadConfig(f"{place}: must be an Ed25519 private key in PEM")
    return SigningKey(key)


def read_public(text: str) -> str:
    """A public key, as PEM or as base64 of its 32 bytes, in base64. Raises BadConfig."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    wrong = "This is no Ed25519 public key: give the PEM or base64 that `govbot audit key` prints"
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.strip().encode())
            if not isinstance(key, Ed25519PublicKey):
                raise BadConfig(wrong)
            return base64.b64encode(key.public_bytes_raw()).decode()
        if len(base64.b64decode(text.strip(), validate=True)) == 32:
            return text.strip()
    except (ValueError, binascii.Error) as error:
        raise BadConfig(wrong) from error
    raise BadConfig(wrong)


def is_signed(message: bytes, signature: str, public: str) -> bool:
    """Whether `signature` was made over `message` with the private half of `public`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _new_pem() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode().strip()
