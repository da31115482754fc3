"""What follows from an account, a document and the grants between them: level, rules, findability.

Pure: the database decides (migrations/sql/0012_access.sql), this says why. `explain` compares the
two each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Literal

from govbot.db.access import Role
from govbot.documents.types import LEVELS, Effect, Level, Status

Scope = Literal["collection", "document"]

ORDER = {level: number for number, level in LEVELS.items()}


class Reason(StrEnum):
    """Why somebody may, may not, or does not find."""

    DISABLED = "disabled"
    ADMIN = "admin"
    ALLOW = "allow"
    DENY = "deny"
    NO_GRANT = "no-grant"
    SECRECY = "secrecy"
    TRASH = "trash"
    DRAFT = "draft"
    NOT_INDEXED = "not-indexed"
    NOT_IN_FORCE = "not-in-force"
    NEWER_VERSION = "newer-version"


class Outcome(StrEnum):
    """What a rule does to the one asked about."""

    OPENS = "opens"
    SHUTS = "shuts"  # takes reading, or a level above it
    HIDES = "hides"  # it can be opened, but no question finds it
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Holding:
    """A grant or denial that reaches a person, by a group (`via`) or in their own name ("")."""

    scope: Scope
    effect: Effect
    level: Level
    via: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that counts; `decides`: without it the result would be another one."""

    reason: Reason
    outcome: Outcome
    decides: bool = False
    level: Level | None = None
    scope: Scope | None = None
    via: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What the account itself says."""

    role: Role
    disabled: bool
    clearance: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the document itself says. `served` and `newest` are numbers of versions.

    `indexed`: passages of it stand in the search.
    """

    secrecy: int
    status: Status
    trashed: bool
    indexed: bool
    served: int | None
    newest: int
    valid_from: date | None = None
    valid_to: date | None = None
    revoked_on: date | None = None

    @property
    def approved(self) -> bool:
        """Whether readers may see any version of it."""
        return self.status in (Status.PUBLISHED, Status.REVOKED)

    def in_force(self, day: date) -> bool:
        """Whether it answers questions about that day."""
        return not (
            (self.valid_from is not None and self.valid_from > day)
            or (self.valid_to is not None and self.valid_to < day)
            or (self.revoked_on is not None and self.revoked_on <= day)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`readable`: it can be opened; `found`: questions of that day find it. None: no level."""

    level: Level | None
    readable: bool
    found: bool
    rules: tuple[Rule, ...]


def judge(account: Account, standing: Standing, holdings: Sequence[Holding], day: date) -> Verdict:
    """What the account may do with the document, and every rule that counts."""
    granted, rules = judge_grants(account, holdings)
    secret = standing.secrecy > account.clearance
    if standing.secrecy:
        outcome = Outcome.SHUTS if secret else Outcome.NOTES
        if secret and granted is not None:
            rules = tuple(replace(rule, decides=False) for rule in rules)
        rules = (*rules, Rule(Reason.SECRECY, outcome, decides=secret))
    level = 0 if secret or granted is None else ORDER[granted]
    writes = level >= ORDER[Level.WRITE]
    readable = level > 0 and (writes or (standing.approved and not standing.trashed))
    found = level > 0 and standing.indexed and standing.in_force(day)
    return Verdict(
        LEVELS.get(level), readable, found, (*rules, *_life(standing, day, writes=writes))
    )


def judge_grants(
    account: Account, holdings: Sequence[Holding]
) -> tuple[Level | None, tuple[Rule, ...]]:
    """The level that role and grants give, before secrecy: that of a collection, for its own."""
    if account.disabled:
        given = tuple(_rule(each, decides=False) for each in holdings)
        return None, (Rule(Reason.DISABLED, Outcome.SHUTS, decides=True), *given)
    if account.role is Role.ADMIN:
        # Denials do not bind administrators, so they are not among what counts.
        given = tuple(_rule(h, decides=False) for h in holdings if h.effect == "allow")
        first = Rule(Reason.ADMIN, Outcome.OPENS, decides=True, level=Level.MANAGE)
        return Level.MANAGE, (first, *given)
    allowed = max((ORDER[h.level] for h in holdings if h.effect == "allow"), default=0)
    ceiling = min((ORDER[h.level] - 1 for h in holdings if h.effect == "deny"), default=3)
    level = min(allowed, ceiling)
    rules = [_rule(h, decides=_decides(h, allowed, ceiling)) for h in holdings]
    if not allowed:
        rules.append(Rule(Reason.NO_GRANT, Outcome.SHUTS, decides=True))
    return LEVELS.get(level), tuple(rules)


def _decides(holding: Holding, allowed: int, ceiling: int) -> bool:
    if holding.effect == "deny":
        return ceiling < allowed and ORDER[holding.level] - 1 == ceiling
    return ceiling > 0 and ORDER[holding.level] == allowed


def _rule(holding: Holding, *, decides: bool) -> Rule:
    allows = holding.effect == "allow"
    return Rule(
        Reason.ALLOW if allows else Reason.DENY,
        Outcome.OPENS if allows else Outcome.SHUTS,
        decides,
        holding.level,
        holding.scope,
        holding.via,
    )


def _life(standing: Standing, day: date, *, writes: bool) -> Iterator[Rule]:
    """Where the document stands; who may write sees drafts and the trash, but finds neither."""
    unseen = Outcome.HIDES if writes else Outcome.SHUTS
    if standing.trashed:
        yield Rule(Reason.TRASH, unseen, decides=True)
    elif not standing.approved:
        yield Rule(Reason.DRAFT, unseen, decides=True)
    elif not standing.indexed:
        yield Rule(Reason.NOT_INDEXED, Outcome.HIDES, decides=True)
    elif standing.served is not None and standing.newest > standing.served:
        yield Rule(Reason.NEWER_VERSION, Outcome.NOTES)
    if not standing.in_force(day):
        yield Rule(Reason.NOT_IN_FORCE, Outcome.HIDES, decides=True)
