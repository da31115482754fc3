"""The text of an answer as it comes out of a generator: waited for, stopped, cleaned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from govbot.chat import citations, prompt
from govbot.chat.outgoing import Outgoing
from govbot.chat.reply import Progress
from govbot.generate import Generator, Request, Source

log = logging.getLogger(__name__)


async def written(
    generator: Generator, request: Request, stop: asyncio.Event
) -> AsyncGenerator[Progress | str, None]:
    """Text deltas, mixed with the place in the queue while waiting for the engine, and the seconds
    that this may take where the engine can tell."""
    positions: list[int] = []
    seconds: list[float] = []
    stream = generator.stream(
        replace(request, on_position=positions.append, on_estimate=seconds.append)
    )
    yield Progress("status", "writing")
    async with aclosing(_until(stream, stop, lambda: _position(positions, seconds))) as deltas:
        async for delta in deltas:
            yield delta


class Said:
    """What the generator has said so far, as it may be shown."""

    def __init__(self, sources: Sequence[Source], language: str, guidance: str = "") -> None:
        """`guidance` is kept back like the rules: who reads the answer may not repeat it."""
        self.marks = citations.Marks(sources)
        self.text = ""
        self._outgoing = Outgoing(
            f"{prompt.rules_in(language)}\n{guidance}", prompt.removed_marker(language)
        )

    def add(self, delta: str) -> None:
        self.text += self.marks.feed(self._outgoing.feed(delta))

    def end(self) -> str:
        """The whole text. What was taken out is told in the log, without its words: a document
        holds credentials, or the model obeys one."""
        self.text += self.marks.feed(self._outgoing.end()) + self.marks.end()
        if self._outgoing.removed:
            log.warning(
                "Taken out of an answer: %d credentials or repetitions of the rules",
                self._outgoing.removed,
                extra={"action": "answer.filtered"},
            )
        return self.text.strip()


def _position(positions: list[int], seconds: list[float]) -> Progress | None:
    """The newest place as a status: "queued:PLACE", or "queued:PLACE:SECONDS"."""
    if not positions:
        return None
    last = positions[-1]
    estimate = f":{max(1, round(seconds[-1]))}" if seconds else ""
    positions.clear()
    seconds.clear()
    return Progress("status", f"queued:{last}{estimate}" if last > 0 else "writing")


async def _until(
    stream: AsyncIterator[str], stop: asyncio.Event, status: Callable[[], Progress | None]
) -> AsyncGenerator[Progress | str, None]:
    """The items of `stream` until it ends or `stop` is set; then the stream is closed at once."""
    stopping = asyncio.ensure_future(stop.wait())
    item: asyncio.Future[str] | None = None
    try:
        while not stop.is_set():
            item = item or asyncio.ensure_future(_next(stream))
            either: set[asyncio.Future[Any]] = {item, stopping}
            await asyncio.wait(either, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            if (news := status()) is not None:
                yield news
            if item.done():
                delta, item = item.result(), None
                if not delta:
                    return
                yield delta
    finally:
        stopping.cancel()
        if item is not None:
            item.cancel()
            await asyncio.gather(item, return_exceptions=True)
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _next(stream: AsyncIterator[str]) -> str:
    """The next delta that holds text; empty at the end."""
    async for delta in stream:
        if delta:
            return delta
    return ""
