"""The sequences of a context: which answer has which, and what the others still remember.

A finished answer leaves its tokens where they are. The next prompt that begins like them goes on
from there: in the same sequence, in a copy, or from host memory, where what had to make room goes.

How soon an answer begins tells how much of its prompt was here. So of what other people brought in,
a prompt shares only its open part, rules and passages that its reader may see, and nothing that
somebody typed: else one could find out by trying what others have asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from govbot.generate.prefixes import Data, HostCopies, Prefixes

_WORTH = 64  # tokens; fewer are decoded again rather than copied, kept or waited for


class Memory(Protocol[Data]):
    """What a context offers; see LlamaContext."""

    slots: int
    forgets: bool
    unified: bool
    total_cells: int
    tile: int

    @property
    def copies_late(self) -> bool: ...

    def forget(self, slot: int, start: int = 0) -> bool: ...

    def copy(self, source: int, target: int, count: int) -> bool: ...

    def save(self, slot: int) -> Data: ...

    def restore(self, slot: int, data: Data) -> bool: ...

    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Source(Generic[Data]):
    """What a prompt goes on from. A copy's data is in hand from the start: whatever makes room
    afterwards may push that copy out of host memory."""

    holder: int | None = None
    count: int = 0  # tokens that the prompt can use
    length: int = 0  # tokens that the holder has
    data: Data | None = None


@dataclass(slots=True, eq=False)
class Slot:
    """A sequence. `tokens` are those whose keys and values it holds."""

    index: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    reserved: int = 0  # cells that its answer may need in all
    goal: int = 0  # length of the prompt that is being read
    stop_at: int = 0  # where to stop reading, once, and keep a copy; 0: nowhere
    used: int = 0  # the higher, the later
    owner: str = ""


class Slots(Generic[Data]):
    """Places for answers. In the tree of prefixes a slot goes by its index, a copy in host memory
    by its number with a minus."""

    def __init__(self, memory: Memory[Data], *, host_bytes: int) -> None:
        self._memory = memory
        self._slots = [Slot(index) for index in range(memory.slots)]
        self._tree: Prefixes[int] = Prefixes()
        self._copies: HostCopies[Data] = HostCopies(host_bytes)
        self._owners: dict[int, str] = {}  # of the copies, by number
        self._late: set[int] = set()  # sequences that a copy still has to be made from or to
        self._clock = 0

    @property
    def remembered(self) -> int:
        """Tokens that the next prompts could share."""
        idle = sum(len(slot.tokens) for slot in self._slots if not slot.busy)
        return idle + sum(len(self._tree.tokens(-number)) for number in self._copies.numbers())

    @property
    def held(self) -> int:
        """Tokens whose keys and values the context holds, of answers and of what it remembers."""
        return sum(len(slot.tokens) for slot in self._slots)

    def fits(self, cells: int) -> bool:
        """Whether an answer that may take so many cells could have a slot now."""
        return any(not slot.busy for slot in self._slots) and cells <= self._free_cells()

    def place(
        self, tokens: Sequence[int], cells: int, *, owner: str = "", opened: int | None = None
    ) -> Slot | None:
        """A slot whose tokens are the longest beginning of these that is remembered, but for the
        last tile (llama_context.py), which has to be decoded to go on from. Of what other owners
        brought in, only the first `opened` tokens count (None: all). None when there is no slot or
        memory, or when an answer before this one is about to decode much of the same beginning."""
        if not self.fits(cells):
            return None
        matches = self._matches(tokens, owner, len(tokens) if opened is None else opened)
        holder, count = self._longest(matches)
        if self._soon(matches, count):
            return None
        slot = self._target(holder, count)
        if slot is None:
            return None
        source = self._source(holder, count)
        self._make_room(cells, keep=(slot.index, holder))
        fork = self._load(slot, source, list(tokens))
        self._make_room(cells, keep=(slot.index, None))
        slot.busy, slot.reserved, slot.goal, slot.owner = True, cells, len(tokens), owner
        slot.stop_at = 0 if self._memory.forgets else self._fork(matches, len(slot.tokens))
        self._tree.put(slot.index, tokens)
        if fork:
            self.keep(slot)
        return slot

    def release(self, slot: Slot) -> None:
        """The answer is over; what it held stays until the place is needed."""
        self._clock += 1
        slot.busy, slot.reserved, slot.goal, slot.stop_at = False, 0, 0, 0
        slot.used = self._clock
        self._tree.put(slot.index, slot.tokens)

    def keep(self, slot: Slot) -> None:
        """Copies what the slot holds to host memory."""
        slot.stop_at = 0
        number, gone = self._copies.add(self._memory.save(slot.index))
        for each in gone:
            self._tree.drop(-each)
            del self._owners[each]
        if number is not None:
            self._tree.put(-number, slot.tokens)
            self._owners[number] = slot.owner

    def decoded(self) -> None:
        """A step was decoded: all copies are made."""
        self._late.clear()

    def forget_all(self) -> None:
        """Nothing is remembered any more in the context; answers must be placed again."""
        self._memory.clear()
        self._late.clear()
        for slot in self._slots:
            slot.tokens = []
            self.release(slot)

    def _matches(self, tokens: Sequence[int], owner: str, opened: int) -> dict[int, int]:
        """How many of the tokens, but for the last tile, may be taken from each holder."""
        found = {}
        for holder, common in self._tree.matches(tokens[: -self._memory.tile]).items():
            theirs = self._owners[-holder] if holder < 0 else self._slots[holder].owner
            allowed = common if theirs == owner else min(common, opened)
            if allowed:
                found[holder] = allowed
        return found

    def _free_cells(self) -> int:
        if not self._memory.unified:
            return self._memory.total_cells // len(self._slots)
        return self._memory.total_cells - sum(slot.reserved for slot in self._slots if slot.busy)

    def _longest(self, matches: dict[int, int]) -> tuple[int | None, int]:
        """The best holder and how many of its tokens can be used. Of equals, one whose slot can be
        taken as it is comes before a copy in host memory, and that before a running answer."""
        best: tuple[int, int, int | None] = (0, 0, None)
        for holder, common in matches.items():
            kind = 1 if holder < 0 else (0 if self._slots[holder].busy else 2)
            best = max(best, (self._usable(holder, common), kind, holder), key=lambda b: b[:2])
        return best[2], best[0]

    def _usable(self, holder: int, common: int) -> int:
        held = self._length(holder)
        if self._memory.forgets:
            return min(common, held)
        return held if held <= common else 0

    def _soon(self, matches: dict[int, int], count: int) -> bool:
        """Whether a prompt that is being read will soon offer much more than `count`."""
        if not self._memory.forgets:
            return False
        return any(
            min(common, slot.goal) >= count + _WORTH
            for holder, common in matches.items()
            if holder >= 0 and (slot := self._slots[holder]).busy and len(slot.tokens) < slot.goal
        )

    def _target(self, source: int | None, count: int) -> Slot | None:
        """The source itself where that loses less than it saves, else an empty or the longest
        unused slot."""
        idle = [slot for slot in self._slots if not slot.busy and slot.index not in self._late]
        own = next((slot for slot in idle if slot.index == source), None)
        if own is not None and len(own.tokens) - count <= count:
            return own
        others = [slot for slot in idle if slot is not own]
        chosen = min(others, key=lambda each: (bool(each.tokens), each.used), default=own)
        return chosen

    def _source(self, holder: int | None, count: int) -> _Source[Data]:
        if holder is None:
            return _Source()
        data = self._copies.use(-holder) if holder < 0 else None
        return _Source(holder, count, self._length(holder), data)

    def _load(self, slot: Slot, source: _Source[Data], tokens: list[int]) -> bool:
        """Gives the slot the tokens that the source has of these. True when it thereby holds a
        beginning that two prompts share and that is worth a copy of its own."""
        held, count, own = len(slot.tokens), source.count, source.holder == slot.index
        if not own or held - count > count:
            self._spill(slot)
        if own and count:
            done = held == count or self._memory.forget(slot.index, count)
        else:
            self._memory.forget(slot.index)
            done = count > 0 and self._fetch(slot.index, source)
        if not done:
            self._memory.forget(slot.index)
            count = 0
        slot.tokens = tokens[:count]
        another = source.holder is not None and source.holder >= 0 and not own
        forked = another and count < source.length
        return forked and count >= _WORTH and not self._memory.unified and not self._late

    def _fetch(self, target: int, source: _Source[Data]) -> bool:
        if source.data is not None:
            restored = self._memory.restore(target, source.data)
            whole = source.length == source.count
            return restored and (whole or self._memory.forget(target, source.count))
        if source.holder is None:
            return False
        if self._memory.copies_late:
            self._late |= {source.holder, target}
        return self._memory.copy(source.holder, target, source.count)

    def _length(self, holder: int) -> int:
        return len(self._tree.tokens(holder) if holder < 0 else self._slots[holder].tokens)

    def _fork(self, matches: dict[int, int], held: int) -> int:
        """Where this prompt leaves the others: the place to keep a copy of, for a model that
        cannot forget what comes after."""
        fork = max((common for holder, common in matches.items() if holder >= 0), default=0)
        return fork if fork >= held + _WORTH else 0

    def _spill(self, slot: Slot) -> None:
        """Moves what an idle slot holds to host memory, unless it is there or not worth it."""
        if len(slot.tokens) < _WORTH or not self._copies.limit or slot.index in self._late:
            return
        matches = self._tree.matches(slot.tokens)
        matches.pop(slot.index, None)
        others = (self._usable(holder, common) for holder, common in matches.items())
        if max(others, default=0) < len(slot.tokens) - _WORTH:
            self.keep(slot)

    def _make_room(self, cells: int, *, keep: tuple[int, int | None]) -> None:
        """With shared cells: forgets the longest unused slots, but for `keep`, until these fit."""
        if not self._memory.unified:
            return
        idle = sorted(
            (
                slot
                for slot in self._slots
                if not slot.busy and slot.tokens and slot.index not in keep
            ),
            key=lambda slot: slot.used,
        )
        held = sum(
            len(slot.tokens) for slot in self._slots if not slot.busy and slot.index != keep[0]
        )
        for slot in idle:
            if cells + held <= self._free_cells():
                return
            held -= len(slot.tokens)
            self._spill(slot)
            self._memory.forget(slot.index)
            slot.tokens = []
            self._tree.drop(slot.index)
