"""Whether this machine's clock can be believed when it says that something is old enough to delete.

A clock that jumped ahead, at start (an empty battery) or later (a time server gone wrong), would
else empty the trash and the conversations before anybody sees it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from govbot.db.pool import Connection

log = logging.getLogger(__name__)

JUMP_S: Final = 3600.0  # what a clock is corrected by without anybody being told
IDLE_S: Final = 7 * 86_400.0  # an installation that has been still for longer may have been off
DOUBT_S: Final = 86_400.0  # how long nothing is deleted after that


def _since_boot() -> float:
    """Seconds that nobody sets, suspended ones included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """One for each process, made at its start."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _since_boot
    ) -> None:
        self._wall, self._steady = wall, steady
        self._ahead = wall() - steady()
        self._doubted: float | None = None
        self._compared = False

    async def believed(self, conn: Connection) -> bool:
        """False for a day after the clock jumped, or after a start long after the last entry that
        the audit log had before this day. The caller acts as the system."""
        now = self._steady()
        jump = self._wall() - now - self._ahead
        self._ahead += jump
        if abs(jump) > JUMP_S:
            self._doubt("it jumped by %.0f s while the service ran", jump)
        if not self._compared:
            still = await self._still(conn)
            self._compared = True
            if abs(still) > IDLE_S:
                self._doubt("the last entry of the audit log is %.0f s away", still)
        return self._doubted is None or now - self._doubted >= DOUBT_S

    def _doubt(self, reason: str, seconds: float) -> None:
        self._doubted = self._steady()
        log.warning(
            f"The clock is doubted, {reason}: for a day nothing is deleted for its age. Check it.",  # noqa: G004
            seconds,
            extra={"action": "clock.doubted"},
        )

    async def _still(self, conn: Connection) -> float:
        """Seconds from the newest entry that is not of this day; below 0: it is ahead.

        What was written today may have been written by the wrong clock, by a process that noticed
        its jump and was ended since.
        """
        cursor = await conn.execute(
            """
            SELECT extract(epoch FROM now() - at)::float8 AS seconds
            FROM audit_log
            WHERE at < now() - make_interval(secs => %(day)s)
               OR at > now() + make_interval(secs => %(day)s)
            ORDER BY seq DESC
            LIMIT 1
            """,
            {"day": DOUBT_S},
        )
        row = await cursor.fetchone()
        return float(row["seconds"]) if row else 0.0
