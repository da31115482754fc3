"""A real server on a real socket, and raw requests to it, byte by byte where a test wants that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from govbot.web.wire import Limits, protocol

SHORT = Limits(
    head_s=0.4, head_bytes=4096, headers=20, target_bytes=1024,
    body_grace_s=0.4, body_rate=50_000, stalled_s=0.4,
)  # fmt: skip


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: Any, limits: Limits = SHORT, idle_s: int = 1) -> AsyncIterator[int]:
    """The port at which `app` answers, with the protocol of `govbot serve`."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, server_header=False,
        proxy_headers=False, http=protocol(limits), ws="none", lifespan="off",
        timeout_keep_alive=idle_s, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def raw(port: int, *pieces: bytes, pause: float = 0.0, wait_s: float = 5.0) -> bytes:
    """Sends the pieces with a pause before each but the first; everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause)
            try:
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                break
        async with asyncio.timeout(wait_s):
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()
