"""The table of ASVS items in docs/security.md: no item twice, every named test is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d+\.\d+\.\d+", line)
]
STATES = {"met", "partly", "not met", "operator", "does not apply"}


def _items() -> list[tuple[str, str]]:
    """Each item with its state."""
    return [(item, row[2]) for row in ROWS for item in row[0].split(", ")]


def test_every_item_of_levels_one_and_two_stands_there_once() -> None:
    items = [item for item, _state in _items()]
    assert len(items) == 253  # OWASP ASVS 5.0.0
    assert [item for item, times in Counter(items).items() if times > 1] == []
    assert {item.partition(".")[0] for item in items} == {str(n) for n in range(1, 18)}


def test_every_item_has_a_state_and_a_place() -> None:
    assert [row for row in ROWS if len(row) != 5 or row[2] not in STATES or not row[3]] == []


def test_the_counts_are_those_of_the_table() -> None:
    counts = Counter(state for _item, state in _items())
    sentence = (
        f"Of 253 items {counts['met']} are met, {counts['partly']} in part, {counts['not met']} is"
        f" not met, {counts['operator']} are left to the operator and {counts['does not apply']} do"
        " not apply."
    )
    assert sentence in " ".join(TEXT.split())


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", TEXT))
    assert len(named) > 40
    assert sorted(each for each in named if not (ROOT / each).exists()) == []
