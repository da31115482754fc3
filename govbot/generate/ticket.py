"""A request between the event loop, which reads its answer, and the engine thread, which writes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable

from govbot.errors import GovBotError, Unavailable
from govbot.generate import Request, Source, Usage


class Ticket:
    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop, *, until: float) -> None:
        """`until`: when the time for this answer is over, by the engine's clock."""
        self.request = request
        self._until = until
        self.opened_at = time.perf_counter()
        self._loop = loop
        self._outbox: asyncio.Queue[str | GovBotError | None] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._position = -1
        self._finished = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    def late(self, now: float) -> bool:
        """Whether the time for this answer is over."""
        return now >= self._until

    async def texts(self) -> AsyncIterator[str]:
        """What the engine puts in, until it is finished. Raises the error it failed with."""
        while (item := await self._outbox.get()) is not None:
            if isinstance(item, GovBotError):
                raise item
            yield item

    def finish(self, error: GovBotError | None = None, usage: Usage | None = None) -> None:
        """The answer is over; said once."""
        if self._finished:
            return
        self._finished = True
        if usage is not None and self.request.on_usage is not None:
            self._post(self.request.on_usage, usage)
        self._post(self._outbox.put_nowait, error)

    def use(self, sources: tuple[Source, ...]) -> None:
        """Says which sources reach the model."""
        if self.request.on_sources is not None:
            self._post(self.request.on_sources, sources)

    def move(self, position: int, estimate: float) -> None:
        """Says the place in the queue when it changed, with the seconds until the answer begins
        where these can be told."""
        if position == self._position:
            return
        self._position = position
        if self.request.on_estimate is not None and estimate > 0:
            self._post(self.request.on_estimate, estimate)
        if self.request.on_position is not None:
            self._post(self.request.on_position, position)

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.cancel()


def deliver(texts: Iterable[tuple[Ticket, str]]) -> None:
    """Puts texts into their outboxes, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Ticket, str]]] = {}
    for ticket, text in texts:
        by_loop.setdefault(ticket._loop, []).append((ticket, text))
    for loop, mail in by_loop.items():
        try:
            loop.call_soon_threadsafe(_put, mail)
        except RuntimeError:
            for ticket, _ in mail:
                ticket.cancel()


def _put(mail: list[tuple[Ticket, str]]) -> None:
    for ticket, text in mail:
        ticket._outbox.put_nowait(text)


def stopping() -> Unavailable:
    """How a ticket ends when the service does."""
    return Unavailable("The server is stopping: ask again in a moment.", code="E-STOPPING")


def failed() -> Unavailable:
    """How it ends when the model breaks."""
    return Unavailable("The model failed while writing the answer: try again.")


def overdue() -> Unavailable:
    """How it ends when its time is over."""
    return Unavailable(
        "The answer took too long. Ask again, perhaps in fewer words.", code="E-MODEL-TIME"
    )
