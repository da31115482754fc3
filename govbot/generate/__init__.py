"""Answer generation: what a request is, and what every kind of generator offers.

Knows nothing of retrieval, permissions or the database: it gets numbered sources and messages,
and gives back text with citation marks such as [1].
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as the generator sees it. `number` is its citation mark; higher `score` is better.

    `text` is literal document text; `page` is 1-based. `note` says what the reader must know of the
    document, such as that it was revoked.
    """

    number: int
    text: str
    title: str
    heading: str
    page: int
    score: float
    note: str = ""


Build = Callable[[tuple[Source, ...]], tuple[ChatMessage, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to write.

    `build` renders the messages again with fewer sources, when all of them do not fit the context
    of the model. `owner` is the key of fairness: waiting requests of different owners take turns.
    The two callbacks run in the event loop of the caller: `on_position` with the place in the
    queue (1 is next, 0 is running), `on_sources` with the sources that truly reach the model.
    """

    question: str
    messages: tuple[ChatMessage, ...]
    sources: tuple[Source, ...]
    max_tokens: int
    temperature: float
    build: Build
    owner: str = ""
    on_position: Callable[[int], None] | None = None
    on_sources: Callable[[tuple[Source, ...]], None] | None = None


class State(StrEnum):
    """Where a generator stands; `idle` loads its model at the first request."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Status:
    """State for the health page and the doctor; `device` is text such as "CPU, 8 threads"."""

    state: State
    device: str = ""
    error: str = ""
    running: int = 0
    waiting: int = 0


class Generator(Protocol):
    """A kind of answer generator.

    `stream` gives text deltas; closing the iterator (`aclose`) stops the work at once. Errors:
    `Unavailable` (model or server), `Busy` (queue full), `Invalid` (the question does not fit).
    """

    @property
    def name(self) -> str: ...

    @property
    def excerpts(self) -> bool: ...

    def stream(self, request: Request) -> AsyncIterator[str]: ...

    def status(self) -> Status: ...

    async def aclose(self) -> None: ...


class GenerationSettings(Protocol):
    """The [generation] section of the settings, as far as this part reads it."""

    @property
    def backend(self) -> str: ...

    @property
    def model_path(self) -> str | Path: ...

    @property
    def n_gpu_layers(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def threads(self) -> int: ...

    @property
    def base_url(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def api_key(self) -> SecretStr: ...

    @property
    def timeout_s(self) -> float: ...
