"""Which models of a pool are in memory: opened when needed; closed to make room, when idle, or by
an administrator, never while an answer of theirs is under way.

`running` of a member grows before anything is awaited, so no question finds it half closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol, runtime_checkable

from govbot.errors import Busy, Unavailable
from govbot.generate import Generator, State
from govbot.generate.members import Entry, Member

log = logging.getLogger(__name__)

LEAVE_S: Final = 120.0  # how long answers under way may hold up an unloading
ROOM_RETRY_S: Final = 10
_LOOK_S: Final = 0.1


@runtime_checkable
class Startable(Protocol):
    def start(self) -> None: ...


@runtime_checkable
class Checkable(Protocol):
    async def check(self) -> None: ...


class Residence:
    """The members of a pool and the memory they share. For one event loop."""

    def __init__(
        self,
        members: Iterable[Member],
        *,
        memory_bytes: int,
        opening: Callable[[Entry], Generator],
        clock: Callable[[], float],
    ) -> None:
        """`memory_bytes` bounds what the loaded models take by estimate; 0: no bound."""
        self._members = tuple(members)
        self._memory_bytes = memory_bytes
        self._opening = opening
        self._clock = clock
        self._changing = asyncio.Lock()  # loads and unloads, one after the other
        self._closed = False
        for member in self._members:
            if not member.local:  # a server is looked at before its first question
                member.generator = opening(member.entry)

    async def opened(self, member: Member) -> Generator:
        """The generator of a member, which must have been entered. Raises Unavailable when it is
        out of use or larger than the bound, Busy when those in its way are in use."""
        if member.generator is not None:
            return member.generator
        async with self._changing:
            if self._closed or member.out:
                raise out_of_use(member.name)
            if member.generator is None:
                await self._make_room(member)
                member.generator = self._opening(member.entry)
                member.note = ""
            return member.generator

    async def load(self, member: Member) -> None:
        """Puts it into use and into memory, and waits for it; raises what its loading fails with.
        One that failed is opened anew."""
        member.out = False
        member.enter()
        try:
            if member.running == 1 and member.status.state is State.FAILED:
                async with self._changing:
                    await self._close(member, "")  # else it would wait before its next try
            generator = await self.opened(member)
            if isinstance(generator, Checkable):
                await generator.check()
            if isinstance(generator, Startable):
                generator.start()
                # The engine is a thread, which sets no event of this loop.
                while generator.status().state in (State.IDLE, State.LOADING):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
        finally:
            member.leave(self._clock())
        status = generator.status()
        if status.state is State.FAILED:
            raise Unavailable(
                "The model %(name)s does not work: %(reason)s",
                name=member.name,
                reason=status.error,
                code="E-MODEL-LOAD",
            )

    async def unload(self, member: Member) -> None:
        """Takes it out of use and, once its answers under way are over, out of memory."""
        member.out = True
        if member.running:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await member.empty.wait()
            except TimeoutError:
                log.warning(
                    "The model %s is unloaded with answers under way",
                    member.name,
                    extra={"action": "generation.unloading"},
                )
        async with self._changing:
            if member.out:
                await self._close(member, "unloaded")

    async def close_idle(self) -> None:
        """Closes the models that nobody has used for as long as their settings say."""
        now = self._clock()
        async with self._changing:
            for member in self._members:
                limit, used = member.entry.idle_unload_s, member.last_used
                if limit and used is not None and now - used >= limit and not member.running:
                    await self._close(member, "idle")

    async def aclose(self) -> None:
        """Ends the answers under way and frees all models."""
        self._closed = True
        held = [each.generator for each in self._members if each.generator is not None]
        await asyncio.gather(*(generator.aclose() for generator in held))

    async def _make_room(self, member: Member) -> None:
        """Unloads others, the longest unused first, until this one fits."""
        if not self._memory_bytes or not member.local:
            return
        needed = member.bytes
        if needed > self._memory_bytes:
            raise Unavailable(
                "The model %(name)s takes about %(needed)d MB, more than generation.memory_mb "
                "allows.",
                name=member.name,
                needed=needed // 2**20,
                code="E-MODEL-MEMORY",
            )
        held = [each for each in self._members if each.local and each.generator is not None]
        free = self._memory_bytes - sum(each.bytes for each in held)
        idle = [each for each in held if not each.running]
        if free + sum(each.bytes for each in idle) < needed:
            raise Busy(
                "The models in use leave no memory for %(name)s: try again in a moment.",
                name=member.name,
                code="E-MODEL-ROOM",
                retry_after=ROOM_RETRY_S,
            )
        for other in sorted(idle, key=lambda each: each.last_used or 0.0):
            if free >= needed:
                break
            free += other.bytes
            await self._close(other, "room")

    async def _close(self, member: Member, note: str) -> None:
        """Frees the memory of a model, within `_changing`; servers stay connected."""
        if not member.local or member.generator is None:
            return
        generator, member.generator = member.generator, None
        member.note = note
        log.info(
            "The model %s leaves the memory: %s",
            member.name,
            note or "loaded anew",
            extra={"action": "generation.unloaded"},
        )
        await generator.aclose()


def out_of_use(name: str) -> Unavailable:
    return Unavailable(
        "The model %(name)s is out of use: an administrator can load it.",
        name=name,
        code="E-MODEL-OUT",
    )
