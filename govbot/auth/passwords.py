"""Passwords: argon2id (RFC 9106) through argon2-cffi, and the rules for choosing one.

Rules after NIST SP 800-63B: length counts, composition rules do not, every character may be used,
and what everybody tries first is refused.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from govbot.auth.guessable import is_guessable
from govbot.errors import Invalid

MAX_LENGTH = 256


def normalised(password: str) -> str:
    """The password as every keyboard should give it: RFC 8265, OpaqueString (NFC, plain spaces).

    Lone surrogates, which no keyboard gives, are replaced so that they can be encoded.
    """
    plain = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", plain).encode("utf-8", "replace").decode("utf-8")


def hash_password(password: str) -> str:
    """An encoded argon2id hash: about 0.05 s and 64 MiB, so call it outside the event loop."""
    return _hasher().hash(normalised(password))


def verify_password(encoded: str | None, password: str) -> bool:
    """True when `password` fits. With no hash (unknown account) it does the same work.

    One longer than MAX_LENGTH never fits: nothing is cut off.
    """
    plain = normalised(password)
    possible = encoded is not None and len(plain) <= MAX_LENGTH
    try:
        return _hasher().verify(encoded or _decoy(), plain if possible else "") and possible
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(encoded: str) -> bool:
    """True when the hash was made with weaker parameters than today's."""
    return _hasher().check_needs_rehash(encoded)


def check_strength(password: str, *, minimum: int, context: Iterable[str] = ()) -> None:
    """Raise Invalid with a sentence when the password must not be used.

    Characters are Unicode code points; nothing is said about which of them must occur. `context`
    is what others know of the account and the place: user name, name, e-mail, organisation.
    """
    plain = normalised(password)
    if len(plain) < minimum:
        raise Invalid(
            "The password needs at least %(minimum)s characters.",
            code="E-PASSWORD",
            minimum=minimum,
        )
    if len(plain) > MAX_LENGTH:
        raise Invalid(
            "The password may have at most %(maximum)s characters.",
            code="E-PASSWORD",
            maximum=MAX_LENGTH,
        )
    if is_guessable(plain, context):
        raise Invalid(
            "This password is too easy to guess: choose several unrelated words.",
            code="E-PASSWORD",
        )


def generate_password() -> str:
    """A random password of about 80 bits that a person can read out and type."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_hex(16))
