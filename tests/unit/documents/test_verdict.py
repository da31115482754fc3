"""Rules and verdict as a pure function: a table of cases, and what holds for all of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.db.access import Role
from govbot.documents.types import Level, Status
from govbot.documents.verdict import (
    ORDER,
    Account,
    Holding,
    Outcome,
    Reason,
    Standing,
    Verdict,
    judge,
    judge_grants,
)

DAY = date(2026, 3, 1)
ONE = timedelta(days=1)


def account(role: Role = Role.USER, *, disabled: bool = False, clearance: int = 0) -> Account:
    return Account(role, disabled, clearance)


def standing(**changes: object) -> Standing:
    values: dict[str, object] = {
        "secrecy": 0, "status": Status.PUBLISHED, "trashed": False, "indexed": True,
        "served": 1, "newest": 1,
    }  # fmt: skip
    return Standing(**{**values, **changes})  # type: ignore[arg-type]


def allow(level: str, scope: str = "collection", via: str = "") -> Holding:
    return Holding(scope, "allow", Level(level), via)  # type: ignore[arg-type]


def deny(level: str, scope: str = "collection", via: str = "") -> Holding:
    return Holding(scope, "deny", Level(level), via)  # type: ignore[arg-type]


def decisive(found: Verdict) -> list[Reason]:
    return [rule.reason for rule in found.rules if rule.decides]


@pytest.mark.parametrize(
    ("holdings", "level"),
    [
        ([], None),
        ([allow("read")], Level.READ),
        ([allow("read"), allow("manage", "document")], Level.MANAGE),
        ([allow("manage"), deny("write", "document")], Level.READ),
        ([allow("manage", "document"), deny("read")], None),
        ([deny("manage")], None),
        ([allow("read", via="a"), allow("write", via="b"), deny("manage")], Level.WRITE),
    ],
)
def test_the_highest_permission_counts_and_the_lowest_denial_wins(
    holdings: list[Holding], level: Level | None
) -> None:
    assert judge_grants(account(), holdings)[0] == level


def test_denials_do_not_bind_administrators_and_are_not_named() -> None:
    level, rules = judge_grants(account(Role.ADMIN), [deny("read"), allow("read")])
    assert level is Level.MANAGE
    assert [(rule.reason, rule.decides) for rule in rules] == [
        (Reason.ADMIN, True), (Reason.ALLOW, False),
    ]  # fmt: skip


def test_only_the_rules_that_make_the_difference_decide() -> None:
    holdings = [allow("read"), allow("manage"), deny("manage"), deny("write", via="x")]
    found = judge(account(), standing(), holdings, DAY)
    assert found.level is Level.READ
    decided = [(rule.reason, rule.level, rule.via) for rule in found.rules if rule.decides]
    assert decided == [
        (Reason.ALLOW, Level.MANAGE, ""), (Reason.DENY, Level.WRITE, "x"),
    ]  # fmt: skip


def test_secrecy_above_the_clearance_decides_alone_when_grants_would_do() -> None:
    found = judge(account(clearance=1), standing(secrecy=2), [allow("manage")], DAY)
    assert (found.level, found.readable, found.found) == (None, False, False)
    assert decisive(found) == [Reason.SECRECY]
    found = judge(account(clearance=1), standing(secrecy=2), [], DAY)
    assert decisive(found) == [Reason.NO_GRANT, Reason.SECRECY]


def test_a_clearance_that_reaches_is_named_and_decides_nothing() -> None:
    found = judge(account(clearance=2), standing(secrecy=2), [allow("read")], DAY)
    assert found.found
    (rule,) = [rule for rule in found.rules if rule.reason is Reason.SECRECY]
    assert (rule.outcome, rule.decides) == (Outcome.NOTES, False)


@pytest.mark.parametrize(
    ("changes", "reads", "finds", "reason"),
    [
        ({"trashed": True, "indexed": False}, False, False, Reason.TRASH),
        ({"status": Status.DRAFT, "indexed": False}, False, False, Reason.DRAFT),
        ({"status": Status.IN_REVIEW, "indexed": False}, False, False, Reason.DRAFT),
        ({"indexed": False}, True, False, Reason.NOT_INDEXED),
        ({"valid_to": DAY - ONE}, True, False, Reason.NOT_IN_FORCE),
        ({"valid_from": DAY + ONE}, True, False, Reason.NOT_IN_FORCE),
        ({"revoked_on": DAY, "status": Status.REVOKED}, True, False, Reason.NOT_IN_FORCE),
        ({"newest": 2}, True, True, Reason.NEWER_VERSION),
    ],
)
def test_where_the_document_stands_counts(
    changes: dict[str, object], reads: bool, finds: bool, reason: Reason
) -> None:
    found = judge(account(), standing(**changes), [allow("read")], DAY)
    assert (found.readable, found.found) == (reads, finds)
    assert reason in [rule.reason for rule in found.rules]
    writer = judge(account(), standing(**changes), [allow("write")], DAY)
    assert (writer.readable, writer.found) == (True, finds)


@pytest.mark.parametrize(
    "changes", [{"valid_to": DAY}, {"valid_from": DAY}, {"revoked_on": DAY + ONE}]
)
def test_the_first_and_the_last_day_in_force_count(changes: dict[str, object]) -> None:
    assert judge(account(), standing(**changes), [allow("read")], DAY).found


HOLDINGS = st.lists(
    st.builds(
        Holding,
        st.sampled_from(["collection", "document"]),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(list(Level)),
        st.sampled_from(["", "g"]),
    ),
    max_size=6,
)
ACCOUNTS = st.builds(Account, st.sampled_from(list(Role)), st.booleans(), st.integers(0, 4))
STANDINGS = st.builds(
    standing, secrecy=st.integers(0, 4), trashed=st.booleans(), status=st.sampled_from(list(Status))
)


@given(ACCOUNTS, STANDINGS, HOLDINGS)
def test_whatever_is_refused_has_a_deciding_rule_that_shuts_and_what_is_given_one_that_opens(
    who: Account, what: Standing, holdings: list[Holding]
) -> None:
    found = judge(who, what, holdings, DAY)
    decided = {rule.outcome for rule in found.rules if rule.decides}
    assert (Outcome.OPENS if found.readable else Outcome.SHUTS) in decided
    assert not (found.found and not found.readable and what.approved and not what.trashed)
    if found.level is not None:
        assert not who.disabled
        assert what.secrecy <= who.clearance


@given(ACCOUNTS, STANDINGS, HOLDINGS, st.sampled_from(list(Level)))
def test_one_more_denial_never_gives_more(
    who: Account, what: Standing, holdings: list[Holding], level: Level
) -> None:
    def height(found: Verdict) -> int:
        return ORDER[found.level] if found.level else 0

    before = judge(who, what, holdings, DAY)
    after = judge(who, what, [*holdings, deny(level.value)], DAY)
    assert height(after) <= height(before)
