"""The waiting line in front of a model: bounded, and fair between owners."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import chain, zip_longest
from typing import Generic, TypeVar

from govbot.errors import Busy

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Owners take turns, each with its own requests in order of arrival. Not thread-safe."""

    def __init__(self, *, limit: int, owner_limit: int) -> None:
        """`limit` bounds all that wait, `owner_limit` those of one owner."""
        self._limit = limit
        self._owner_limit = owner_limit
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def put(self, owner: str, item: T) -> None:
        """Raises `Busy` when the queue, or the share of this owner, is full."""
        if len(self) >= self._limit:
            raise Busy("Too many questions are waiting for an answer: try again in a moment.")
        if len(self._lines.get(owner, ())) >= self._owner_limit:
            raise Busy("You already have %(count)d questions waiting.", count=self._owner_limit)
        self._lines.setdefault(owner, deque()).append(item)

    def pop(self) -> T | None:
        """The next item, or None; its owner then goes behind the others."""
        if not self._lines:
            return None
        owner, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[owner] = line
        return item

    def remove(self, item: T) -> bool:
        """Takes out an item that does not want to wait any longer; False when it is not here."""
        for owner, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[owner]
                return True
        return False

    def in_order(self) -> list[T]:
        """All items as `pop` would give them."""
        rounds = zip_longest(*self._lines.values())
        return [item for item in chain.from_iterable(rounds) if item is not None]
