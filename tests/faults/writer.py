"""A model server that writes at a reading pace, so that a fault finds answers under way: real HTTP
over a real socket, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tests.openai_server import OpenAIServer, Reply

WORDS = (
    "O ", "servidor ", "tem ", "direito ", "ao ", "que ", "a ", "norma ", "diz ", "[1]. ",
    "O ", "prazo ", "é ", "o ", "do ", "artigo ", "citado ", "[1].",
)  # fmt: skip


class _Endless(deque[Reply]):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    def popleft(self) -> Reply:
        return self.reply


@contextmanager
def slow_writer(delay_s: float = 0.08) -> Iterator[dict[str, str]]:
    """The settings of GovBot that use it."""
    begun: deque[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = deque()
    ready = threading.Event()

    async def run() -> None:
        async with OpenAIServer(replies=_Endless(Reply(WORDS, delay_s=delay_s))) as server:
            over = asyncio.Event()
            begun.append((server.port, asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    port, loop, over = begun[0]
    try:
        yield {
            "GOVBOT_GENERATION__BACKEND": "openai",
            "GOVBOT_GENERATION__BASE_URL": f"http://127.0.0.1:{port}/v1",
            "GOVBOT_GENERATION__MODEL": "slow",
            "GOVBOT_GENERATION__HEALTH_S": "0",
            "GOVBOT_ANSWERS__CACHE": "off",
        }
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
