"""What an answer is, what it is made with, and what happens on the way to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from time import perf_counter
from typing import Final, Literal, Protocol

from govbot.chat.arrangement import Arrangement
from govbot.chat.cited import Citation
from govbot.chat.prompt import Turn
from govbot.chat.support import Support
from govbot.config import Settings
from govbot.db.pool import Pool
from govbot.generate import Generator, Priority, Routed, Sampling, Usage
from govbot.ids import MessageId
from govbot.models.embedder import Embedder
from govbot.models.entailment import Entailment
from govbot.models.reranker import Reranker
from govbot.retrieval.scope import EVERYTHING, Scope

CacheUse = Literal["use", "renew", "off"]


class Parts(Protocol):
    """What of the application an answer needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def generator(self) -> Generator: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def reranker(self) -> Reranker | None: ...
    @property
    def entailment(self) -> Entailment | None: ...
    @property
    def arrangement(self) -> Arrangement: ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """How an answer is to be written, where a program asks for it; None: as the settings say.

    `max_tokens` never exceeds the setting. `scope` narrows what is searched of what the asker
    reads. `on_usage` hears what the model took; nothing where none wrote.
    `model` is the name of the one that was chosen (chat/routing.py says by whom it may be).
    """

    sampling: Sampling | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    on_usage: Callable[[Usage], None] | None = None
    model: str = ""
    priority: Priority = Priority.CHAT

    @property
    def usual(self) -> bool:
        """Whether the text is written as for everybody, so that it may come from the cache."""
        return self.sampling is None and self.max_tokens is None and not self.stop


USUAL: Final = Wishes()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was put: its text, the turns before, the answer it is stored as (None
    outside a conversation) and the day it is about (None: today). `cache`: an answer that lies
    there is used, replaced ("renew"), or there is none ("off")."""

    question: str
    history: tuple[Turn, ...] = ()
    answer_id: MessageId | None = None
    as_of: date | None = None
    cache: CacheUse = "use"
    wishes: Wishes = USUAL


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: Markdown with marks [n] that `citations` resolve. Timings are in ms.

    `support` says of each sentence whether the passages it cites say so; `routed` which model
    wrote it and why, None where none did.
    """

    text: str
    refused: bool
    engine: str
    excerpts: bool
    citations: list[Citation] = field(default_factory=list)
    nearest: list[Citation] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    stopped: bool = False
    support: list[Support] = field(default_factory=list)
    routed: Routed | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What happens on the way: `text` is the status word, or the whole Markdown so far."""

    kind: Literal["status", "text"]
    text: str


class Clock:
    """Milliseconds since the question came, by name."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._marks: dict[str, float] = {}

    def mark(self, name: str) -> None:
        self._marks[name] = round((perf_counter() - self._started) * 1000, 1)

    def first(self, name: str) -> None:
        if name not in self._marks:
            self.mark(name)

    def total(self) -> dict[str, float]:
        self.mark("total_ms")
        return dict(self._marks)
