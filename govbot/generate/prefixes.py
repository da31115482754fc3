"""Which beginnings of prompts are in memory: a radix tree over tokens, and the copies that were
moved to host memory. Knows numbers and bytes, not llama.cpp."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Holder = TypeVar("Holder")


class Prefixes(Generic[Holder]):
    """Sequences of tokens by who holds them; each holder has one. Looking one up costs the length
    of what matches, whatever the number of holders."""

    def __init__(self) -> None:
        self._root: _Node[Holder] = _Node([])
        self._held: dict[Holder, list[int]] = {}

    def put(self, holder: Holder, tokens: Sequence[int]) -> None:
        """From now on `holder` holds these tokens, and no others."""
        self.drop(holder)
        self._held[holder] = list(tokens)
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                child = node.children[tokens[at]] = _Node(list(tokens[at:]))
            common = shared(child.edge, tokens, at)
            if common < len(child.edge):
                child = node.children[tokens[at]] = child.split(common)
            node, at = child, at + common
        node.holders.add(holder)

    def drop(self, holder: Holder) -> None:
        tokens = self._held.pop(holder, None)
        if tokens is None:
            return
        path, node, at = [self._root], self._root, 0
        while at < len(tokens):
            node = node.children[tokens[at]]
            at += len(node.edge)
            path.append(node)
        node.holders.discard(holder)
        for parent, child in zip(path[-2::-1], path[:0:-1], strict=True):
            if not child.holders:
                parent.prune(child)

    def matches(self, tokens: Sequence[int]) -> dict[Holder, int]:
        """How many of the tokens, from the first on, each holder has; who has none is left out."""
        found: dict[Holder, int] = {}
        node, at = self._root, 0
        while True:
            child = node.children.get(tokens[at]) if at < len(tokens) else None
            if at:
                for holder in node.below(without=child):
                    found[holder] = at
            if child is None:
                return found
            common = shared(child.edge, tokens, at)
            at += common
            if common < len(child.edge):
                found.update(dict.fromkeys(child.below(), at))
                return found
            node = child

    def tokens(self, holder: Holder) -> list[int]:
        return self._held[holder]


def shared(edge: Sequence[int], tokens: Sequence[int], at: int = 0) -> int:
    """How many tokens `edge` has in common with `tokens` from `at` on."""
    length = min(len(edge), len(tokens) - at)
    if edge[:length] == tokens[at : at + length]:
        return length
    low, high = 0, length  # the first `low` are equal, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if edge[low:middle] == tokens[at + low : at + middle]:
            low = middle
        else:
            high = middle
    return low


@dataclass(slots=True)
class _Node(Generic[Holder]):
    edge: list[int]
    children: dict[int, _Node[Holder]] = field(default_factory=dict)
    holders: set[Holder] = field(default_factory=set)

    def split(self, at: int) -> _Node[Holder]:
        """A node for the first `at` tokens of the edge, with this one below it."""
        upper: _Node[Holder] = _Node(self.edge[:at])
        self.edge = self.edge[at:]
        upper.children[self.edge[0]] = self
        return upper

    def prune(self, child: _Node[Holder]) -> None:
        """Removes a child without holders, or joins it to its only child."""
        if not child.children:
            del self.children[child.edge[0]]
        elif len(child.children) == 1:
            (only,) = child.children.values()
            only.edge = child.edge + only.edge
            self.children[child.edge[0]] = only

    def below(self, without: _Node[Holder] | None = None) -> Iterator[Holder]:
        """All holders here and further down, but for one branch."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield from node.holders
            waiting.extend(child for child in node.children.values() if child is not without)


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Data = TypeVar("Data", bound=Sized)


class HostCopies(Generic[Data]):
    """Saved sequences by number, the least recently used of which go when there are too many
    bytes. The tokens of each are in the tree of whoever owns this."""

    def __init__(self, limit: int) -> None:
        """`limit` in bytes; 0 keeps nothing."""
        self.limit = limit
        self.bytes = 0
        self._copies: OrderedDict[int, Data] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        return len(self._copies)

    def add(self, data: Data) -> tuple[int | None, list[int]]:
        """The number of the copy, None when it is larger than the limit; and those that had to
        go for it."""
        if data.nbytes > self.limit:
            return None, []
        gone = []
        while self.bytes + data.nbytes > self.limit:
            number, oldest = self._copies.popitem(last=False)
            self.bytes -= oldest.nbytes
            gone.append(number)
        self._next += 1
        self._copies[self._next] = data
        self.bytes += data.nbytes
        return self._next, gone

    def numbers(self) -> list[int]:
        return list(self._copies)

    def use(self, number: int) -> Data:
        self._copies.move_to_end(number)
        return self._copies[number]

    def drop(self, number: int) -> None:
        self.bytes -= self._copies.pop(number).nbytes
