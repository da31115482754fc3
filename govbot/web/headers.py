"""The frame around every response: request id, security headers, metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, cast

from litestar.datastructures import MutableScopeHeaders

from govbot import logs, metrics, tracing
from govbot.ids import new_id
from govbot.metrics.requests import WATCHED
from govbot.web.border import refuse

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), "
    "display-capture=(), encrypted-media=(), fullscreen=(self), geolocation=(), gyroscope=(), "
    "hid=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), "
    "screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000; includeSubDomains"


class BrokenOff(RuntimeError):
    """An answer ended before it was complete; the reason is in the log above."""


class Frame:
    """Wraps the application; a header that a handler has set stays as it is."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.headers = HEADERS | ({"Strict-Transport-Security": HSTS} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await self.app(scope, receive, send)
            return
        request_id = new_id().hex[-12:]
        mark = logs.request_id.set(request_id)
        started, status, begun = time.perf_counter(), 500, False
        method = cast("HTTPScope", scope)["method"]
        step: tracing.Span = tracing.OFF

        async def framed(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                step.named(f"{method} {_route(scope)}")  # routed by now
                step.note(route=_route(scope), status=status)
                headers = MutableScopeHeaders.from_message(message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        try:
            with _traced(cast("HTTPScope", scope)) as step, metrics.http_running.track_inprogress():
                step.note(request=request_id)
                await self.app(scope, receive, framed)
        except asyncio.CancelledError as error:
            # The server stops and has waited as long as it may: nothing that anybody can mend.
            if "graceful shutdown" not in str(error):
                raise
            log.warning("A request was cut off: the service stops", extra={"action": "request.cut"})
        except Exception:
            # Not even the page of errors could be made, or a stream broke after its beginning.
            log.exception("A request failed", extra={"action": "request.failed"})
            if begun:
                raise BrokenOff from None  # the server cuts the connection
            await refuse(framed, 500, b"Internal Server Error\n")
        finally:
            logs.request_id.reset(mark)
            metrics.observe_request(
                method,
                _route(scope),
                status,
                time.perf_counter() - started,
            )


def _traced(scope: HTTPScope) -> AbstractContextManager[tracing.Span]:
    """A span for what people and programs ask; monitors and the files of the pages would only
    hide it. What a request says of a trace of its own is not believed."""
    path = scope.get("path", "")
    if path in WATCHED or path.startswith("/static/"):
        return nullcontext(tracing.OFF)
    return tracing.span("request", method=scope["method"])


def _route(scope: Scope) -> str:
    """The pattern of the route, never the path: paths hold ids."""
    return str(scope.get("path_template") or "unknown")
