"""The data of documents and collections, as other parts see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from govbot.ids import CollectionId, DocumentId, GroupId, UserId, VersionId

Source = Literal["upload", "cli", "folder", "demo", "api"]
Effect = Literal["allow", "deny"]


class State(StrEnum):
    """Where a version is on its way; READY, FAILED and SUPERSEDED are ends."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"
    SUPERSEDED = "superseded"

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (State.READY, State.FAILED, State.SUPERSEDED)


class Level(StrEnum):
    """What a grant gives; each level holds the ones before it."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"


LEVELS = {1: Level.READ, 2: Level.WRITE, 3: Level.MANAGE}


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a document. `pages_done` counts within the current state."""

    id: VersionId
    document_id: DocumentId
    document_key: int
    collection_key: int
    number: int
    sha256: str
    size_bytes: int
    mime: str
    state: State
    pages: int
    pages_done: int
    scanned_pages: int
    chunks: int
    error_code: str | None
    error: str | None
    attempts: int
    created_at: datetime
    finished_at: datetime | None

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1: reading counts 0.4, embedding 0.6."""
        share = min(1.0, self.pages_done / self.pages) if self.pages else 0.0
        match self.state:
            case State.EXTRACTING:
                return 0.4 * share
            case State.EMBEDDING:
                return 0.4 + 0.6 * share
            case State.QUEUED:
                return 0.0
            case _:
                return 1.0


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its newest version; `served` is the number of the version searched now.

    The collection is None and "" for whoever may read this document but not its collection.
    """

    id: DocumentId
    key: int
    collection_id: CollectionId | None
    collection_key: int
    collection: str
    path: str
    filename: str
    title: str
    source: Source
    created_at: datetime
    trashed_at: datetime | None
    served: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as the actor sees it; `documents` counts what they may read, trash excluded."""

    id: CollectionId
    key: int
    name: str
    description: str
    created_at: datetime
    level: Level | None
    documents: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a grant is for."""

    kind: Literal["user", "group"]
    id: UUID

    @classmethod
    def user(cls, id: UserId) -> Principal:  # noqa: A002 - the field's name
        """A person."""
        return cls("user", id)

    @classmethod
    def group(cls, id: GroupId) -> Principal:  # noqa: A002 - the field's name
        """Everyone in a group."""
        return cls("group", id)


@dataclass(frozen=True, slots=True)
class Grant:
    """A level given to (or, with "deny", taken from) a principal in a collection."""

    id: UUID
    principal: Principal
    name: str
    level: Level
    effect: Effect
    created_at: datetime
