"""Answer generation: what a request is, and what every kind of generator offers.

Knows nothing of retrieval, permissions or the database: it gets numbered sources and messages,
and gives back text with citation marks such as [1].
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr

from govbot.errors import GovBotError

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


class Priority(IntEnum):
    """Lower goes first; `BACKGROUND` (evaluations, wordings) runs when no chat waits."""

    CHAT = 0
    BACKGROUND = 1


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 takes the likeliest; `seed` None: another each time."""

    temperature: float = 0.2
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the answer must look like: a grammar in GBNF or a JSON schema, as text."""

    kind: Literal["gbnf", "json_schema"]
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took. `shared_tokens` of the prompt were in memory from another request."""

    prompt_tokens: int
    shared_tokens: int
    completion_tokens: int
    first_token_ms: float
    finish: Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Routed:
    """Which model writes an answer and why; `reason` is a stable word such as "complex".

    `signs` are what made the question a difficult one; `passed` are the models that were to write
    it and did not, each with its error: "rapido E-BUSY". Nothing of a question stands in them.
    """

    model: str
    reason: str
    signs: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to write.

    `build` renders the messages again with fewer sources, when all of them do not fit the context
    of the model. `owner` is the key of fairness: waiting requests of different owners take turns.
    `sampling` takes the place of `temperature`. `timeout_s` bounds waiting and writing together.
    The callbacks run in the event loop of the caller: `on_position` with the place in the queue
    (1 is next, 0 is running), `on_estimate` with the seconds until the answer begins, a guess,
    `on_sources` with the sources that truly reach the model, `on_routed` once a model is chosen,
    `on_usage` when the answer is over. `model` names the one that was chosen for it, `tier`
    a kind of models; empty: by how difficult the question looks.
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
    sampling: Sampling | None = None
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    priority: Priority = Priority.CHAT
    timeout_s: float | None = None
    on_estimate: Callable[[float], None] | None = None
    on_routed: Callable[[Routed], None] | None = None
    on_usage: Callable[[Usage], None] | None = None
    model: str = ""
    tier: Literal["", "fast", "quality"] = ""


class State(StrEnum):
    """Where a generator stands; `idle` loads its model at the first request."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Status:
    """State for the health page and the doctor; `device` is text such as "CPU, 8 threads".

    `failure` is what is wrong now; `prefix_tokens`: of prompts kept for the next question;
    `cells`: tokens whose keys and values are in memory, and how many fit. `step_s`: how long the
    step that runs now has taken; the loading of a model is none. `copied`: prompts are read with a
    copy of the model.
    """

    state: State
    device: str = ""
    failure: GovBotError | None = None
    running: int = 0
    waiting: int = 0
    slots: int = 1
    tokens_per_s: float = 0.0
    prefix_tokens: int = 0
    cells: tuple[int, int] = (0, 0)
    step_s: float = 0.0
    copied: bool = False

    @property
    def error(self) -> str:
        """The failure as an English sentence; empty when there is none."""
        return str(self.failure) if self.failure is not None else ""


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

    @property
    def connect_timeout_s(self) -> float: ...

    @property
    def retries(self) -> int: ...

    @property
    def parallel(self) -> int: ...

    @property
    def main_gpu(self) -> int: ...

    @property
    def tensor_split(self) -> tuple[float, ...]: ...

    @property
    def lora(self) -> tuple[str, ...]: ...

    @property
    def lora_scale(self) -> float: ...

    @property
    def draft(self) -> str: ...

    @property
    def slots(self) -> int: ...

    @property
    def shared_context_tokens(self) -> int: ...

    @property
    def max_waiting(self) -> int: ...

    @property
    def max_waiting_per_owner(self) -> int: ...

    @property
    def answer_timeout_s(self) -> float: ...

    @property
    def kv_type(self) -> str: ...

    @property
    def flash_attention(self) -> str: ...

    @property
    def prefix_memory_mb(self) -> int: ...

    @property
    def prompt_weights(self) -> str: ...

    @property
    def speculation(self) -> str: ...
