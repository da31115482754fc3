"""The engine thread: the only one that touches a model held in this process.

Requests wait in a fair queue until the model has room for them; then all that have a place are
written together, step by step. Leaving the stream sets a flag that is looked at before every step.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Callable

from govbot.errors import GovBotError, Unavailable
from govbot.generate import Priority, Request, State, Status
from govbot.generate.admission import FairQueue
from govbot.generate.pace import Pace
from govbot.generate.running import Running
from govbot.generate.step import Model
from govbot.generate.ticket import Ticket, deliver, failed, overdue, stopping

log = logging.getLogger(__name__)

MAX_WAITING = 64
MAX_WAITING_PER_OWNER = 4
RETRY_AFTER_S = 30.0  # a model that did not load is not tried again sooner
GAP_S = 1.0  # longest pause that a prompt may make in the streams of others
IDLE_STEP_S = 1.0  # longest step when nobody's stream waits for it
_LATE_EVERY_S = 0.25
_JOIN_TIMEOUT_S = 30.0


class Engine:
    """Loads the model at the first request (or at `start`) and writes answers together."""

    def __init__(
        self,
        open_model: Callable[[], Model],
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_per_owner: int = MAX_WAITING_PER_OWNER,
        timeout_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout_s` bounds an answer, waiting and writing, whose request sets no limit."""
        self._open_model = open_model
        self._clock = clock
        self._timeout_s = timeout_s
        self._pace = Pace(gap_s=GAP_S, idle_s=IDLE_STEP_S)
        self._queue: FairQueue[Ticket] = FairQueue(
            limit=max_waiting, owner_limit=max_waiting_per_owner, retry_after=self._retry_after
        )
        self._wake = threading.Condition()  # guards everything below
        self._thread: threading.Thread | None = None
        self._running: list[Running] = []
        self._next: Running | None = None  # has left the queue, the model has no room yet
        self._resting: list[Running] = []  # background answers that made room for chats
        self._model: Model | None = None
        self._state = State.IDLE
        self._failure: GovBotError | None = None
        self._failed_at = 0.0
        self._late_seen_at = 0.0
        self._step_began = 0.0  # 0: none runs

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Text deltas. Raises `Busy` when the queue is full, `Unavailable` without a model."""
        limit = request.timeout_s if request.timeout_s is not None else self._timeout_s
        ticket = Ticket(
            request, asyncio.get_running_loop(), until=self._clock() + limit if limit else math.inf
        )
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
            model, began = self._model, self._step_began
            return Status(
                state=self._state,
                device=model.device if model else "",
                failure=self._failure,
                running=len(self._running),
                waiting=len(self._queue) + len(self._resting) + (self._next is not None),
                slots=model.slots if model else 1,
                tokens_per_s=self._pace.written_per_s,
                prefix_tokens=model.prefix_tokens if model else 0,
                cells=model.cells if model else (0, 0),
                step_s=self._clock() - began if began else 0.0,
                copied=model.copied if model else False,
            )

    async def aclose(self) -> None:
        """Stops the answers in progress, turns away those who wait, and frees the model."""
        with self._wake:
            self._state = State.CLOSED
            while (ticket := self._queue.pop()) is not None:
                ticket.finish(stopping())
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, _JOIN_TIMEOUT_S)

    def _admit(self, ticket: Ticket) -> None:
        with self._wake:
            if self._state is State.CLOSED:
                raise stopping()
            self._queue.put(ticket.request.owner, ticket, ticket.request.priority)
            self._start_thread()
            self._announce()
            self._wake.notify_all()

    def _leave(self, ticket: Ticket) -> None:
        ticket.cancel()
        with self._wake:
            if self._queue.remove(ticket):
                self._announce()
            self._wake.notify_all()

    def _announce(self) -> None:
        first = 1 if self._next is None else 2
        slots = self._model.slots if self._model else 1
        for place, ticket in enumerate(self._queue.in_order(), start=first):
            ticket.move(place, self._pace.waiting_s(place, slots))

    def _retry_after(self) -> int:
        slots = self._model.slots if self._model else 1
        return max(1, min(600, math.ceil(self._pace.waiting_s(1, slots)) or 5))

    def _start_thread(self) -> None:
        if self._thread is None and self._state is not State.CLOSED:
            # A daemon, so that a crash of the event loop does not leave a process that never ends.
            self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._load()
            while self._work_comes():
                self._turn()
        finally:
            self._stop_all()
            if self._model is not None:
                self._model.close()

    def _work_comes(self) -> bool:
        """Waits until there is something to do; False when the engine is closed."""
        with self._wake:
            while self._state is not State.CLOSED:
                if self._running or self._next or self._resting or len(self._queue):
                    return True
                self._wake.wait()
        return False

    def _turn(self) -> None:
        model = self._model or self._load()
        if model is None:
            self._refuse_all(self._failure or Unavailable())
            return
        self._drop_left(model)
        self._fill(model)
        if self._running:
            self._step(model)

    def _step(self, model: Model) -> None:
        self._step_began = self._clock()
        try:
            step = model.step(self._pace)
        except Exception:
            log.exception("The model failed while answering", extra={"action": "answer.failed"})
            for answer in list(self._running):
                self._over(model, answer, failed())
            model.reset()
            return
        finally:
            self._step_began = 0.0
        deliver(step.texts)
        for answer, error in step.over:
            if error is None:
                self._pace.answered(answer.seconds)
            self._over(model, answer, error)

    def _drop_left(self, model: Model) -> None:
        """Ends answers that nobody reads any more, or whose time is over."""
        now = self._clock()
        waiting = [self._next] if self._next is not None else []
        for answer in [*self._running, *self._resting, *waiting]:
            if answer.ticket.cancelled:
                self._over(model, answer, None)
            elif answer.ticket.late(now):
                self._over(model, answer, overdue())
        if now - self._late_seen_at >= _LATE_EVERY_S:
            self._late_seen_at = now
            with self._wake:
                late = [ticket for ticket in self._queue.in_order() if ticket.late(now)]
                for ticket in late:
                    self._queue.remove(ticket)
                    ticket.finish(overdue())
                if late:
                    self._announce()

    def _fill(self, model: Model) -> None:
        """Gives places to those who wait, as long as there are any."""
        while (answer := self._candidate(model)) is not None:
            if not model.admit(answer):
                if self._make_rest(model, answer):
                    continue
                if not self._running:  # it never will be admitted: nothing is in its way
                    self._over(model, answer, failed())
                return
            with self._wake:
                self._next = None
                self._running.append(answer)
                ahead = sum(each.pending for each in self._running)
                answer.ticket.move(0, self._pace.reading_s(ahead))
                self._announce()

    def _candidate(self, model: Model) -> Running | None:
        """The answer whose turn it is, if there is a place for it."""
        with self._wake:
            chats = self._queue.waits(Priority.CHAT)
            if chats and self._next is not None and self._next.rests:
                self._resting.insert(0, self._next)
                self._next = None
        if self._next is None and len(self._running) >= model.slots:
            newest = self._newest_background()
            if not chats or newest is None:
                return None
            self._rest(model, newest)
        while self._next is None:
            with self._wake:
                if self._resting and not chats:
                    self._next = self._resting.pop(0)
                    break
                ticket = self._queue.pop()
            if ticket is None:
                return None
            self._next = self._prepared(model, ticket)
        return self._next

    def _prepared(self, model: Model, ticket: Ticket) -> Running | None:
        """The answer to a request that has left the queue; None when it ended already."""
        error: GovBotError | None = None
        if not ticket.cancelled:
            try:
                return model.prepare(ticket)
            except GovBotError as caught:
                error = caught
            except Exception:
                log.exception("A request cannot be read", extra={"action": "answer.failed"})
                error = failed()
        ticket.finish(error)
        with self._wake:
            self._queue.done(ticket.request.owner)
        return None

    def _make_rest(self, model: Model, chat: Running) -> bool:
        """Takes the newest background answer out, for a chat that needs its memory."""
        newest = self._newest_background()
        if newest is None or chat.rests:
            return False
        self._rest(model, newest)
        return True

    def _newest_background(self) -> Running | None:
        return next((each for each in reversed(self._running) if each.rests), None)

    def _rest(self, model: Model, answer: Running) -> None:
        model.withdraw(answer)
        with self._wake:
            self._running.remove(answer)
            self._resting.append(answer)

    def _over(self, model: Model, answer: Running, error: GovBotError | None) -> None:
        if self._state is State.CLOSED and answer.finish is None:
            error = stopping()
        model.withdraw(answer)
        model.discard(answer)
        with self._wake:
            for place in (self._running, self._resting):
                if answer in place:
                    place.remove(answer)
            if self._next is answer:
                self._next = None
            self._queue.done(answer.ticket.request.owner)
        answer.ticket.finish(error, answer.usage())

    def _refuse_all(self, error: GovBotError) -> None:
        with self._wake:
            while (ticket := self._queue.pop()) is not None:
                self._queue.done(ticket.request.owner)
                ticket.finish(error)

    def _stop_all(self) -> None:
        """Nobody is left waiting when the thread ends, whatever ended it."""
        waiting = [self._next] if self._next is not None else []
        for answer in [*self._running, *self._resting, *waiting]:
            if self._model is not None:
                self._over(self._model, answer, stopping())
        with self._wake:
            self._state = State.CLOSED
        self._refuse_all(stopping())

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
            took, told = time.monotonic() - started, {"action": "model.loaded"}
            log.info("Model loaded on %s in %.1f s", self._model.device, took, extra=told)
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
