"""The wire to one LDAP server: TLS, bind, paged search. The only place that knows ldap3.

Synchronous; every step ends within the configured wait. Referrals are never followed: a directory
must not send the service's password elsewhere.
"""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from govbot.config.table import Ldap

with warnings.catch_warnings():
    # ldap3 2.9 names parts of pyasn1 by their old names.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3  # type: ignore[import-untyped]
    from ldap3.core import exceptions as trouble  # type: ignore[import-untyped]
    from ldap3.utils.conv import (  # type: ignore[import-untyped]
        escape_bytes,
        escape_filter_chars,
    )
    from ldap3.utils.dn import parse_dn  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

__all__ = ["Entry", "Incomplete", "LdapFailure", "Link", "Refused", "Server", "escape_filter_chars"]

SUCCESS = 0
PAGE = 500
MAX_ENTRIES = 5000
PAGING = "1.2.840.113556.1.4.319"


class LdapFailure(Exception):
    """A server did not do its part; `step` names the part: connect, tls, bind or search."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(reason)
        self.step = step
        self.reason = reason


class Refused(LdapFailure):
    """Name and password do not fit; `reason` is the server's own word."""


class Incomplete(LdapFailure):
    """The server holds more than it gave, or than is read: nothing may be concluded from it."""


@dataclass(frozen=True, slots=True)
class Server:
    """One address of the setting ldap.servers."""

    host: str
    port: int
    ldaps: bool

    @classmethod
    def parse(cls, url: str) -> Server:
        """From ldap://host[:port] or ldaps://host[:port]."""
        parts = urlsplit(url)
        secure = parts.scheme == "ldaps"
        return cls(parts.hostname or "", parts.port or (636 if secure else 389), secure)

    def __str__(self) -> str:
        return f"{'ldaps' if self.ldaps else 'ldap'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its name and its attributes, keys in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]] = field(default_factory=dict)

    def raw(self, name: str) -> bytes:
        """The first value, or nothing."""
        return bytes(next(iter(self.attributes.get(name.lower(), ())), b""))

    def text(self, name: str) -> str:
        """The first value as text, or nothing."""
        return self.raw(name).decode("utf-8", errors="replace").strip()

    def texts(self, name: str) -> list[str]:
        """All values as texts."""
        values = self.attributes.get(name.lower(), ())
        return [bytes(value).decode("utf-8", errors="replace") for value in values]


