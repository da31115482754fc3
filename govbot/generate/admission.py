"""The waiting line in front of a model: bounded, and fair between owners."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from govbot.errors import Busy
from govbot.generate import Priority

T = TypeVar("T")
_Line = tuple[Priority, str]


class FairQueue(Generic[T]):
    """Who has the fewest answers running goes first; owners in the same position take turns, each
    with its own requests in order of arrival. Chats go before background work. Not thread-safe."""

    def __init__(
        self, *, limit: int, owner_limit: int, retry_after: Callable[[], int] = lambda: 5
    ) -> None:
        """`limit` bounds all that wait, `owner_limit` those of one owner; `retry_after` gives the
        seconds after which who is turned away may try again."""
        self._limit = limit
        self._owner_limit = owner_limit
        self._retry_after = retry_after
        self._lines: dict[_Line, deque[T]] = {}
        self._running: Counter[str] = Counter()
        self._turns: dict[str, int] = {}  # when an owner came, or was last served
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def put(self, owner: str, item: T, priority: Priority = Priority.CHAT) -> None:
        """Raises `Busy` when the queue, or the share of this owner, is full."""
        if len(self) >= self._limit:
            raise Busy(
                "Too many questions are waiting for an answer: try again in a moment.",
                retry_after=self._retry_after(),
            )
        if self._waiting_of(owner) >= self._owner_limit:
            raise Busy(
                "You already have %(count)d questions waiting.",
                code="E-ANSWERS",
                count=self._owner_limit,
                retry_after=self._retry_after(),
            )
        self._lines.setdefault((priority, owner), deque()).append(item)
        if owner not in self._turns:
            self._take_turn(owner)

    def pop(self) -> T | None:
        """The next item, or None. It counts as running for its owner until `done`."""
        line = _first(self._lines, self._running, self._turns)
        if line is None:
            return None
        item = self._lines[line].popleft()
        if not self._lines[line]:
            del self._lines[line]
        self._running[line[1]] += 1
        self._take_turn(line[1])
        return item

    def done(self, owner: str) -> None:
        """An item of this owner that was popped runs no longer."""
        self._running[owner] -= 1
        self._forget(owner)

    def remove(self, item: T) -> bool:
        """Takes out an item that does not want to wait any longer; False when it is not here."""
        for line, items in self._lines.items():
            if item in items:
                items.remove(item)
                if not items:
                    del self._lines[line]
                self._forget(line[1])
                return True
        return False

    def waits(self, priority: Priority) -> bool:
        return any(line[0] == priority for line in self._lines)

    def in_order(self) -> list[T]:
        """All items as `pop` would give them if no answer ended meanwhile."""
        left = {line: len(items) for line, items in self._lines.items()}
        running, turns, turn = Counter(self._running), dict(self._turns), self._turn
        order: list[T] = []
        while (line := _first(left, running, turns)) is not None:
            order.append(self._lines[line][-left[line]])
            left[line] -= 1
            if not left[line]:
                del left[line]
            running[line[1]] += 1
            turns[line[1]] = turn = turn + 1
        return order

    def _waiting_of(self, owner: str) -> int:
        return sum(len(items) for line, items in self._lines.items() if line[1] == owner)

    def _take_turn(self, owner: str) -> None:
        self._turn += 1
        self._turns[owner] = self._turn

    def _forget(self, owner: str) -> None:
        """Nothing is kept of an owner with nothing here."""
        if self._running[owner] <= 0:
            del self._running[owner]
            if not self._waiting_of(owner):
                self._turns.pop(owner, None)


def _first(
    lines: dict[_Line, deque[T]] | dict[_Line, int], running: Counter[str], turns: dict[str, int]
) -> _Line | None:
    return min(lines, key=lambda line: (line[0], running[line[1]], turns[line[1]]), default=None)
