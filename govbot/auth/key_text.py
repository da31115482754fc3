"""The text of an API key: `gb_<handle>_<secret>`.

A prefix that scanners for leaked secrets find, ten characters to know it by, 256 random bits, and
a checksum, so that a key with a slip never reaches the database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
HANDLE: Final = 10
SECRET: Final = 43  # 62 ** 43 > 2 ** 256
CHECK: Final = 6
KEY: Final = re.compile(
    rf"gb_([0-9A-Za-z]{{{HANDLE}}})_([0-9A-Za-z]{{{SECRET}}})([0-9A-Za-z]{{{CHECK}}})"
)


def new_key() -> tuple[str, str]:
    """A fresh handle, and the key with it."""
    handle = "".join(secrets.choice(ALPHABET) for _ in range(HANDLE))
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET))
    return handle, f"gb_{handle}_{secret}{_checksum(handle + secret)}"


def handle_of(text: str) -> str | None:
    """The handle of a key; None for what is no key."""
    match = KEY.fullmatch(text)
    if match is None or _checksum(match[1] + match[2]) != match[3]:
        return None
    return match[1]


def digest(text: str) -> bytes:
    """What the database keeps: no salt and no work factor, as 256 random bits need neither."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(text: str) -> str:
    """CRC-32 in base 62, as GitHub's tokens have it."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
