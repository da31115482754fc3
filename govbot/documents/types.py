"""The data of documents and collections, as other parts see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Literal
from uuid import UUID

from govbot.ids import CollectionId, DocumentId, GroupId, UserId, VersionId

Source = Literal["upload", "cli", "folder", "demo", "api", "attachment"]
Effect = Literal["allow", "deny"]


class State(StrEnum):
    """Where a version is on its way; READY, FAILED, CANCELLED and SUPERSEDED are ends."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (State.READY, State.FAILED, State.CANCELLED, State.SUPERSEDED)


class Status(StrEnum):
    """Where a document is in its life; only published and revoked ones are seen by readers."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    REVOKED = "revoked"


class Review(StrEnum):
    """What people decided about a version; without review in its collection it is approved."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"


class Level(StrEnum):
    """What a grant gives; each level holds the ones before it."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"


LEVELS = {1: Level.READ, 2: Level.WRITE, 3: Level.MANAGE}


class Secrecy(IntEnum):
    """Who may see a document at all: people whose clearance is as high, administrators too.

    The degrees of Lei 12.527/2011 (art. 23 and 24), with the restricted access of its art. 31
    (personal information) before them.
    """

    PUBLIC = 0
    RESTRICTED = 1
    RESERVED = 2
    SECRET = 3
    TOP_SECRET = 4


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a document. `pages_done` counts within the current state.

    `ocr_pages` were recognised in their picture, `unread_pages` could not be read.
    """

    id: VersionId
    document_id: DocumentId
    document_key: int
    collection_key: int
    number: int
    sha256: str
    size_bytes: int
    mime: str
    state: State
    review: Review
    reviewed_by: UserId | None
    review_note: str
    pages: int
    pages_done: int
    ocr_pages: list[int]
    unread_pages: list[int]
    attachments: list[str]
    chunks: int
    error_code: str | None
    error: str | None
    attempts: int
    created_at: datetime
    created_by: UserId | None
    started_at: datetime | None
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

    `norm_number`, `year`, `signed_on`, `issuer` and `summary` describe a norm ("Lei nº 8.112, de 11
    de dezembro de 1990"). In force from `valid_from` to `valid_to`, both days included, and until
    the day before `revoked_on`; `revoked_by` is the key of the document that took its place.
    `legal_hold` is the reason why it must not be deleted, or "".

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
    status: Status
    secrecy: Secrecy
    kind: str
    norm_number: str
    year: int | None
    signed_on: date | None
    issuer: str
    summary: str
    tags: list[str]
    valid_from: date | None
    valid_to: date | None
    revoked_on: date | None
    revoked_by: int | None
    legal_hold: str
    folder: str | None
    created_at: datetime
    created_by: UserId | None
    trashed_at: datetime | None
    served: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as the actor sees it; `documents` counts what they may read, trash excluded.

    `needs_review`: new versions wait for the approval of a second person. `instructions`: how those
    who manage it want answers from it to be written.
    """

    id: CollectionId
    key: int
    name: str
    description: str
    needs_review: bool
    created_at: datetime
    level: Level | None
    documents: int
    instructions: str = ""


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
class Target:
    """What a grant is on."""

    kind: Literal["collection", "document"]
    id: UUID

    @classmethod
    def collection(cls, id: CollectionId) -> Target:  # noqa: A002 - the field's name
        """All documents of a collection."""
        return cls("collection", id)

    @classmethod
    def document(cls, id: DocumentId) -> Target:  # noqa: A002 - the field's name
        """One document."""
        return cls("document", id)


@dataclass(frozen=True, slots=True)
class Grant:
    """A level given to (or, with "deny", taken from) a principal on a collection or document."""

    id: UUID
    principal: Principal
    name: str
    level: Level
    effect: Effect
    created_at: datetime
