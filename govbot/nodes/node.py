"""This process among those that share its database: it says that it lives, and it does alone what
only one node may do at a time.

Two signs of life: a row written every second, and a lock that the server frees when the connection
ends. A duty is a lock on the same connection; another node takes it over when this one dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Literal

import psycopg

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import GovBotError
from govbot.ids import NodeId
from govbot.nodes import roster

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
ANSWER_S: Final = 5.0
LATE_S: Final = 30.0  # with a lock but without a word: others wait a minute for it
LEAVE_S: Final = 2.0  # a database that is away must not hold up the end
STEADY_S: Final = 6.0  # as long as a node may be silent: migrations/sql/0034_nodes.sql

DutyName = Literal["timers", "watch", "models"]
_LOCK: Final = 7179
_NUMBERS: Final[dict[DutyName, int]] = {"timers": 1, "watch": 2, "models": 3}

_AWAY: Final = (GovBotError, psycopg.Error, OSError, TimeoutError)


@dataclass(slots=True)
class _Duty:
    """`held` while this node has the lock, `lost` while it has not."""

    held: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, mine: bool) -> None:
        (self.held if mine else self.lost).set()
        (self.lost if mine else self.held).clear()


class Node:
    """`enter`, then `run` in a task, and `leave` at the end. `problem` gives the code of what keeps
    this node from serving, if anything."""

    def __init__(
        self, pool: Pool, dsn: str, node_id: NodeId, name: str, *, beat_s: float = BEAT_S
    ) -> None:
        self.id = node_id
        self.name = name
        self.problem: Callable[[], str] = str
        self._pool, self._dsn, self._beat_s = pool, dsn, beat_s
        self._duties: dict[DutyName, _Duty] = {}
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._since: float | None = None
        self._told = 0.0  # when it wrote last that it lives
        self._number = 0

    @property
    def steady(self) -> bool:
        """Whether it has been seen long enough to judge others.

        After an outage of the database everybody was silent: who comes back first must not take the
        others for dead.
        """
        return self._since is not None and monotonic() - self._since >= STEADY_S

    async def enter(self) -> None:
        """Becomes known to the others. Raises Unavailable."""
        async with as_system(self._pool) as conn:
            self._number = await roster.enter(conn, self.id, self.name)

    async def run(self) -> None:
        """Until it is cancelled; duties end with it."""
        try:
            while True:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        await self._beat()
                except _AWAY as error:
                    await self._lose(error)
                await asyncio.sleep(self._beat_s)
        finally:
            await self._drop()

    async def duty(self, name: DutyName, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does `work` while no other node does; begins anew after the duty was lost.

        Two nodes may overlap for the seconds in which one does not know yet that its connection
        ended: work must bear that.
        """
        duty = self._duties.setdefault(name, _Duty())
        while True:
            await duty.held.wait()
            log.info("This node has the duty %s", name, extra={"action": "node.duty"})
            task = asyncio.create_task(work())
            lost = asyncio.create_task(duty.lost.wait())
            try:
                await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                    return
            finally:
                task.cancel()
                lost.cancel()
                await asyncio.gather(task, lost, return_exceptions=True)

    async def others_live(self) -> bool:
        """Whether another node could go on with what this one leaves."""
        try:
            async with asyncio.timeout(LEAVE_S), as_system(self._pool) as conn:
                return await roster.others_live(conn, self.id)
        except (GovBotError, TimeoutError):
            return False

    async def leave(self) -> None:
        """Is no longer one of them: what it did not finish is the others' at once."""
        await self._drop()
        with suppress(GovBotError, TimeoutError):
            async with asyncio.timeout(LEAVE_S), as_system(self._pool) as conn:
                await roster.leave(conn, self.id)

    async def _beat(self) -> None:
        conn = await self._connected()
        for name, duty in self._duties.items():
            if not duty.held.is_set() and await _try(conn, _LOCK, _NUMBERS[name]):
                duty.set(True)
        await conn.execute("SELECT 1")
        try:
            async with asyncio.timeout(ANSWER_S / 2):
                known = await self._tell()
        except _AWAY:
            # Its locks stand, so the database is there: it is this node that is busy, with all
            # connections of its pool at work, say. To give its duties up would help nobody.
            if self._since is None or monotonic() - self._told > LATE_S:
                raise
            return
        if not known:
            log.warning("The others took this node for dead", extra={"action": "node.forgotten"})
            await self.enter()
            await self._drop()
            return
        self._told = monotonic()
        self._since = self._since or monotonic()

    async def _tell(self) -> bool:
        """Writes that it lives; whether the others know it still."""
        held = [name for name, duty in self._duties.items() if duty.held.is_set()]
        async with as_system(self._pool) as conn:
            return await roster.beat(conn, self.id, held, self.problem())

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._conn is None:
            self._conn = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=5, application_name="govbot-node"
            )
            await _try(self._conn, roster.LOCK, self._number)
        return self._conn

    async def _lose(self, error: Exception) -> None:
        if self._since is not None:
            log.warning(
                "This node lost the database; its duties wait",
                extra={"action": "node.lost", "reason": type(error).__name__},
            )
        await self._drop()

    async def _drop(self) -> None:
        """Gives every lock up, with the connection that held them."""
        self._since = None
        conn, self._conn = self._conn, None
        for duty in self._duties.values():
            duty.set(False)
        if conn is not None:
            with suppress(psycopg.Error, OSError):
                await conn.close()


async def _try(conn: psycopg.AsyncConnection[Any], kind: int, number: int) -> bool:
    cursor = await conn.execute(
        "SELECT pg_try_advisory_lock(%(kind)s, %(number)s)", {"kind": kind, "number": number}
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
