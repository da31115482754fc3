"""What a look of `govbot doctor` finds: the state of one part, what was seen, what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from govbot.errors import GovBotError

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Pool


class State(StrEnum):
    """`fail`: something must be done. `warn`: look at it. `absent`: not there, by choice."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; `check` is its name, which scripts may rely on."""

    check: str
    state: State
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw. `of` tells several findings of one look apart."""

    state: State
    seen: str
    remedy: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a look may use; `pool` is there only for looks at the database."""

    settings: Settings
    pool: Pool | None = None

    @property
    def database(self) -> Pool:
        """The pool, for looks that are only called with one."""
        assert self.pool is not None  # noqa: S101 - see Look.stored
        return self.pool


Found = Seen | list[Seen]


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one part: `sync` ones run in a thread; `remedy` is told when it raises."""

    check: str
    remedy: str
    sync: Callable[[Visit], Found] | None = None
    wait: Callable[[Visit], Awaitable[Found]] | None = None
    within_s: float = 20.0


def ok(seen: str, of: str = "") -> Seen:
    """Nothing to do."""
    return Seen(State.OK, seen, of=of)


def absent(seen: str, remedy: str = "") -> Seen:
    """Not there, because the settings say so."""
    return Seen(State.ABSENT, seen, remedy)


def warn(seen: str, remedy: str, of: str = "") -> Seen:
    """It works, and somebody should look."""
    return Seen(State.WARN, seen, remedy, of)


def fail(seen: str, remedy: str, of: str = "") -> Seen:
    """Something must be done."""
    return Seen(State.FAIL, seen, remedy, of)


def failed(error: GovBotError, remedy: str, of: str = "") -> Seen:
    """A part that says itself what is wrong, with its code."""
    return Seen(State.FAIL, f"{error} [{error.error_code}]", remedy, of)
