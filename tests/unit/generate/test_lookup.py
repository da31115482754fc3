from govbot.generate.lookup import LONGEST, Lookup
from govbot.generate.pace import Pace


def test_it_guesses_what_followed_the_latest_run_of_three() -> None:
    lookup = Lookup()
    tokens = [1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 2, 3, 4]
    assert lookup.find(tokens, 4) == [5, 6, 7, 9]
    assert lookup.find([*tokens, 8], 4) == []
    assert lookup.find([*tokens, 8, 2, 3, 4], 2) == [8, 2]


def test_right_guesses_grow_and_wrong_ones_stop_it_until_a_later_try() -> None:
    lookup = Lookup()
    assert lookup.length(10, limit=99, cost=0.3) == LONGEST // 2
    lookup.checked(14, 4, 4)
    assert lookup.length(15, limit=99, cost=0.3) == LONGEST
    assert lookup.length(15, limit=3, cost=0.3) == 3
    for _ in range(5):
        lookup.checked(20, 8, 0)
    assert lookup.length(21, limit=99, cost=0.3) == 0
    assert lookup.length(60, limit=99, cost=0.3) == 2


def test_guesses_cost_more_the_more_answers_are_written_at_once() -> None:
    pace = Pace(gap_s=0.2, idle_s=1.0)
    assert pace.guess_cost(1) < pace.guess_cost(8)
    pace.stepped(prompt=512, written=0, seconds=0.4)
    pace.stepped(prompt=0, written=8, seconds=0.016)
    assert pace.guess_cost(8) > 0.4 > pace.guess_cost(1)


def test_prompts_get_what_keeps_the_pause_of_streams_short() -> None:
    pace = Pace(gap_s=0.2, idle_s=1.0)
    assert pace.prompt_limit(512, writing=True) == 512
    pace.stepped(prompt=512, written=0, seconds=0.512)
    assert pace.prompt_limit(512, writing=True) == 200
    assert pace.prompt_limit(512, writing=False) == 512
    for _ in range(40):
        pace.stepped(prompt=100, written=0, seconds=5.0)
    assert pace.prompt_limit(512, writing=True) == 128
    assert pace.prompt_limit(512, writing=False) == 128
    slow = Pace(gap_s=0.2, idle_s=1.0)
    slow.stepped(prompt=512, written=0, seconds=5.12)
    slow.stepped(prompt=0, written=4, seconds=0.2)
    assert 190 < slow.prompt_limit(512, writing=True) < 210  # ten times what the answers take
    for _ in range(40):  # and as many as are being written by now
        slow.stepped(prompt=200, written=8, seconds=2.4, writing_s=0.4)
    assert 390 < slow.prompt_limit(512, writing=True) < 410
    pace.answered(10.0)
    assert pace.waiting_s(3, 2) == 15.0


def test_a_prompt_that_costs_more_the_further_it_is_read_is_cut_smaller_at_once() -> None:
    pace = Pace(gap_s=1.0, idle_s=1.0)
    pace.stepped(prompt=512, written=0, seconds=0.512)
    pace.stepped(prompt=512, written=0, seconds=2.048)
    assert 300 < pace.prompt_limit(512, writing=True) < 350
    pace.stepped(prompt=300, written=0, seconds=0.3)
    assert pace.prompt_limit(512, writing=True) < 400
