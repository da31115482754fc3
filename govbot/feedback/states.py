"""The words of the curators' queue: why an answer is bad, and how far a case is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from govbot.errors import Invalid

MAX_COMMENT: Final = 1000  # characters
MAX_NOTE: Final = 1000  # characters


class Reason(StrEnum):
    """What is wrong with an answer that is rated down."""

    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    OUTDATED = "outdated"
    WRONG_SOURCE = "wrong_source"
    OTHER = "other"


class State(StrEnum):
    """How far a bad answer or a topic without answer is."""

    OPEN = "open"
    WORKING = "working"
    DONE = "done"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a curator says of a case. Raises Invalid: a dismissal takes a note."""

    state: State
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.note) > MAX_NOTE:
            raise Invalid(
                "The note is longer than %(limit)s characters.", code="E-NOTE", limit=MAX_NOTE
            )
        if self.state is State.DISMISSED and not self.note:
            raise Invalid("Say in the note why nothing is done.", code="E-NOTE")
