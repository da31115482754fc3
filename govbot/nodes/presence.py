"""Looks whether the folder of originals is there, in a thread of its own: a network folder that
hangs holds up nothing but that thread."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from govbot.errors import GovBotError

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
ANSWER_S: Final = 5.0  # a folder that takes longer to answer is away


class Originals(Protocol):
    """The folder of originals."""

    mark: str
    away: bool

    def read_mark(self) -> str | None: ...


class Presence:
    """Keeps `away` of the folder true to the facts; `run()` it in a task and cancel it to stop."""

    def __init__(
        self, files: Originals, *, look_s: float = LOOK_S, answer_s: float = ANSWER_S
    ) -> None:
        self._files = files
        self._look_s, self._answer_s = look_s, answer_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="originals")
        self._asked: asyncio.Future[bool] | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                self._tell(not await self._is_there())
                await asyncio.sleep(self._look_s)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _is_there(self) -> bool:
        """A question without an answer is not asked a second time: it would wait behind it."""
        loop = asyncio.get_running_loop()
        self._asked = self._asked or loop.run_in_executor(self._thread, self._looked)
        done, _ = await asyncio.wait({self._asked}, timeout=self._answer_s)
        if not done:
            return False
        answer, self._asked = self._asked.result(), None
        return answer

    def _looked(self) -> bool:
        try:
            return self._files.read_mark() == self._files.mark
        except GovBotError:
            return False

    def _tell(self, away: bool) -> None:
        if away == self._files.away:
            return
        self._files.away = away
        if away:
            log.error(
                "The folder of originals is not there: this node takes in nothing until it is.",
                extra={"action": "files.away", "code": "E-FILES-AWAY"},
            )
        else:
            log.warning("The folder of originals is back.", extra={"action": "files.back"})
