import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.generate.batch import Share, Wish, plan


def test_every_answer_being_written_advances_and_prompts_take_the_rest_in_order() -> None:
    wishes = [Wish(1, True), Wish(900, False), Wish(1, True), Wish(300, False)]
    assert plan(wishes, limit=512, prompt_limit=512) == [Share(1), Share(510), Share(1), Share(0)]
    wishes[1] = Wish(390, False)
    assert plan(wishes, limit=512, prompt_limit=512) == [
        Share(1),
        Share(390),
        Share(1),
        Share(120),
    ]


def test_drafts_take_only_what_prompts_leave() -> None:
    wishes = [Wish(1, True, drafts=8), Wish(100, False)]
    assert plan(wishes, limit=104, prompt_limit=100) == [Share(1, 3), Share(100)]


def test_more_answers_than_a_step_holds_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="more answers"):
        plan([Wish(1, True), Wish(1, True)], limit=1, prompt_limit=1)


_WISHES = st.lists(
    st.one_of(
        st.builds(Wish, st.integers(1, 5000), st.just(False)),
        st.builds(Wish, st.just(1), st.just(True), st.integers(0, 16)),
    ),
    max_size=16,
)


@given(_WISHES, st.integers(16, 600), st.integers(0, 600))
def test_a_step_is_never_larger_than_its_limit_and_never_gives_more_than_wished(
    wishes: list[Wish], limit: int, prompt_limit: int
) -> None:
    shares = plan(wishes, limit=limit, prompt_limit=prompt_limit)
    assert sum(share.pending + share.drafts for share in shares) <= limit
    prompts = [s.pending for s, w in zip(shares, wishes, strict=True) if not w.writing]
    assert sum(prompts) <= prompt_limit
    for share, wish in zip(shares, wishes, strict=True):
        assert share.pending <= wish.pending
        assert share.drafts <= wish.drafts
        assert share.pending == 1 or not wish.writing
