"""What a request must be before it reaches a route: a known method, one known Host, an address
without NUL; and who sent it, where trusted proxies stand in front.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from govbot.config import Settings

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

# There is no method override, and no answer to OPTIONS: other origins are never let in.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEALTH = frozenset({"/healthz", "/readyz", "/metrics"})
MAX_HOPS = 20
Network = IPv4Network | IPv6Network


class Border:
    """Stands before the routes. Sets `scope["client"]` and `["scheme"]` from trusted proxies and
    keeps the address at the other end of the connection in `scope["state"]["peer"]`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = Hosts(settings)
        self.trusted = [ip_network(each) for each in settings.proxy.trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await self.app(scope, receive, send)
            return
        request: Any = scope
        headers: list[tuple[bytes, bytes]] = request["headers"]
        peer = (request.get("client") or ("", 0))[0]
        request.setdefault("state", {})["peer"] = peer
        if self.trusted and is_in(peer, self.trusted):
            client, scheme = forwarded(headers, self.trusted)
            request["client"] = (client or peer, 0)
            request["scheme"] = scheme or request["scheme"]
        if request["method"] not in METHODS:
            await refuse(send, 405, b"Method Not Allowed\n", (b"allow", b", ".join(_ALLOW)))
        elif not self.hosts.known(request, headers):
            await refuse(send, 400, b"Unknown host: web.base_url, web.allowed_hosts\n")
        elif _has_nul(request):
            await refuse(send, 400, b"Bad Request\n")
        else:
            await self.app(scope, receive, send)


def _has_nul(scope: Any) -> bool:
    """PostgreSQL holds no text with NUL; the API takes it out of texts by itself."""
    if scope["path"].startswith(("/api/", "/v1/")):
        return False
    return b"%00" in scope.get("query_string", b"") or "\0" in scope["path"]


_ALLOW = [method.encode() for method in METHODS]


class Hosts:
    """Which Host headers are answered."""

    def __init__(self, settings: Settings) -> None:
        self._web = settings.web

    def known(self, scope: Any, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the one Host header names this installation."""
        given = [value.decode("latin-1") for name, value in headers if name.lower() == b"host"]
        health = scope["path"] in HEALTH
        if len(given) != 1:
            return not given and health  # probes of HTTP/1.0
        host = host_of(given[0])
        if not host:
            return False
        if health and _is_address(host):
            return True
        if self._web.allowed_hosts:
            return host in self._allowed
        here = (scope.get("server") or ("",))[0]
        return host in self._allowed or host == str(here).lower()

    @cached_property
    def _allowed(self) -> frozenset[str]:
        """Names that are always ours, besides the address of the connection itself."""
        if self._web.allowed_hosts:
            return frozenset(host_of(each) or each.lower() for each in self._web.allowed_hosts)
        machine = socket.gethostname().lower()
        names = {"localhost", "127.0.0.1", "::1", machine, machine.partition(".")[0]}
        names |= {self._web.host.lower(), urlsplit(self._web.base_url).hostname or ""}
        return frozenset(names - {"", "0.0.0.0", "::"})  # noqa: S104 - left out, not bound


def host_of(header: str) -> str:
    """The name or address of a Host header, in lower case; empty when it is not one."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    plain = header.isascii() and not any(letter in "/?#@\\, \t" for letter in header)
    return host.rstrip(".") if plain else ""


def forwarded(
    headers: Sequence[tuple[bytes, bytes]], trusted: Sequence[Network]
) -> tuple[str, str]:
    """The address and the scheme that trusted proxies tell; empty where they tell nothing.

    X-Forwarded-For grows to the right: the last address that no trusted proxy has is the one that
    a trusted proxy saw; what stands before it may be anybody's invention.
    """
    client = ""
    for hop in _hops(headers):
        client = hop
        if not is_in(hop, trusted):
            break
    schemes = _values(headers, b"x-forwarded-proto")
    scheme = schemes[-1].lower() if schemes else ""
    return client, scheme if scheme in ("http", "https") else ""


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; an unreadable one does not."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


def _hops(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[str]:
    """Addresses of X-Forwarded-For from the nearest to the farthest, up to the first bad one."""
    for text in reversed(_values(headers, b"x-forwarded-for")[-MAX_HOPS:]):
        bare = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
        if bare.count(":") == 1:
            bare = bare.partition(":")[0]
        if not _is_address(bare):
            return
        yield bare


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    joined = b",".join(value for key, value in headers if key.lower() == name)
    return [part.strip() for part in joined.decode("latin-1").split(",") if part.strip()]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def refuse(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """A plain text answer that says no more than it must."""
    start: Any = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
    }
    await send(start)
    end: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(end)