class Link:
    """A connection to one server, secured but not yet bound."""

    def __init__(
        self, settings: Ldap, server: Server, on_open: Callable[[Any], None] | None = None
    ) -> None:
        """Raises LdapFailure. `on_open` gets the ldap3 connection before it waits for anything."""
        self.server = server
        self._timeout = settings.timeout_s
        self._tls = _VerifiedTls(settings.ca_file, server.host)
        target = ldap3.Server(
            server.host,
            port=server.port,
            use_ssl=server.ldaps,
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=settings.timeout_s,
        )
        self._conn = ldap3.Connection(
            target,
            auto_referrals=False,
            check_names=False,
            raise_exceptions=True,
            read_only=True,
            receive_timeout=settings.timeout_s,
        )
        _drop_failed_sockets(self._conn)
        if on_open is not None:
            on_open(self._conn)
        self._open(settings.tls == "required" and not server.ldaps)

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Says goodbye as far as the server still listens."""
        try:
            self._conn.unbind()
        except (trouble.LDAPException, OSError):
            log.debug("An LDAP server hung up first")
        finally:
            _drop_socket(self._conn)

    def bind(self, name: str, password: str) -> None:
        """Signs in; both empty: unnamed. Raises Refused or LdapFailure.

        A name with an empty password would be an "unauthenticated bind" (RFC 4513, 5.1.2), which
        many servers answer with success: it is refused here, without asking the server.
        """
        if name and not password:
            raise Refused("bind", "the password is empty")
        self._conn.authentication = ldap3.SIMPLE if name else ldap3.ANONYMOUS
        # As bytes: the preparation of RFC 4013 would refuse or change some passwords.
        self._conn.user, self._conn.password = name or None, password.encode() or None
        try:
            self._conn.bind(read_server_info=False)
        except (
            trouble.LDAPInvalidCredentialsResult,
            trouble.LDAPInappropriateAuthenticationResult,
            trouble.LDAPInvalidDNSyntaxResult,
            trouble.LDAPUnwillingToPerformResult,
            trouble.LDAPNoSuchObjectResult,
            trouble.LDAPConstraintViolationResult,
        ) as error:
            raise Refused("bind", _words(error)) from None
        except (trouble.LDAPException, OSError) as error:
            raise LdapFailure("bind", _words(error)) from None
        finally:
            self._conn.password = None
        # ldap3 raises nothing for some answers that are no success, a referral among them.
        if self._conn.result["result"] != SUCCESS or not self._conn.bound:
            raise Refused("bind", str(self._conn.result["description"]))

    def search(
        self,
        base: str,
        text: str,
        attributes: Sequence[str],
        *,
        limit: int = MAX_ENTRIES,
        scope: str = ldap3.SUBTREE,
    ) -> list[Entry]:
        """The entries below `base` that fit the filter `text`; an absent base gives none.

        Raises Incomplete when there are more than `limit` or the server cut the answer.
        """
        found: list[Entry] = []
        cookie: bytes | None = None
        while True:
            result = self._page(base, text, attributes, scope, cookie)
            if result is None:
                return found
            found += [_entry(each) for each in self._conn.response or () if _is_entry(each)]
            if len(found) > limit:
                raise Incomplete("search", f"more than {limit} entries")
            cookie = result.get("controls", {}).get(PAGING, {}).get("value", {}).get("cookie")
            if not cookie:
                return found

    def exists(self, dn: str) -> bool:
        """Whether the entry is there to be seen."""
        return bool(self.search(dn, "(objectClass=*)", ["objectClass"], scope=ldap3.BASE))

    def _open(self, starttls: bool) -> None:
        try:
            self._conn.open(read_server_info=False)
            if starttls and not self._conn.start_tls(read_server_info=False):
                raise LdapFailure("tls", "the server does not do STARTTLS")
        except (trouble.LDAPException, OSError) as error:
            self.close()
            if self._tls.trouble is not None:
                raise LdapFailure("tls", _words(self._tls.trouble)) from None
            step = "tls" if isinstance(error, trouble.LDAPOperationResult) else "connect"
            raise LdapFailure(step, _words(error)) from None

    def _page(
        self, base: str, text: str, attributes: Sequence[str], scope: str, cookie: bytes | None
    ) -> dict[str, Any] | None:
        try:
            self._conn.search(
                base,
                text,
                search_scope=scope,
                attributes=list(attributes),
                dereference_aliases=ldap3.DEREF_NEVER,
                time_limit=self._timeout,
                paged_size=None if scope == ldap3.BASE else PAGE,
                paged_cookie=cookie,
            )
        except trouble.LDAPNoSuchObjectResult:
            return None
        except trouble.LDAPAdminLimitExceededResult as error:
            raise Incomplete("search", _words(error)) from None
        except (trouble.LDAPException, OSError) as error:
            raise LdapFailure("search", _words(error)) from None
        result: dict[str, Any] = self._conn.result
        # ldap3 raises nothing when limits of size or time cut the answer.
        if result["result"] != SUCCESS:
            raise Incomplete("search", str(result["description"]))
        return result


class _VerifiedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS as the standard library verifies it: chain, host name, TLS 1.2 at least."""

    def __init__(self, ca_file: str, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._ca_file, self._host = ca_file, host
        self.trouble: Exception | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Replaces the connection's socket by a secured one. Raises ssl.SSLError or OSError."""
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            connection.socket = context.wrap_socket(connection.socket, server_hostname=self._host)
        except OSError as error:
            self.trouble = error
            raise


def _drop_failed_sockets(conn: Any) -> None:
    """ldap3 forgets to close the socket of an address that does not answer before the next."""
    open_socket = conn.strategy._open_socket

    def open_or_drop(*address: Any, **options: Any) -> None:
        try:
            open_socket(*address, **options)
        except BaseException:
            _drop_socket(conn)
            raise

    conn.strategy._open_socket = open_or_drop


def _drop_socket(conn: Any) -> None:
    if conn.socket is not None:
        conn.socket.close()
        conn.socket = None


def filter_bytes(value: bytes) -> str:
    """Any bytes as a value in a filter."""
    return str(escape_bytes(value))


def normal_dn(text: str) -> str | None:
    """A name in a form that compares: lower case, one way of escaping; None when it is none."""
    try:
        parts = parse_dn(text, escape=False, strip=True)
    except trouble.LDAPException:
        return None
    return "".join(
        f"{name.strip().casefold()}={_plain(value).casefold()!r}{'+' if separator == '+' else ','}"
        for name, value, separator in parts
    )


def _plain(value: str) -> str:
    """The value without the escapes of RFC 4514: "\\2C" and "\\," are both a comma."""
    plain, rest = bytearray(), value.strip()
    while rest:
        head, mark, rest = rest.partition("\\")
        plain += head.encode()
        if not mark:
            break
        try:
            plain += bytes.fromhex(rest[:2]) if len(rest) > 1 else b""
            rest = rest[2:]
        except ValueError:
            plain += rest[:1].encode()
            rest = rest[1:]
    return " ".join(plain.decode(errors="replace").split())


def _is_entry(response: Mapping[str, Any]) -> bool:
    return response.get("type") == "searchResEntry"


def _entry(response: Mapping[str, Any]) -> Entry:
    raw = response["raw_attributes"]
    return Entry(response["dn"], {name.lower(): tuple(values) for name, values in raw.items()})


def _words(error: BaseException) -> str:
    """What the server or the system said, in one short line."""
    message = getattr(error, "message", "") or str(error) or type(error).__name__
    return " ".join(str(message).split())[:200]
