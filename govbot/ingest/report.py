"""How far the processing of a version is, and how long its stages took."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import progress
from govbot.documents.types import State
from govbot.errors import Unavailable
from govbot.ids import VersionId

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
    """Writes the newest progress from time to time, each in a short transaction of its own."""

    def __init__(self, pool: Pool, version_id: VersionId):
        self._pool = pool
        self._version_id = version_id
        self._latest: tuple[State, int, int] | None = None
        self._written: tuple[State, int, int] | None = None
        self._task: asyncio.Task[None] | None = None

    def set(self, state: State, pages_done: int, pages: int) -> None:
        """Only remembers; the task writes."""
        self._latest = (state, pages_done, pages)

    async def __aenter__(self) -> Reporter:
        self._task = asyncio.create_task(self._run(), name="progress of a document")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None  # noqa: S101 - set on entering
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            if self._latest is None or self._latest == self._written:
                continue
            self._written = self._latest
            try:
                async with as_system(self._pool) as conn:
                    await progress.set_progress(conn, self._version_id, *self._written)
            except Unavailable:
                logger.debug("Progress not written", extra={"action": "document.progress-lost"})
