import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.errors import Busy
from govbot.generate.admission import FairQueue


def _filled(*owners: str) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue(limit=100, owner_limit=100)
    for index, owner in enumerate(owners):
        queue.put(owner, f"{owner}{index}")
    return queue


def _drained(queue: FairQueue[str]) -> list[str]:
    items = []
    while (item := queue.pop()) is not None:
        items.append(item)
    return items


def test_an_owner_with_many_requests_does_not_hold_up_the_others() -> None:
    assert _drained(_filled("a", "a", "a", "b", "c")) == ["a0", "b3", "c4", "a1", "a2"]


def test_an_empty_queue_gives_nothing() -> None:
    assert _filled().pop() is None


def test_the_bound_of_one_owner_leaves_room_for_others() -> None:
    queue: FairQueue[str] = FairQueue(limit=3, owner_limit=1)
    queue.put("a", "1")
    with pytest.raises(Busy, match="1 questions"):
        queue.put("a", "2")
    queue.put("b", "3")
    queue.put("c", "4")
    with pytest.raises(Busy, match="Too many"):
        queue.put("d", "5")


def test_removing_what_is_not_there_changes_nothing() -> None:
    queue = _filled("a", "b")
    assert not queue.remove("c9")
    assert len(queue) == 2


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.data())
def test_the_announced_order_is_the_order_of_service(
    owners: list[str], data: st.DataObject
) -> None:
    queue = _filled(*owners)
    for _ in range(data.draw(st.integers(0, 3))):
        queue.pop()
    waiting = queue.in_order()
    if waiting and data.draw(st.booleans()):
        left = data.draw(st.sampled_from(waiting))
        assert queue.remove(left)
        assert left not in queue.in_order()
    announced = queue.in_order()
    assert len(announced) == len(queue)
    assert _drained(queue) == announced
