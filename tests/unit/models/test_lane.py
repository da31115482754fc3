from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from govbot.models.lane import Lane


class Closed(Exception):
    """The lane is closed."""


class Work:
    """Doubles numbers; the first batch waits at a gate. Negative numbers fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.gate = threading.Event(), threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.begun.set()
        assert self.gate.wait(10)
        if min(items) < 0:
            raise ValueError("negative")
        return [2 * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def lane(work: Work) -> Iterator[Lane[int, int]]:
    made = Lane("duplicador", work, failed=lambda error: error, closed=Closed, together=4)
    yield made
    work.gate.set()
    made.close()
    made.join(10)


def test_one_that_comes_alone_waits_for_no_other(lane: Lane[int, int], work: Work) -> None:
    work.gate.set()
    assert lane.submit([1]).result(10) == [2]
    assert lane.submit([2]).result(10) == [4]
    assert work.batches == [[1], [2]]


def test_those_that_wait_together_go_together_up_to_the_limit_in_their_order(
    lane: Lane[int, int], work: Work
) -> None:
    first = lane.submit([1])
    assert work.begun.wait(10)
    waiting = [lane.submit(items) for items in ([2], [3, 4], [5, 6], [7], [8, 9, 10, 11, 12], [13])]
    work.gate.set()
    assert first.result(10) == [2]
    assert [future.result(10) for future in waiting] == [
        [4], [6, 8], [10, 12], [14], [16, 18, 20, 22, 24], [26],
    ]  # fmt: skip
    assert work.batches == [[1], [2, 3, 4], [5, 6, 7], [8, 9, 10, 11, 12], [13]]


def test_a_failure_is_of_the_one_that_fails_and_a_cancelled_one_is_left_out(
    lane: Lane[int, int], work: Work
) -> None:
    lane.submit([1])
    assert work.begun.wait(10)
    good, bad, gone = lane.submit([2]), lane.submit([-3]), lane.submit([4])
    assert gone.cancel()
    work.gate.set()
    assert good.result(10) == [4]
    with pytest.raises(ValueError, match="negative"):
        bad.result(10)
    assert work.batches == [[1], [2, -3], [2], [-3]]


def test_what_waits_at_the_end_is_refused_and_the_thread_ends(
    lane: Lane[int, int], work: Work
) -> None:
    under_way = lane.submit([1])
    assert work.begun.wait(10)
    waiting = [lane.submit([n]) for n in range(2, 9)]
    lane.close()
    work.gate.set()
    assert under_way.result(10) == [2]
    for future in waiting:
        with pytest.raises(Closed):
            future.result(10)
    with pytest.raises(Closed):
        lane.submit([9])
    lane.join(10)
    assert "duplicador" not in {thread.name for thread in threading.enumerate()}
