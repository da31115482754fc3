"""What changed between two texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.documents.changes import Budget, Change, compare, paragraphs, words

OLD = """LEI Nº 1
Art. 1º O servidor tem trinta dias de férias.
Art. 2º O pagamento sai antes.
Art. 3º Esta lei vigora já."""
NEW = """LEI Nº 1
Art. 1º O servidor público tem vinte dias de férias.
Parágrafo único. A escala é publicada em janeiro.
Art. 3º  Esta lei vigora já."""


def compared(old: str, new: str) -> list[Change]:
    return compare(paragraphs([(1, old)]), paragraphs([(1, new)]))


def texts(change: Change) -> tuple[str | None, str | None]:
    before, after = change.before, change.after
    return (before.text if before else None, after.text if after else None)


def test_paragraphs_are_kept_changed_taken_out_and_put_in() -> None:
    old, new = OLD.split("\n"), NEW.split("\n")
    found = compared(OLD, NEW)
    assert [texts(change) for change in found] == [
        (old[0], new[0]),
        (old[1], new[1]),
        (old[2], None),
        (None, new[2]),
        (old[3], new[3]),
    ]
    assert [change.same for change in found] == [True, False, False, False, True]


def test_of_a_changed_paragraph_the_words_that_differ_are_told() -> None:
    old, new = OLD.split("\n")[1], NEW.split("\n")[1]
    was, now = words(old, new, Budget())
    assert [run.text.strip() for run in was if run.changed] == ["trinta"]
    assert [run.text.strip() for run in now if run.changed] == ["público", "vinte"]
    assert "".join(run.text for run in was) == old
    assert "".join(run.text for run in now) == new


def test_paragraphs_know_their_page_and_number() -> None:
    found = paragraphs([(1, "a\n\nb"), (3, " \nc")])
    assert [(each.page, each.number, each.text) for each in found] == [
        (1, 1, "a"),
        (1, 2, "b"),
        (3, 1, "c"),
    ]


LINES = st.lists(st.sampled_from(["a b c", "a b d", "x", "y z", "x y z w"]), max_size=12)


@given(LINES, LINES)
def test_every_paragraph_of_both_texts_stands_there_once_and_in_order(
    old: list[str], new: list[str]
) -> None:
    found = compared("\n".join(old), "\n".join(new))
    assert [change.before.text for change in found if change.before] == old
    assert [change.after.text for change in found if change.after] == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a", "b"] * 10_000, ["a", "a", "b", "b"] * 5_000),
        ([f"linha {i}" for i in range(20_000)], [f"linha {i}" for i in range(20_000, 0, -1)]),
        (["a " * 20_000], ["a b " * 10_000]),
    ],
)
def test_texts_made_to_be_slow_are_compared_quickly(old: list[str], new: list[str]) -> None:
    started = time.process_time()
    found = compared("\n".join(old), "\n".join(new))
    budget = Budget()
    for change in found[:60]:
        if change.before and change.after:
            words(change.before.text, change.after.text, budget)
    assert time.process_time() - started < 5
