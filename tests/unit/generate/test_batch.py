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


@given(_WISHES, st.integers(128, 600), st.integers(64, 600))
def test_no_piece_of_a_prompt_is_smaller_than_a_tile(
    wishes: list[Wish], limit: int, prompt_limit: int
) -> None:
    tile = 64
    room = min(prompt_limit, limit - sum(wish.writing for wish in wishes))
    shares = plan(wishes, limit=limit, prompt_limit=prompt_limit, tile=tile)
    assert sum(share.pending + share.drafts for share in shares) <= limit
    pieces = [(w.pending, s.pending) for s, w in zip(shares, wishes, strict=True) if not w.writing]
    assert sum(taken for _, taken in pieces) < prompt_limit + tile
    assert any(taken for _, taken in pieces) or not pieces
    for pending, taken in pieces:
        left = pending - taken
        if room >= 2 * tile:
            assert taken in (0, pending) or (taken >= tile and left >= tile)


def test_a_prompt_that_would_leave_less_than_a_tile_is_taken_whole_or_cut_before() -> None:
    def of(pending: int) -> int:
        (share,) = plan([Wish(pending, False)], limit=512, prompt_limit=100, tile=64)
        return share.pending

    assert [of(each) for each in (40, 100, 110, 127, 128, 163, 164, 170, 500)] == [
        40, 100, 110, 127, 64, 99, 100, 100, 100,
    ]  # fmt: skip


def test_a_prompt_that_neither_fits_nor_can_be_cut_waits_for_the_next_step() -> None:
    wishes = [Wish(2, False), Wish(127, False)]
    assert [s.pending for s in plan(wishes, limit=128, prompt_limit=128, tile=64)] == [2, 0]
    alone = plan(wishes[1:], limit=126, prompt_limit=126, tile=64)
    assert [share.pending for share in alone] == [126]
