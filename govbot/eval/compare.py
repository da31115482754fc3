"""Two runs of the same questions, figure by figure, and whether a difference is more than chance.

Pure.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.eval.score import LESS_IS_BETTER, MEASURES, NEUTRAL, Scored

SIGNIFICANT = 0.05
ROUNDS = 4000
_SEED = 20
_MERITS = ("mrr@10", "answer_hit", "refusal")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure over the `n` questions that count in both runs; `change` is after less before.

    `low` and `high` bound the change with 95 % confidence; `p` is the probability of so large a
    difference by chance: the exact sign test for shares of yes and no, the randomisation test
    (Fisher; Smucker et al., 2007) for the others.
    """

    measure: str
    n: int
    before: float
    after: float
    change: float
    low: float
    high: float
    p: float

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANT

    @property
    def better(self) -> bool | None:
        """Whether it is better after; None when nothing can be said."""
        if not self.significant or self.measure in NEUTRAL:
            return None
        return (self.change < 0) == (self.measure in LESS_IS_BETTER)


@dataclass(frozen=True, slots=True)
class Changed:
    """A question that came out otherwise: its rank and whether the answer was right, both times."""

    before: Scored
    after: Scored

    @property
    def label(self) -> str:
        return self.after.label


@dataclass(frozen=True, slots=True)
class Comparison:
    """`common` questions of two runs; the rest was asked in one of them only."""

    common: int
    differences: tuple[Difference, ...]
    worse: tuple[Changed, ...]
    better: tuple[Changed, ...]

    def of(self, measure: str) -> Difference | None:
        """The difference of one figure, if it was measured in both."""
        return next((each for each in self.differences if each.measure == measure), None)


def compare(before: Sequence[Scored], after: Sequence[Scored]) -> Comparison:
    """Pairs the questions, by their row in the database or else by their label."""
    earlier = {_name(row): row for row in before}
    pairs = [(earlier[_name(row)], row) for row in after if _name(row) in earlier]
    changes = [(_merit(a, b), Changed(a, b)) for a, b in pairs]
    ordered = sorted(changes, key=lambda change: -abs(change[0]))
    return Comparison(
        common=len(pairs),
        differences=tuple(
            found for name in MEASURES if (found := _difference(name, pairs)) is not None
        ),
        worse=tuple(changed for merit, changed in ordered if merit < 0),
        better=tuple(changed for merit, changed in ordered if merit > 0),
    )


def _name(row: Scored) -> str:
    return str(row.gold_id or row.label)


def _merit(before: Scored, after: Scored) -> float:
    """How much better it went, in what both measured; the answer counts as much as the search."""
    values = ((MEASURES[name](before), MEASURES[name](after)) for name in _MERITS)
    return sum(b - a for a, b in values if a is not None and b is not None)


def _difference(measure: str, pairs: Sequence[tuple[Scored, Scored]]) -> Difference | None:
    value = MEASURES[measure]
    counted = [
        (a, b)
        for a, b in ((value(before), value(after)) for before, after in pairs)
        if a is not None and b is not None
    ]
    if not counted:
        return None
    changes = [b - a for a, b in counted]
    n = len(changes)
    change = sum(changes) / n
    spread = 1.96 * _standard_error(changes)
    binary = all(value in (0.0, 1.0) for pair in counted for value in pair)
    return Difference(
        measure=measure,
        n=n,
        before=round(sum(a for a, _ in counted) / n, 4),
        after=round(sum(b for _, b in counted) / n, 4),
        change=round(change, 4),
        low=round(change - spread, 4),
        high=round(change + spread, 4),
        p=round(_sign_test(changes) if binary else _randomisation(changes), 4),
    )


def _standard_error(changes: Sequence[float]) -> float:
    n = len(changes)
    if n < 2:
        return 0.0
    mean = sum(changes) / n
    return math.sqrt(sum((change - mean) ** 2 for change in changes) / (n - 1) / n)


def _sign_test(changes: Sequence[float]) -> float:
    """Two-sided and exact, over the questions that changed (McNemar's test)."""
    rises = sum(change > 0 for change in changes)
    falls = sum(change < 0 for change in changes)
    n, least = rises + falls, min(rises, falls)
    if n == 0:
        return 1.0
    ways = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, math.ldexp(ways, 1 - n))


def _randomisation(changes: Sequence[float]) -> float:
    """Share of random exchanges of before and after with a difference as large; seeded."""
    moved = [change for change in changes if change]
    if not moved:
        return 1.0
    observed = abs(sum(moved)) - 1e-9
    chance = random.Random(_SEED)  # noqa: S311 - statistics, no secret
    as_large = 0
    for _ in range(ROUNDS):
        signs = chance.getrandbits(len(moved))
        total = sum(change if signs >> at & 1 else -change for at, change in enumerate(moved))
        as_large += abs(total) >= observed
    return (as_large + 1) / (ROUNDS + 1)
