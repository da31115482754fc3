"""When a server is left alone, and how it comes back."""

from __future__ import annotations

from govbot.generate.breaker import FIRST_WAIT_S, LONGEST_WAIT_S, Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker(failures=3, clock=Clock())
    for failed in (True, True, False, True, True):
        assert breaker.enter()
        breaker.failed() if failed else breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert (breaker.state, breaker.enter(), breaker.wait_s) == ("open", False, FIRST_WAIT_S)


def test_after_the_wait_one_tries_and_decides_for_all() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, clock=clock)
    breaker.failed()
    waits = []
    for _ in range(8):
        waits.append(breaker.wait_s)
        clock.now += breaker.wait_s
        assert breaker.state == "half-open"
        assert (breaker.enter(), breaker.enter()) == (True, False)
        breaker.failed()
    assert waits[:3] == [5, 10, 20]
    assert waits[-1] == LONGEST_WAIT_S
    clock.now += LONGEST_WAIT_S
    assert breaker.enter()
    breaker.left()  # the reader went away: it tells nothing
    assert breaker.enter()
    breaker.succeeded()
    assert (breaker.state, breaker.wait_s) == ("closed", 0.0)
    breaker.failed()
    assert breaker.wait_s == FIRST_WAIT_S
