"""The pulse of the service. systemd's watchdog hears it only while everything that must work works:
the event loop turns, the database answers, the models' threads live, documents are processed.

A part that does nothing for its patience stops the pulse, and systemd starts the service anew. What
a new start cannot mend does not stop it: an external database that is away, a model that is slow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import psycopg

from govbot.db.access import as_system
from govbot.errors import GovBotError
from govbot.generate import State
from govbot.systemd import Notifier

if TYPE_CHECKING:
    from govbot.db.pool import Pool
    from govbot.generate.pool import Pool as Models

log = logging.getLogger(__name__)

EVERY_S: Final = 15.0  # at most; a third of the watchdog's time where that is less
ANSWER_S: Final = 8.0  # in which a database answers
DATABASE_S: Final = 300.0
THREADS_S: Final = 30.0
# One step of a model reads or writes a bounded number of tokens: minutes at worst on a slow CPU.
STEP_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part that must work. `patience_s`: how long it may be dead before the pulse stops."""

    name: str
    alive: Callable[[], Awaitable[bool]]
    patience_s: float


class Pulse:
    """Looks at all parts in turns, and tells systemd unless one of them is dead for long."""

    def __init__(
        self,
        notifier: Notifier,
        parts: Sequence[Part],
        *,
        watchdog_s: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._notifier = notifier
        self._parts = parts
        self._every_s = min(EVERY_S, watchdog_s / 3) if watchdog_s else EVERY_S
        self._clock = clock
        self._dead_since: dict[str, float] = {}
        self._told = ""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.beat()
            await asyncio.sleep(self._every_s)

    async def beat(self) -> bool:
        """One look; whether systemd was told that all is well."""
        found = await asyncio.gather(*(part.alive() for part in self._parts))
        now = self._clock()
        for part, alive in zip(self._parts, found, strict=True):
            if alive:
                self._dead_since.pop(part.name, None)
            else:
                self._dead_since.setdefault(part.name, now)
        over = [
            part.name
            for part in self._parts
            if now - self._dead_since.get(part.name, now) > part.patience_s
        ]
        self._tell(over)
        if not over:
            self._notifier.watchdog()
        return not over

    def _tell(self, over: Sequence[str]) -> None:
        words = "Ready"
        if self._dead_since:
            words = "Not working: " + ", ".join(sorted(self._dead_since))
        if over:
            words += "; waiting to be started anew"
        if words == self._told:
            return
        if self._told or words != "Ready":
            level = logging.WARNING if self._dead_since else logging.INFO
            log.log(level, "Pulse: %s", words, extra={"action": "service.pulse"})
        self._told = words
        self._notifier.status(words)


def database(pool: Pool, *, embedded: bool) -> Part:
    """The database by way of the pool. Where that fails, a connection beside it shows whose fault
    it is: an external database that is away comes back without a new start of ours."""

    async def alive() -> bool:
        if await _answers(_through(pool)):
            return True
        return not embedded and not await _answers(_beside(str(pool.conninfo)))

    return Part("database", alive, DATABASE_S)


async def _answers(asking: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(ANSWER_S):
            await asking
    except (GovBotError, TimeoutError, psycopg.Error, OSError):
        return False
    return True


async def _through(pool: Pool) -> None:
    async with as_system(pool) as conn:
        await conn.execute("SELECT 1")


async def _beside(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("SELECT 1")


def models(pool: Models) -> Part:
    """The threads of the models in this process: a thread that ended by itself, or does not come
    back from one step, answers nobody any more."""

    async def alive() -> bool:
        found = [model.status for model in pool.models()]
        return not any(each.state is State.CLOSED or each.step_s > STEP_S for each in found)

    return Part("models", alive, THREADS_S)


def worker(is_alive: Callable[[], bool]) -> Part:
    """The task that processes documents."""

    async def alive() -> bool:
        return is_alive()

    return Part("worker", alive, THREADS_S)
