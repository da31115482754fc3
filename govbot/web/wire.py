"""The HTTP connection itself: limits that the server library lacks, so that slow or oversized
requests cannot hold the server.

A request's head must come complete within a time and below a size, its body at a minimum rate, and
the answer must be taken off the connection; else the connection is cut. What is HTTP and what is
not (request smuggling) is decided by the parser, llhttp, in its strict mode.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection: seconds, bytes, and bytes per second."""

    head_s: float = 15.0  # from the first byte of a request (or the connection) to the blank line
    head_bytes: int = 32 * 1024
    headers: int = 100
    target_bytes: int = 8 * 1024  # path and query
    body_grace_s: float = 20.0  # in which the body may stand still
    body_rate: float = 1024.0  # after that, measured while somebody waits for it
    stalled_s: float = 60.0  # in which a full buffer of the answer must drain

    @property
    def interval_s(self) -> float:
        """How often a connection is looked at."""
        return max(0.02, min(self.head_s, self.body_grace_s, self.stalled_s) / 10)


class TooMuch(Exception):
    """A bound of the head of a request is passed; ends the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a watch over every connection."""

    limits = Limits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._refusal = HTTPStatus.BAD_REQUEST
        self._head_bytes = 0
        self._head_since: float | None = None
        self._in_body = False
        self._body_bytes = 0
        self._body_waited = 0.0
        self._stalled_since: float | None = None
        self._watch: asyncio.TimerHandle | None = None

    @property
    def awaits_head(self) -> bool:
        """Whether it is new, or a request has begun, and the blank line has not come yet."""
        return self._head_since is not None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # refused; the rest is not read
        if self._in_body:
            self._body_bytes += len(data)
        else:
            self._head_bytes += len(data)
            self._head_since = self._head_since or self.loop.time()
        super().data_received(data)
        if not self._in_body and self._head_bytes > self.limits.head_bytes + len(data):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    # What the parser finds

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.target_bytes:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if len(self.headers) > self.limits.headers or self._head_bytes > 2 * self.limits.head_bytes:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise TooMuch

    def on_headers_complete(self) -> None:
        self._head_since, self._head_bytes = None, 0
        self._in_body, self._body_bytes, self._body_waited = True, 0, 0.0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    # The watch

    def _look_again(self) -> None:
        self._watch = self.loop.call_later(self.limits.interval_s, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing():
            # Only what the other side does not take keeps a closing connection.
            self._stalled_since = self._stalled_since or now
        if self._stalled_since is not None and now - self._stalled_since > self.limits.stalled_s:
            self._cut("the answer was not read")
            return
        if self._head_since is not None:
            if self.flow.read_paused:
                self._head_since = now
            elif now - self._head_since > self.limits.head_s:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        if self._in_body and not self.flow.read_paused:
            self._body_waited += self.limits.interval_s
            late = self._body_waited - self.limits.body_grace_s
            if late > 0 and self._body_bytes < late * self.limits.body_rate:
                self._late_body()
                return
        self._look_again()

    def _late_body(self) -> None:
        if self.cycle is None or self.cycle.response_started:
            self._cut("the body came too slowly")
            return
        self.cycle.disconnected = True  # nothing more is written for this request
        self.cycle.message_event.set()
        self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        self._in_body = False
        self._look_again()

    def _refuse(self, status: HTTPStatus) -> None:
        """A plain answer, and the end of the connection."""
        if self.transport.is_closing():
            return
        self._head_since = None
        log.info("A connection was refused: %d", status, extra={"action": "connection.refused"})
        text = f"{status.phrase}\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\n"
            "cache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\n"
            "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + text)
        self.transport.close()

    def _cut(self, reason: str) -> None:
        log.info("A connection was cut: %s", reason, extra={"action": "connection.cut"})
        self._watch = None
        self.transport.abort()


def protocol(limits: Limits) -> type[GuardedProtocol]:
    """The protocol with other bounds."""
    return type("BoundedProtocol", (GuardedProtocol,), {"limits": limits})
