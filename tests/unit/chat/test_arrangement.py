"""The order of passages in prompts: what the latest prompts began with comes first."""

from __future__ import annotations

from govbot.chat.arrangement import Arrangement
from govbot.chat.prompt import prompt_for
from govbot.generate import Source


def sources(names: str) -> list[Source]:
    return [
        Source(number, f"Texto {name}.", f"Norma {name}", "", 1, 1 / number)
        for number, name in enumerate(names, 1)
    ]


def arranged(arrangement: Arrangement, names: str) -> str:
    return "".join(names[at] for at in arrangement.arrange(sources(names)))


def test_the_first_prompt_keeps_the_order_of_the_search() -> None:
    assert arranged(Arrangement(), "ABCD") == "ABCD"
    assert arranged(Arrangement(), "") == ""


def test_a_prompt_begins_like_the_longest_one_that_it_can_repeat() -> None:
    arrangement = Arrangement()
    arranged(arrangement, "ABCD")
    arranged(arrangement, "AXY")
    assert arranged(arrangement, "XCBA") == "ABCX"
    # A beginning is all or nothing: B alone began no prompt.
    assert arranged(arrangement, "ZA") == "AZ"


def test_passages_of_many_prompts_come_before_others() -> None:
    arrangement = Arrangement()
    for names in ("AM", "BM", "CM"):
        arranged(arrangement, names)
    assert arranged(arrangement, "XYM") == "MXY"


def test_the_same_passage_twice_and_with_another_text_is_kept() -> None:
    arrangement = Arrangement()
    twice = [*sources("AB"), sources("A")[0]]
    assert sorted(arrangement.arrange(twice)) == [0, 1, 2]
    masked = [Source(1, "Texto ***.", "Norma A", "", 1, 1.0), *sources("B")]
    assert sorted(arrangement.arrange(masked)) == [0, 1]


def test_only_the_latest_prompts_count_and_memory_is_bounded() -> None:
    arrangement = Arrangement(limit=2)
    for names in ("AB", "CD", "EF"):
        arranged(arrangement, names)
    assert arranged(arrangement, "XBA") == "XBA"
    assert len(arrangement._latest) == 2
    assert len(arrangement._common) <= 5


def test_prompts_that_begin_with_the_same_passages_begin_with_the_same_text() -> None:
    one, other = (prompt_for("Q?", sources(names))[-1].content for names in ("ABC", "ABX"))
    common = next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert "Texto B." in one[:common]
    assert "Texto" not in one[common:].split("\n")[0]
