"""The certificate that pages are served with: looked at with clear words, and taken up anew while
connections live.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from govbot.errors import BadConfig

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

log = logging.getLogger(__name__)

SOON: Final = timedelta(days=14)
_LARGEST: Final = 1024 * 1024  # bytes; a chain has a few thousand
_Marks = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says: whom it is for and how long."""

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    def problem(self, now: datetime | None = None) -> str:
        """What is wrong with its dates, as a sentence; empty when nothing is."""
        now = now or datetime.now(UTC)
        if now < self.not_before:
            return f"it is not valid before {_day(self.not_before)}: is the clock right?"
        if now > self.not_after:
            return f"it expired on {_day(self.not_after)}"
        return ""

    def soon(self, now: datetime | None = None) -> bool:
        """Whether it expires within two weeks, or has."""
        return self.not_after - (now or datetime.now(UTC)) < SOON


def examine(certificate: Path, key: Path) -> Certificate:
    """Reads both files and checks that they belong together; blocking.

    Dates are not judged: see `Certificate.problem`. Raises BadConfig with one sentence.
    """
    chain = _chain(certificate)
    private = _key(key)
    own = _public(private.public_key())
    if _public(chain[0].public_key()) != own:
        if any(_public(each.public_key()) == own for each in chain[1:]):
            _wrong("tls_certificate", certificate, "the server's own certificate must come first")
        _wrong("tls_key", key, f"this key does not belong to the certificate {certificate}")
    own_one = chain[0]
    return Certificate(_names(own_one), own_one.not_valid_before_utc, own_one.not_valid_after_utc)


class Served:
    """A certificate in use. `context` stays; new connections get what `refresh` read last, and
    those that are open keep what they began with."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises BadConfig."""
        self.certificate = certificate
        self.key = key
        self.seen = examine(certificate, key)
        self._marks = self._looked()
        self._current = _context(certificate, key)
        self.context = _context(certificate, key)
        self.context.sni_callback = self._choose

    def refresh(self, *, always: bool = False) -> bool:
        """Takes the files up anew when they have changed (or `always`); blocking.

        Raises BadConfig, once for each state of the files, and goes on with what it has: two
        files are never replaced in the same moment, so the next look may find them fitting.
        """
        marks = self._looked()
        if marks == self._marks and not always:
            return False
        self._marks = marks
        seen = examine(self.certificate, self.key)
        self._current, self.seen = _context(self.certificate, self.key), seen
        return True

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: object) -> None:
        """Called within each handshake, also of clients that name no server."""
        connection.context = self._current

    def _looked(self) -> _Marks:
        return tuple(_mark(path) for path in (self.certificate, self.key))


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key with a password would be asked for on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", "") or str(error)
        _wrong("tls_certificate", certificate, f"it cannot be used ({reason})")
    return context


def _chain(path: Path) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(_read("tls_certificate", path))
    except ValueError:
        _wrong("tls_certificate", path, "it holds no certificate in PEM form")


def _key(path: Path) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_read("tls_key", path), password=None)
    except TypeError:
        _wrong("tls_key", path, "the key is locked with a password: save it without one")
    except (ValueError, UnsupportedAlgorithm):
        _wrong("tls_key", path, "it holds no private key in PEM form")


def _read(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        reason = error.strerror or str(error)
        _wrong(name, path, f"it cannot be read ({reason}) by the account that runs GovBot")


def _public(key: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[attr-defined]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(each.value) for each in names)


def _mark(path: Path) -> tuple[int, int, int]:
    """Tells a file from the one that stood there before."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _wrong(name: str, path: Path, words: str) -> NoReturn:
    raise BadConfig(f"[web] {name} {path}: {words}")


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
