"""What the engine thread drives: a model, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from govbot.errors import GovBotError
from govbot.generate.pace import Pace
from govbot.generate.running import Running
from govbot.generate.ticket import Ticket


@dataclass(slots=True)
class Step:
    """What a step of the model gave: new texts in order, and the answers that are over, with the
    error that ended them."""

    texts: list[tuple[Ticket, str]] = field(default_factory=list)
    over: list[tuple[Running, GovBotError | None]] = field(default_factory=list)


class Model(Protocol):
    """What the engine thread drives. All calls come from that thread."""

    @property
    def device(self) -> str: ...

    @property
    def copied(self) -> bool:
        """Whether prompts are read with a copy of the model (prompt_copy.py)."""
        ...

    @property
    def slots(self) -> int:
        """How many answers it writes at a time."""
        ...

    @property
    def prefix_tokens(self) -> int: ...

    @property
    def cells(self) -> tuple[int, int]: ...

    def prepare(self, ticket: Ticket) -> Running:
        """Reads the request. Raises `Invalid` when it does not fit the model."""
        ...

    def admit(self, answer: Running) -> bool:
        """Takes the answer in; False when there is no room for it now."""
        ...

    def withdraw(self, answer: Running) -> None:
        """Takes an answer out that is not over; `admit` lets it go on later."""
        ...

    def discard(self, answer: Running) -> None:
        """Frees what belongs to an answer that is withdrawn for good."""
        ...

    def step(self, pace: Pace) -> Step:
        """Writes the next token of every answer that is in. Any exception ends all of them."""
        ...

    def reset(self) -> None:
        """Forgets everything, after a step that failed."""
        ...

    def close(self) -> None: ...
