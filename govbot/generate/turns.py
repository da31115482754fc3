"""The waiting line in front of a remote server that writes only so many answers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from govbot.generate import Request
from govbot.generate.admission import FairQueue

MAX_WAITING: Final = 64
MAX_WAITING_PER_OWNER: Final = 4


@dataclass(eq=False, slots=True)
class _Waiting:
    request: Request
    turn: asyncio.Future[None]
    position: int = -1

    def move(self, position: int) -> None:
        if position != self.position and self.request.on_position is not None:
            self.request.on_position(position)
        self.position = position


class Turns:
    """Places for `places` answers (0: any number), given in turns between owners. For one loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._line: FairQueue[_Waiting] = FairQueue(
            limit=MAX_WAITING, owner_limit=MAX_WAITING_PER_OWNER
        )
        self.running = 0

    @property
    def waiting(self) -> int:
        return len(self._line)

    @asynccontextmanager
    async def place(self, request: Request, *, until: float | None = None) -> AsyncIterator[None]:
        """A place, once it is this one's turn. Raises `Busy` when too many wait, and TimeoutError
        at `until` (a time of the loop)."""
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._line.put(request.owner, waiting, request.priority)
        self._serve()
        try:
            async with asyncio.timeout_at(until):
                await waiting.turn
            yield
        finally:
            if not self._line.remove(waiting):
                self.running -= 1
                self._line.done(request.owner)
            self._serve()

    def _serve(self) -> None:
        while not self._places or self.running < self._places:
            waiting = self._line.pop()
            if waiting is None:
                return
            self.running += 1
            waiting.move(0)
            if not waiting.turn.done():
                waiting.turn.set_result(None)
        for place, waiting in enumerate(self._line.in_order(), start=1):
            waiting.move(place)
