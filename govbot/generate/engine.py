"""The engine thread: the only one that touches a model held in this process.

Requests wait in a fair queue; text goes back to the event loop piece by piece. Leaving the stream
sets a flag that the model looks at between two tokens, so the place is free at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing
from typing import Protocol

from govbot.errors import GovBotError, Unavailable
from govbot.generate import Request, Source, State, Status
from govbot.generate.admission import FairQueue

log = logging.getLogger(__name__)

MAX_WAITING = 64
MAX_WAITING_PER_OWNER = 4
RETRY_AFTER_S = 30.0  # a model that did not load is not tried again sooner
_JOIN_TIMEOUT_S = 30.0


class Model(Protocol):
    """What the engine thread drives. All calls come from that thread."""

    @property
    def device(self) -> str: ...

    def answer(self, ticket: Ticket) -> Generator[str, None, None]:
        """Pieces of the answer; ends early when `ticket.cancelled` turns true."""
        ...

    def close(self) -> None: ...


class Ticket:
    """One request between the event loop, which reads it, and the engine, which fills it."""

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.request = request
        self._loop = loop
        self._outbox: asyncio.Queue[str | GovBotError | None] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._position = -1

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    async def texts(self) -> AsyncIterator[str]:
        """What the engine puts in, until it is finished. Raises the error it failed with."""
        while (item := await self._outbox.get()) is not None:
            if isinstance(item, GovBotError):
                raise item
            yield item

    def put(self, text: str) -> None:
        self._post(self._outbox.put_nowait, text)

    def finish(self, error: GovBotError | None = None) -> None:
        self._post(self._outbox.put_nowait, error)

    def use(self, sources: tuple[Source, ...]) -> None:
        """Says which sources reach the model."""
        if self.request.on_sources is not None:
            self._post(self.request.on_sources, sources)

    def move(self, position: int) -> None:
        """Says the place in the queue, when it changed."""
        if position != self._position and self.request.on_position is not None:
            self._post(self.request.on_position, position)
        self._position = position

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.cancel()


class Engine:
    """Loads the model at the first request (or at `start`) and answers one request at a time."""

    def __init__(
        self,
        open_model: Callable[[], Model],
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_per_owner: int = MAX_WAITING_PER_OWNER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_model = open_model
        self._clock = clock
        self._queue: FairQueue[Ticket] = FairQueue(
            limit=max_waiting, owner_limit=max_waiting_per_owner
        )
        self._wake = threading.Condition()  # guards everything below
        self._thread: threading.Thread | None = None
        self._running: Ticket | None = None
        self._model: Model | None = None
        self._state = State.IDLE
        self._failure: GovBotError | None = None
        self._failed_at = 0.0

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Text deltas. Raises `Busy` when the queue is full, `Unavailable` without a model."""
        ticket = Ticket(request, asyncio.get_running_loop())
        self._admit(ticket)
        try:
            async for text in ticket.texts():
                yield text
        finally:
            self._leave(ticket)

    def start(self) -> None:
        """Loads the model in the engine thread without waiting for a request."""
        with self._wake:
            self._start_thread()

    def status(self) -> Status:
        with self._wake:
            return Status(
                state=self._state,
                device=self._model.device if self._model else "",
                error=str(self._failure) if self._failure else "",
                running=0 if self._running is None else 1,
                waiting=len(self._queue),
            )

    async def aclose(self) -> None:
        """Stops the answer in progress, turns away those who wait, and frees the model."""
        with self._wake:
            self._state = State.CLOSED
            if self._running is not None:
                self._running.cancel()
            while (ticket := self._queue.pop()) is not None:
                ticket.finish(_stopping())
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, _JOIN_TIMEOUT_S)

    def _admit(self, ticket: Ticket) -> None:
        with self._wake:
            if self._state is State.CLOSED:
                raise _stopping()
            self._queue.put(ticket.request.owner, ticket)
            self._start_thread()
            self._announce()
            self._wake.notify_all()

    def _leave(self, ticket: Ticket) -> None:
        ticket.cancel()
        with self._wake:
            if self._queue.remove(ticket):
                self._announce()

    def _announce(self) -> None:
        for place, ticket in enumerate(self._queue.in_order(), start=1):
            ticket.move(place)

    def _start_thread(self) -> None:
        if self._thread is None and self._state is not State.CLOSED:
            # A daemon, so that a crash of the event loop does not leave a process that never ends.
            self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._load()
            while (ticket := self._next()) is not None:
                self._serve(ticket)
                with self._wake:
                    self._running = None
        finally:
            if self._model is not None:
                self._model.close()

    def _next(self) -> Ticket | None:
        """Waits for the next request; None when the engine is closed."""
        with self._wake:
            while self._state is not State.CLOSED:
                ticket = self._queue.pop()
                if ticket is not None:
                    self._running = ticket
                    ticket.move(0)
                    self._announce()
                    return ticket
                self._wake.wait()
        return None

    def _serve(self, ticket: Ticket) -> None:
        try:
            model = self._model or self._load()
            if model is None:
                raise self._failure or Unavailable()
            with closing(model.answer(ticket)) as pieces:
                for text in pieces:
                    if ticket.cancelled:
                        break
                    ticket.put(text)
        except GovBotError as error:
            ticket.finish(error)
        except Exception:
            log.exception("The model failed while answering", extra={"action": "answer.failed"})
            ticket.finish(Unavailable("The model failed while writing the answer: try again."))
        else:
            ticket.finish(_stopping() if self._state is State.CLOSED else None)

    def _load(self) -> Model | None:
        """The model, loaded now; None when it cannot be, with the reason in `_failure`."""
        if self._failure is not None and self._clock() - self._failed_at < RETRY_AFTER_S:
            return None
        self._set_state(State.LOADING)
        started = time.monotonic()
        try:
            self._model = self._open_model()
        except GovBotError as error:
            self._fail(error)
            log.error("%s", error, extra={"action": "model.failed"})
        except Exception:
            self._fail(Unavailable("The model could not be loaded; the log says why."))
            log.exception("The model could not be loaded", extra={"action": "model.failed"})
        else:
            self._failure = None
            self._set_state(State.READY)
            log.info(
                "Model loaded on %s in %.1f s",
                self._model.device,
                time.monotonic() - started,
                extra={"action": "model.loaded"},
            )
        return self._model

    def _fail(self, error: GovBotError) -> None:
        with self._wake:
            self._failure = error
            self._failed_at = self._clock()
        self._set_state(State.FAILED)

    def _set_state(self, state: State) -> None:
        with self._wake:
            if self._state is not State.CLOSED:
                self._state = state


def _stopping() -> Unavailable:
    return Unavailable("The server is stopping: ask again in a moment.", code="E-STOPPING")
