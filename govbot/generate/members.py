"""The models of a pool one by one: what each is, where it stands, and how it is opened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from govbot.generate import GenerationSettings, Generator, State, Status
from govbot.generate.routing import Candidate, Tier
from govbot.generate.weight import estimate

Kind = Literal["llama", "openai", "extractive"]
Presence = Literal["loaded", "unloaded", "remote", "out"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model as the settings describe it. `idle_unload_s` 0: it stays in memory."""

    name: str
    kind: Kind
    settings: GenerationSettings
    label: str = ""
    tier: Tier = "quality"
    offered: bool = False
    idle_unload_s: float = 0.0
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """What administrators see of a model. `where` is the name of the file or the host of the
    server; `bytes` an estimate of its memory, 0 for one that lies elsewhere; `idle_s` since the
    last answer; `note` why it is not in memory, a stable word: "idle", "room", "unloaded"."""

    name: str
    label: str
    tier: Tier
    kind: Kind
    where: str
    presence: Presence
    status: Status
    offered: bool
    bytes: int
    idle_s: float | None
    answers: int
    failures: int
    note: str
    breaker: str


@dataclass(eq=False, slots=True)
class Member:
    """A model of a pool while it lives. `running` counts answers from the choice to their end."""

    entry: Entry
    generator: Generator | None = None
    out: bool = False
    running: int = 0
    last_used: float | None = None
    answers: int = 0
    failures: int = 0
    note: str = ""
    empty: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def local(self) -> bool:
        """Whether it takes memory of this process when it is loaded."""
        return self.entry.kind == "llama"

    @property
    def bytes(self) -> int:
        return estimate(self.entry.settings) if self.local else 0

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.name, self.entry.tier, self.entry.settings.context_tokens)

    @property
    def status(self) -> Status:
        return self.generator.status() if self.generator is not None else Status(State.IDLE)

    def enter(self) -> None:
        self.running += 1
        self.empty.clear()

    def leave(self, now: float) -> None:
        self.running -= 1
        self.last_used = now
        if not self.running:
            self.empty.set()

    def state(self, now: float) -> ModelState:
        entry = self.entry
        return ModelState(
            entry.name,
            entry.label or entry.name,
            entry.tier,
            entry.kind,
            where_of(entry),
            self._presence(),
            self.status,
            entry.offered,
            self.bytes,
            None if self.last_used is None else now - self.last_used,
            self.answers,
            self.failures,
            self.note,
            str(getattr(self.generator, "breaker", "")),
        )

    def _presence(self) -> Presence:
        if self.out:
            return "out"
        if not self.local:
            return "remote" if self.entry.kind == "openai" else "loaded"
        if self.generator is None or self.status.state in (State.IDLE, State.FAILED):
            return "unloaded"
        return "loaded"


def where_of(entry: Entry) -> str:
    """The name of the file, or host and port of the server."""
    if entry.kind == "openai":
        return urlsplit(entry.settings.base_url).netloc.rpartition("@")[2]
    return str(entry.settings.model_path or "").rpartition("/")[2]


def open_member(entry: Entry) -> Generator:
    """A generator of this kind; loads no model and opens no connection yet."""
    match entry.kind:
        case "llama":
            from govbot.generate.llama import LlamaGenerator

            return LlamaGenerator(entry.settings)
        case "openai":
            from govbot.generate.remote import RemoteGenerator

            return RemoteGenerator(entry.settings)
        case "extractive":
            from govbot.generate.extractive import ExtractiveGenerator

            return ExtractiveGenerator()
