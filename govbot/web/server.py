"""The HTTP server around the site: its sockets, its certificate, and the order of its end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from govbot.certificates import Served
from govbot.errors import BadConfig, Unavailable
from govbot.systemd import handed_sockets
from govbot.web.site import build_site
from govbot.web.wire import GuardedProtocol

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.config import Settings
    from govbot.nodes.node import Node

log = logging.getLogger(__name__)

STREAMS_END_S: Final = 10  # open event streams may end within this at shutdown
ACCEPTED_S: Final = 0.2  # in which a connection that was just accepted is known to us
HEAD_S: Final = 3.0  # in which it shows its request, when we stop; who is slow lost it before
KEEP_ALIVE_S: Final = 15  # of browsers, which hold several connections each
# Longer than proxies keep a connection that rests: one that we close while a request is on its way
# becomes an error there.
PROXY_KEEP_ALIVE_S: Final = 130
LOOK_S: Final = 10.0  # for another certificate
WARN_EVERY_S: Final = 24 * 3600
_LOOKS_S: Final = 0.05
_BACKLOG: Final = 2048


def listening(settings: Settings) -> list[socket.socket]:
    """The listening sockets: those that systemd holds for us, else one of our own, opened before
    anything else. Raises Unavailable."""
    if handed := handed_sockets():
        return handed
    web = settings.web
    try:
        own = socket.create_server(
            (web.host, web.port),
            family=socket.AF_INET6 if ":" in web.host else socket.AF_INET,
            backlog=_BACKLOG,
        )
    except OSError as error:
        raise Unavailable(
            "Cannot listen on %(host)s port %(port)s (%(reason)s): choose another web.port.",
            host=web.host,
            port=web.port,
            reason=error.strerror or str(error),
        ) from error
    return [own]


def address_of(settings: Settings, listening: socket.socket) -> str:
    """What people type."""
    host, port = listening.getsockname()[:2]
    host = settings.web.host if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared
    scheme = "https" if settings.web.tls_certificate else "http"
    return settings.web.base_url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def certificate_of(settings: Settings) -> Served | None:
    """The certificate of the settings, if any. Raises BadConfig for files that cannot be used; one
    whose dates are wrong is served, so that people see why, and told."""
    if not settings.web.tls_certificate:
        return None
    served = Served(Path(settings.web.tls_certificate), Path(settings.web.tls_key))
    _tell_dates(served)
    return served


class Server(uvicorn.Server):
    """Serves the site of `app` until `should_exit`."""

    def __init__(
        self, app: App, node: Node, certificate: Served | None, *, worker_alive: Callable[[], bool]
    ) -> None:
        site = build_site(app, worker_alive=worker_alive)
        super().__init__(
            uvicorn.Config(
                site,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=STREAMS_END_S,
                http=GuardedProtocol,
                ws="none",
                limit_concurrency=2000,
                lifespan="on",
                backlog=_BACKLOG,
                timeout_keep_alive=PROXY_KEEP_ALIVE_S
                if app.settings.proxy.trusted
                else KEEP_ALIVE_S,
                ssl_context_factory=_context_of(certificate) if certificate else None,
            )
        )
        self._app = app
        self._node = node
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the caller decides, so that the database is stopped last

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams end when their answers do, and uvicorn waits for them.
        hand_over = await self._node.others_live()
        closing = asyncio.create_task(self._app.answers.close(hand_over=hand_over))
        # What waits in the queue of a socket that systemd holds goes to the next process; what
        # was accepted a moment ago is answered here, once its request is read.
        for server in self.servers:
            server.close()
        await asyncio.sleep(ACCEPTED_S)
        await self._heads_read()
        await super().shutdown(sockets)
        await closing

    async def _heads_read(self) -> None:
        """Connections without a request yet would be closed now, and their requests lost."""
        for _look in range(round(HEAD_S / _LOOKS_S)):
            known = list(self.server_state.connections)
            if not any(isinstance(each, GuardedProtocol) and each.awaits_head for each in known):
                return
            await asyncio.sleep(_LOOKS_S)


def _context_of(
    certificate: Served,
) -> Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext]:
    return lambda _config, _default: certificate.context


async def keep_certificate(certificate: Served) -> None:
    """Takes the certificate up anew whenever its files change, and tells of its end, for ever."""
    loop = asyncio.get_running_loop()
    told = loop.time()
    while True:
        await asyncio.sleep(LOOK_S)
        await renew(certificate)
        if loop.time() - told >= WARN_EVERY_S:
            told = loop.time()
            _tell_dates(certificate)


async def renew(certificate: Served, *, always: bool = False) -> None:
    """Looks at the files now; what is wrong with them is logged, and the old one stays."""
    try:
        if not await asyncio.to_thread(certificate.refresh, always=always):
            return
    except BadConfig as error:
        words = "The certificate stays as it was: %s"
        log.error(words, error, extra={"action": "certificate.refused"})
        return
    log.info(
        "The certificate was taken up anew; it is valid until %s",
        certificate.seen.not_after.date(),
        extra={"action": "certificate.renewed"},
    )
    _tell_dates(certificate)


def _tell_dates(certificate: Served) -> None:
    seen, action = certificate.seen, {"action": "certificate.dates"}
    if problem := seen.problem():
        log.error("The certificate %s: %s", certificate.certificate, problem, extra=action)
    elif seen.soon():
        log.warning("The certificate is valid only until %s", seen.not_after, extra=action)
