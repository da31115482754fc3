"""The circuit breaker of a remote server: after a row of failures it is left alone for a while,
so that each question does not wait for the same silence (M. Nygard, "Release It!", 2007).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

FAILURES: Final = 3
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 120.0


class Breaker:
    """Closed: all may pass. Open: nobody, until the wait is over; then one at a time tries, and its
    success closes the breaker while its failure doubles the wait. For one event loop."""

    def __init__(
        self, *, failures: int = FAILURES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`failures` in a row open it."""
        self._limit = failures
        self._clock = clock
        self._failures = 0
        self._wait_s = FIRST_WAIT_S
        self._until: float | None = None
        self._trying = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        if self._until is None:
            return "closed"
        return "half-open" if self._clock() >= self._until else "open"

    @property
    def wait_s(self) -> float:
        """Seconds until somebody may try again; 0 when it is not open."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def enter(self) -> bool:
        """Whether a request may pass; it then ends with one of `succeeded`, `failed`, `left`."""
        if self.state == "closed":
            return True
        if self.state == "open" or self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._wait_s = FIRST_WAIT_S
        self._until = None
        self._trying = False

    def failed(self) -> None:
        """The server is at fault: away, silent, broken."""
        again = self._until is not None
        self._trying = False
        self._failures += 1
        if again:
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        if again or self._failures >= self._limit:
            self._until = self._clock() + self._wait_s

    def left(self) -> None:
        """It ended in a way that tells nothing of the server, such as a reader who went away."""
        self._trying = False
