"""Other wordings of a question, searched beside it in the same statement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variant:
    """Words that may stand where the question's own stand; `weight` is 0 to 1 of theirs."""

    text: str
    weight: float


def by_rule(question: str) -> tuple[Variant, ...]:
    """Synonyms of the words of a question; none for most."""
    return ()
