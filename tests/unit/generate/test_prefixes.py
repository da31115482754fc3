from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.generate.prefixes import HostCopies, Prefixes, shared

TOKENS = st.lists(st.integers(0, 2), max_size=12)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | TOKENS), max_size=30), TOKENS)
def test_it_finds_what_comparing_with_every_holder_would_find(
    changes: list[tuple[int, list[int] | None]], wanted: list[int]
) -> None:
    prefixes: Prefixes[int] = Prefixes()
    held: dict[int, list[int]] = {}
    for holder, tokens in changes:
        if tokens is None:
            prefixes.drop(holder)
            held.pop(holder, None)
        else:
            prefixes.put(holder, tokens)
            held[holder] = tokens
    expected = {holder: shared(tokens, wanted) for holder, tokens in held.items()}
    assert prefixes.matches(wanted) == {h: count for h, count in expected.items() if count}


@given(TOKENS, TOKENS, st.integers(0, 12))
def test_the_common_beginning_is_as_long_as_counting_says(
    edge: list[int], tokens: list[int], at: int
) -> None:
    at = min(at, len(tokens))
    count = 0
    for one, other in zip(edge, tokens[at:], strict=False):
        if one != other:
            break
        count += 1
    assert shared(edge, tokens, at) == count


def test_dropping_everything_leaves_an_empty_tree() -> None:
    prefixes: Prefixes[str] = Prefixes()
    prefixes.put("a", [1, 2, 3])
    prefixes.put("b", [1, 2, 4])
    prefixes.put("c", [1, 2])
    for holder in "cab":
        prefixes.drop(holder)
    assert not prefixes._root.children
    assert prefixes.matches([1, 2, 3]) == {}


@dataclass
class Bytes:
    nbytes: int


def test_the_longest_unused_copies_go_when_there_are_too_many_bytes() -> None:
    copies: HostCopies[Bytes] = HostCopies(100)
    first, second = copies.add(Bytes(40))[0], copies.add(Bytes(40))[0]
    assert first is not None
    copies.use(first)
    third, gone = copies.add(Bytes(50))
    assert gone == [second]
    assert copies.bytes == 90
    assert copies.numbers() == [first, third]
    copies.drop(first)
    assert copies.bytes == 50
    assert len(copies) == 1
    with pytest.raises(KeyError):
        copies.use(first)


def test_a_copy_larger_than_the_limit_is_not_kept_and_drives_nobody_out() -> None:
    copies: HostCopies[Bytes] = HostCopies(100)
    kept, _ = copies.add(Bytes(60))
    assert copies.add(Bytes(101)) == (None, [])
    assert copies.numbers() == [kept]
