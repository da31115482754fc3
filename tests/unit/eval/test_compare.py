from __future__ import annotations

import pytest

from govbot.eval.compare import compare
from govbot.eval.score import Scored


def row(label: str, rank: int | None = 1, **fields: object) -> Scored:
    values: dict[str, object] = {
        **dict.fromkeys(Scored.__slots__),
        "label": label, "answerable": True, "located": True, "rank": rank, "document_rank": rank,
        "gain": 1.0 if rank else 0.0, "sufficient": True, "search_ms": 5.0,
    }  # fmt: skip
    return Scored(**{**values, **fields})  # type: ignore[arg-type]


def test_questions_are_paired_and_those_of_one_run_alone_do_not_count() -> None:
    compared = compare([row("a", 1), row("b", 2), row("old")], [row("b", 1), row("a", 1)])
    assert compared.common == 2
    found = compared.of("mrr@10")
    assert found is not None
    assert (found.before, found.after, found.change, found.n) == (0.75, 1.0, 0.25, 2)
    assert compared.of("answer_hit") is None
    assert [each.label for each in compared.better] == ["b"]
    assert compared.worse == ()


@pytest.mark.parametrize(
    ("fallen", "risen", "p"), [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 0.0625), (10, 1, 0.0117)]
)
def test_yes_and_no_are_judged_by_the_exact_sign_test(fallen: int, risen: int, p: float) -> None:
    numbers = range(20)
    before = [row(str(n), 1 if n >= risen else None) for n in numbers]
    after = [row(str(n), None if n >= 20 - fallen else 1) for n in numbers]
    found = compare(before, after).of("hit@1")
    assert found is not None
    assert found.p == pytest.approx(p, abs=0.0001)
    assert found.significant is (p < 0.05)
    assert found.better is (False if p < 0.05 else None)


def test_ranks_are_judged_by_random_exchange() -> None:
    """Ten questions that all fall from 1 to 2: so large a mean has a chance of 2 in 1024."""
    before = [row(str(n), 1) for n in range(10)]
    found = compare(before, [row(str(n), 2) for n in range(10)]).of("mrr@10")
    assert found is not None
    assert found.p == pytest.approx(2 / 1024, abs=0.002)
    assert (found.low, found.high, found.better) == (-0.5, -0.5, False)
    mixed = [row(str(n), 2 if n % 2 else 1) for n in range(10)]
    other = [row(str(n), 1 if n % 2 else 2) for n in range(10)]
    unclear = compare(mixed, other).of("mrr@10")
    assert unclear is not None
    assert unclear.p > 0.5


def test_fewer_wrong_refusals_are_better() -> None:
    before = [row(str(n), refused=True, contained=False) for n in range(8)]
    after = [row(str(n), refused=False, contained=True) for n in range(8)]
    compared = compare(before, after)
    wrong, refused = compared.of("refused_wrong"), compared.of("refused")
    assert wrong is not None
    assert refused is not None
    assert wrong.better is True
    assert refused.better is None
    assert len(compared.better) == 8
