"""How far the processing of a version is, how long its stages took, and whether it still counts."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import progress
from govbot.documents.progress import Withdrawn
from govbot.documents.types import State, Version
from govbot.errors import Unavailable

logger = logging.getLogger(__name__)

REPORT_S = 0.7


@dataclass(slots=True)
class Clock:
    """Seconds by stage."""

    laps: dict[str, float]
    last: float

    def __init__(self) -> None:
        self.laps = {}
        self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = now - self.last
        self.last = now


class Reporter(AbstractAsyncContextManager["Reporter"]):
    """Writes the newest progress from time to time, each in a short transaction of its own.

    When it finds that the attempt does not count any more, because somebody cancelled it on
    whatever node, it interrupts the block, which then raises Withdrawn.
    """

    def __init__(self, pool: Pool, version: Version):
        self._pool = pool
        self._version = version
        self._latest: tuple[State, int, int] | None = None
        self._written: tuple[State, int, int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._block: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._interrupted = False

    def set(self, state: State, pages_done: int, pages: int) -> None:
        """Only remembers; the task writes."""
        self._latest = (state, pages_done, pages)

    async def __aenter__(self) -> Reporter:
        self._block = asyncio.current_task()
        assert self._block is not None  # noqa: S101 - an async block runs in a task
        self._cancelling = self._block.cancelling()
        self._task = asyncio.create_task(self._run(), name="progress of a document")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._task is not None  # noqa: S101 - set on entering
        assert self._block is not None  # noqa: S101 - set on entering
        self._task.cancel()
        await asyncio.wait([self._task])
        if (
            self._interrupted
            # As asyncio.timeout does it: somebody else's cancellation is not swallowed.
            and self._block.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise Withdrawn from error

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            try:
                counts = await self._tell()
            except Unavailable:
                logger.debug("Progress not written", extra={"action": "document.progress-lost"})
                continue
            if not counts:
                assert self._block is not None  # noqa: S101 - set on entering
                self._interrupted = True
                self._block.cancel()
                return

    async def _tell(self) -> bool:
        latest = self._latest
        async with as_system(self._pool) as conn:
            if latest is None or latest == self._written:
                return await progress.is_current(conn, self._version)
            counts = await progress.set_progress(conn, self._version, *latest)
        self._written = latest
        return counts
