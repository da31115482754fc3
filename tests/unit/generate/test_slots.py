"""Slots over a memory that is a list of tokens for each sequence, so that what a slot is said to
hold can be compared with what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govbot.generate.slots import Slot, Slots


@dataclass
class Saved:
    tokens: list[int]

    @property
    def nbytes(self) -> int:
        return len(self.tokens)


class Lists:
    """A memory; `late` copies between sequences only at `settle`, as a context on a GPU does."""

    def __init__(
        self, slots: int, *, cells: int = 1000, forgets: bool = True, unified: bool = False,
        late: bool = False,
    ) -> None:  # fmt: skip
        self.slots, self.forgets, self.unified = slots, forgets, unified
        self.total_cells = cells if unified else cells * slots
        self.copies_late, self.tile = late, 1
        self.held: list[list[int]] = [[] for _ in range(slots)]
        self.waiting: list[tuple[int, int, list[int]]] = []
        self.restored = 0

    def forget(self, slot: int, start: int = 0) -> bool:
        if start and not self.forgets and start < len(self.held[slot]):
            return False
        del self.held[slot][start:]
        return True

    def copy(self, source: int, target: int, count: int) -> bool:
        assert not self.held[target]
        if not self.forgets and len(self.held[source]) != count:
            return False
        self.held[target] = self.held[source][:count]
        if self.copies_late:
            self.waiting.append((source, target, self.held[target][:]))
        return True

    def settle(self) -> None:
        """A step: what was to be copied must still be there, and nobody has touched the copy."""
        for source, target, tokens in self.waiting:
            assert self.held[source][: len(tokens)] == self.held[target] == tokens
        self.waiting.clear()

    def save(self, slot: int) -> Saved:
        assert slot not in [target for _, target, _ in self.waiting]
        return Saved(list(self.held[slot]))

    def restore(self, slot: int, data: Saved) -> bool:
        assert not self.held[slot]
        self.held[slot] = list(data.tokens)
        self.restored += 1
        return True

    def clear(self) -> None:
        for held in self.held:
            held.clear()


def read(memory: Lists, slot: Slot, tokens: list[int]) -> None:
    """Decodes what the slot lacks of these tokens."""
    rest = tokens[len(slot.tokens) :]
    memory.held[slot.index] += rest
    slot.tokens += rest


def answered(slots: Slots[Saved], memory: Lists, tokens: list[int]) -> int:
    """Reads a prompt and ends; how many of its tokens were remembered."""
    slot = slots.place(tokens, len(tokens) + 10)
    assert slot is not None
    count = len(slot.tokens)
    assert memory.held[slot.index] == slot.tokens == tokens[:count]
    read(memory, slot, tokens)
    slots.decoded()
    slots.release(slot)
    return count


RULES = list(range(100, 200))
ONE, TWO, THREE = ([base + each for each in range(300)] for base in (1000, 2000, 3000))


def test_the_same_passages_go_on_in_the_same_slot() -> None:
    memory = Lists(2)
    slots = Slots(memory, host_bytes=0)
    assert answered(slots, memory, [*RULES, *ONE, 1, 2, 3]) == 0
    assert answered(slots, memory, [*RULES, *ONE, 4, 5]) == 400
    assert [len(held) for held in memory.held] == [402, 0]


def test_a_running_answer_shares_what_it_has_read_and_nobody_reads_the_same_twice() -> None:
    memory = Lists(3)
    slots = Slots(memory, host_bytes=0)
    first = slots.place([*RULES, *ONE, 1], 500)
    assert first is not None
    assert slots.place([*RULES, *TWO, 1], 500) is None  # the first is about to read the rules
    assert slots.place([*TWO, 1], 500) is not None
    read(memory, first, [*RULES, *ONE[:50]])
    second = slots.place([*RULES, *TWO, 1], 500)
    assert second is not None
    assert second.tokens == memory.held[second.index] == RULES
    assert not slots.fits(10)  # three slots, three answers


def test_what_makes_room_comes_back_from_host_memory() -> None:
    memory = Lists(1)
    slots = Slots(memory, host_bytes=2000)
    answered(slots, memory, [*RULES, *ONE, 1])
    assert answered(slots, memory, [*TWO, 1]) == 0
    assert slots.remembered == 301 + 401
    assert answered(slots, memory, [*RULES, *ONE, 2, 3]) == 400
    assert memory.restored == 1
    without = Slots(plain := Lists(1), host_bytes=0)
    answered(without, plain, [*RULES, *ONE, 1])
    answered(without, plain, [*TWO, 1])
    assert answered(without, plain, [*RULES, *ONE, 2, 3]) == 0


def test_the_longest_unused_slot_makes_room() -> None:
    memory = Lists(2)
    slots = Slots(memory, host_bytes=0)
    answered(slots, memory, [*ONE, 1])
    answered(slots, memory, [*TWO, 1])
    assert answered(slots, memory, [*ONE, 2]) == 300
    answered(slots, memory, [*THREE, 1])
    assert answered(slots, memory, [*ONE, 3]) == 300
    assert answered(slots, memory, [*TWO, 2]) == 0


def test_a_model_that_cannot_forget_shares_from_the_place_where_prompts_part() -> None:
    memory = Lists(1, forgets=False)
    slots = Slots(memory, host_bytes=2000)
    assert answered(slots, memory, [*RULES, *ONE, 1]) == 0
    slot = slots.place([*RULES, *TWO, 1], 500)
    assert slot is not None
    assert slot.tokens == []
    assert slot.stop_at == len(RULES)
    read(memory, slot, RULES)
    slots.keep(slot)
    read(memory, slot, [*RULES, *TWO, 1])
    slots.release(slot)
    assert answered(slots, memory, [*RULES, *THREE, 1]) == 100


def test_with_shared_cells_an_answer_begins_when_its_cells_are_free() -> None:
    memory = Lists(4, cells=1000, unified=True)
    slots = Slots(memory, host_bytes=0)
    first = slots.place([*ONE, 1], 600)
    assert first is not None
    read(memory, first, [*ONE, 1])
    assert not slots.fits(600)
    second = slots.place([*TWO, 1], 400)
    assert second is not None
    read(memory, second, [*TWO, 1])
    slots.release(first)
    slots.release(second)
    assert slots.place([*THREE, 1], 800) is not None
    assert sum(map(len, memory.held)) <= 200 + 301  # the longest unused one had to go


def test_what_makes_room_may_push_out_the_copy_that_the_prompt_goes_on_from() -> None:
    memory = Lists(4, cells=1000, unified=True)
    slots = Slots(memory, host_bytes=400)
    for tokens in ([*ONE, 1], [*TWO, 1]):
        assert answered(slots, memory, tokens) == 0
    third = slots.place([*THREE, 1], 600)  # ONE goes to host memory
    assert third is not None
    read(memory, third, [*THREE, 1])
    slots.release(third)
    again = slots.place([*ONE, 2], 600)  # TWO or THREE takes its place there
    assert again is not None
    assert memory.held[again.index] == again.tokens == ONE


class Play:
    """Answers that come, read on and end, as the moves say."""

    def __init__(self, memory: Lists, host_bytes: int) -> None:
        self.memory = memory
        self.slots = Slots(memory, host_bytes=host_bytes)
        self.running: list[tuple[Slot, list[int]]] = []

    def come(self, passage: int, question: int, length: int) -> None:
        tokens = [*RULES, *(ONE, TWO, THREE, RULES)[passage][: length + 64], question, 7]
        slot = self.slots.place(tokens, len(tokens))
        if slot is None:
            return
        assert slot not in [each for each, _ in self.running]
        assert len(slot.tokens) < len(tokens)
        assert slot.tokens == tokens[: len(slot.tokens)]
        self.running.append((slot, tokens))

    def step(self, at: int, length: int) -> None:
        self.memory.settle()
        self.slots.decoded()
        slot, tokens = self.running[at % len(self.running)]
        end = min(len(slot.tokens) + length, slot.stop_at or len(tokens))
        read(self.memory, slot, tokens[:end])
        if slot.stop_at == len(slot.tokens):
            self.slots.keep(slot)

    def end(self, at: int) -> None:
        slot, _ = self.running.pop(at % len(self.running))
        self.slots.release(slot)

    def check(self) -> None:
        assert [each.tokens for each in self.slots._slots] == self.memory.held
        assert self.slots._copies.bytes <= self.slots._copies.limit
        if self.memory.unified:
            assert sum(map(len, self.memory.held)) <= self.memory.total_cells


@pytest.mark.parametrize("kind", ["split", "unified", "late", "recurrent"])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ccccsse"), st.integers(0, 3), st.integers(0, 5), st.integers(1, 200)
        ),
        max_size=40,
    ),
    st.sampled_from([0, 400, 500, 5000]),
)
def test_a_slot_always_holds_what_it_is_said_to_hold(
    kind: str, moves: list[tuple[str, int, int, int]], host_bytes: int
) -> None:
    memory = Lists(
        3, cells=1200, forgets=kind != "recurrent", unified=kind == "unified", late=kind == "late"
    )
    play = Play(memory, host_bytes)
    for move, passage, question, length in moves:
        if move == "c":
            play.come(passage, question, length)
        elif move == "s" and play.running:
            play.step(passage, length)
        elif move == "e" and play.running and not memory.waiting:
            play.end(passage)
        play.check()
