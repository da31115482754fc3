from govbot.generate.fit import smaller, weakest_dropped
from tests.unit.generate.conftest import MakeRequest, source


def _shape(
    make_request: MakeRequest, *scores: float, step: float = 0.0
) -> list[tuple[list[int], int]]:
    request = make_request(*(source(n, f"t{n}", score=s) for n, s in enumerate(scores, 1)))
    return [
        ([each.number for each in prompt.sources], len(prompt.messages))
        for prompt in smaller(request, step=step)
    ]


def test_weak_passages_go_before_earlier_turns_and_the_best_stays(
    make_request: MakeRequest,
) -> None:
    assert _shape(make_request, 0.5, 0.9, 0.1) == [
        ([1, 2, 3], 4),
        ([1, 2], 4),
        ([2], 4),
        ([1, 2, 3], 2),
        ([1, 2], 2),
        ([2], 2),
    ]


def test_a_step_drops_several_at_a_time(make_request: MakeRequest) -> None:
    scores = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    kept = [len(numbers) for numbers, messages in _shape(make_request, *scores, step=0.34)]
    assert kept == [6, 4, 3, 2, 1, 6, 4, 3, 2, 1]


def test_every_prompt_ends_with_the_whole_question(make_request: MakeRequest) -> None:
    request = make_request(source(1, "a"), source(2, "b"), question="Qual o prazo?")
    assert all(p.messages[-1].content.endswith("Qual o prazo?") for p in smaller(request))


def test_of_equal_scores_the_last_is_the_weakest() -> None:
    assert [each.number for each in weakest_dropped((source(1, "a"), source(2, "b")))] == [1]
    assert weakest_dropped(()) == ()
