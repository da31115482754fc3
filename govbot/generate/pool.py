"""All models that answer, as one generator: chooses one for each request, stands in another one
when it fails or is full, and loads and unloads them while the service runs.

For one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, cast

from govbot import metrics, tracing
from govbot.errors import Busy, GovBotError, NotFound, Unavailable
from govbot.generate import Generator, Request, Routed, State, Status, Usage
from govbot.generate.members import Entry, Member, ModelState, open_member
from govbot.generate.residence import Checkable, Residence, out_of_use
from govbot.generate.routing import plan

log = logging.getLogger(__name__)

TICK_S: Final = 5.0
_OWN_SHARE: Final = "E-ANSWERS"  # another model would let one person go round the line
_TOO_LONG: Final = "E-QUESTION-LENGTH"


class Pool:
    """One or several models behind the interface of a generator."""

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        complex_from: int = 2,
        memory_bytes: int = 0,
        health_s: Callable[[Entry], float] = lambda _entry: 0.0,
        opening: Callable[[Entry], Generator] = open_member,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`memory_bytes` bounds what the loaded models take by estimate; 0: no bound. `health_s`:
        seconds between two looks at a server, 0: none."""
        self._members = {entry.name: Member(entry) for entry in entries}
        self._complex_from = complex_from
        self._health_s = health_s
        self._clock = clock
        self._residence = Residence(
            self._members.values(), memory_bytes=memory_bytes, opening=opening, clock=clock
        )
        self._checked: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return "+".join(self._members)

    @property
    def excerpts(self) -> bool:
        only = self._only
        return only is not None and only.entry.kind == "extractive"

    @property
    def _only(self) -> Member | None:
        return next(iter(self._members.values())) if len(self._members) == 1 else None

    def models(self) -> tuple[ModelState, ...]:
        """All models, in the order of the settings."""
        now = self._clock()
        return tuple(member.state(now) for member in self._members.values())

    def offered(self) -> tuple[ModelState, ...]:
        """Those that people may choose themselves and that are in use."""
        if self._only is not None:
            return ()
        now = self._clock()
        usable = (each for each in self._members.values() if each.entry.offered and not each.out)
        return tuple(member.state(now) for member in usable)

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Text deltas of the model that the rules choose, or of one that stands in for it. Once
        text has come, a failure is a failure. Raises what the last one to try raised; `Busy` when
        one was full."""
        began = self._clock()
        errors: list[GovBotError] = []
        order, passed = self._planned(request)
        for planned in order:
            member = self._members[planned.model]
            if errors and not self._may_stand_in(member, errors[-1], passed):
                continue
            routed = replace(planned, passed=passed)
            if errors:
                routed = replace(routed, reason=_instead(errors[-1]), signs=order[0].signs)
            told = False
            try:
                writing = self._answer(member, self._own(member, request, began), routed)
                async with aclosing(writing) as texts:
                    async for text in texts:
                        told = True
                        yield text
                return
            except GovBotError as error:
                member.failures += isinstance(error, Unavailable)
                metrics.observe_model_failure(member.name, error.error_code)
                if told or self._closed or not _is_passed_on(error):
                    raise
                errors.append(error)
                passed = (*passed, f"{member.name} {error.error_code}")
        raise next((each for each in errors if isinstance(each, Busy)), errors[0])

    async def load(self, name: str) -> None:
        """Puts a model into use and into memory, and waits for it. Raises NotFound, and what its
        loading fails with."""
        await self._residence.load(self._member(name))

    async def unload(self, name: str) -> None:
        """Takes a model out of use and, once its answers under way are over, out of memory; it
        comes back with `load`. Raises NotFound."""
        await self._residence.unload(self._member(name))

    def begin(self, change: Coroutine[None, None, None]) -> None:
        """Loads or unloads beside everything else: `begin(pool.load("rapido"))`. How it went shows
        in `models` and in the log."""
        task = asyncio.create_task(self._logged(change))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def watch(self) -> None:
        """Unloads what is idle and looks at the servers, for ever."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("The models were not looked at", extra={"action": "models.failed"})
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """One round of `watch`."""
        await self._residence.close_idle()
        now = self._clock()
        due = [each for each in self._members.values() if self._is_due(each, now)]
        await asyncio.gather(*(self._check(member) for member in due))
        self.report()

    async def look(self) -> None:
        """Looks at all servers now."""
        await asyncio.gather(*(self._check(member) for member in self._members.values()))

    def report(self) -> None:
        """Brings the metrics up to date."""
        for state in self.models():
            failing = state.status.state is State.FAILED
            metrics.set_model(
                state.name,
                running=state.status.running,
                waiting=state.status.waiting,
                loaded=state.presence in ("loaded", "remote") and not failing,
                failing=failing,
                memory=state.bytes if state.presence == "loaded" else 0,
                slots=state.status.slots,
                tokens_per_s=state.status.tokens_per_s,
                cells_used=state.status.cells[0],
                cells=state.status.cells[1],
            )

    def status(self) -> Status:
        """Of all together: ready when one of them is."""
        found = [member.status for member in self._members.values()]
        if len(found) == 1:
            return found[0]
        by_state = {each.state: each for each in found}
        order = (State.READY, State.LOADING, State.IDLE, State.FAILED, State.CLOSED)
        state = next(each for each in order if each in by_state)
        return Status(
            state,
            device=", ".join(dict.fromkeys(each.device for each in found if each.device)),
            failure=next((each.failure for each in found if each.failure), None),
            running=sum(each.running for each in found),
            waiting=sum(each.waiting for each in found),
            slots=sum(each.slots for each in found),
            tokens_per_s=sum(each.tokens_per_s for each in found),
            prefix_tokens=sum(each.prefix_tokens for each in found),
            cells=(sum(each.cells[0] for each in found), sum(each.cells[1] for each in found)),
        )

    async def aclose(self) -> None:
        """Ends the answers under way and frees all models."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._residence.aclose()

    def _planned(self, request: Request) -> tuple[tuple[Routed, ...], tuple[str, ...]]:
        """The order in which the models in use try, and what was passed over from the start."""
        usable = [member.candidate for member in self._members.values() if not member.out]
        if not usable:
            raise out_of_use(next(iter(self._members)))
        order = plan(request, usable, complex_from=self._complex_from)
        missing = (
            request.model
            and request.model in self._members
            and not any(each.name == request.model for each in usable)
        )
        return order, (f"{request.model} E-MODEL-OUT",) if missing else ()

    def _may_stand_in(self, member: Member, error: GovBotError, passed: tuple[str, ...]) -> bool:
        """A question too long for one model goes to a larger one only."""
        if error.error_code != _TOO_LONG:
            return True
        before = self._members[passed[-1].partition(" ")[0]]
        return member.candidate.context_tokens > before.candidate.context_tokens

    def _own(self, member: Member, request: Request, began: float) -> Request:
        """The request as this model gets it: within its limits, and in the time that is left."""
        entry = member.entry
        if entry.max_tokens is not None and entry.max_tokens < request.max_tokens:
            request = replace(request, max_tokens=entry.max_tokens)
        if entry.temperature is not None and request.sampling is None:
            request = replace(request, temperature=entry.temperature)
        if request.timeout_s is not None:
            left = request.timeout_s - (self._clock() - began)
            request = replace(request, timeout_s=max(0.0, left))
        return request

    async def _answer(
        self, member: Member, request: Request, routed: Routed
    ) -> AsyncGenerator[str, None]:
        if member.out:
            raise out_of_use(member.name)
        member.enter()
        step = tracing.begin("model", model=member.name, reason=routed.reason)
        request = replace(request, on_usage=_counted(member.name, request.on_usage, step))
        try:
            generator = await self._residence.opened(member)
            if request.on_routed is not None:
                request.on_routed(routed)
            stream = cast("AsyncGenerator[str, None]", generator.stream(request))
            async with aclosing(stream) as texts:
                async for text in texts:
                    yield text
            member.answers += 1
            metrics.observe_model_answer(member.name, routed.reason)
        except GovBotError as error:
            step.failed(error)
            raise
        finally:
            member.leave(self._clock())
            step.end()

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise NotFound("There is no model %(name)s.", name=name)
        return self._members[name]

    def _is_due(self, member: Member, now: float) -> bool:
        every = self._health_s(member.entry)
        last = self._checked.get(member.name)
        return bool(every) and not member.out and (last is None or now - last >= every)

    async def _check(self, member: Member) -> None:
        self._checked[member.name] = self._clock()
        if isinstance(member.generator, Checkable):
            await member.generator.check()

    async def _logged(self, change: Coroutine[None, None, None]) -> None:
        try:
            await change
        except GovBotError as error:
            log.error("%s", error, extra={"action": "generation.change-failed"})


def _counted(
    model: str, heard: Callable[[Usage], None] | None, step: tracing.Span
) -> Callable[[Usage], None]:
    """Counts the tokens of an answer before whoever else wants to hear of them."""

    def hear(usage: Usage) -> None:
        prompt, shared, written = usage.prompt_tokens, usage.shared_tokens, usage.completion_tokens
        metrics.observe_tokens(model, prompt=prompt, shared=shared, generated=written)
        step.note(prompt_tokens=prompt, shared_tokens=shared, generated_tokens=written)
        step.note(first_token_ms=round(usage.first_token_ms))
        if heard is not None:
            heard(usage)

    return hear


def _is_passed_on(error: GovBotError) -> bool:
    """Whether another model may do better."""
    if isinstance(error, Busy):
        return error.error_code != _OWN_SHARE
    return isinstance(error, Unavailable) or error.error_code == _TOO_LONG


def _instead(error: GovBotError) -> str:
    """Why another model stands in, as a stable word."""
    if error.error_code == _TOO_LONG:
        return "fallback-context"
    if error.error_code in ("E-MODEL-ROOM", "E-MODEL-MEMORY"):
        return "fallback-memory"
    return "fallback-full" if isinstance(error, Busy) else "fallback-failed"
