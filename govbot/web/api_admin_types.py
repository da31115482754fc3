"""What the API takes and gives about the queue, people, the audit log and the models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from govbot.documents.types import State
from govbot.web.api_types import NextCursor

RoleName = Literal["admin", "curator", "auditor", "user"]
GivenRole = Annotated[
    Literal["curator", "user"],
    Meta(description="Administrators and auditors are made on the pages alone."),
]


class JobItem(Struct, frozen=True):
    """The work on one version of a document."""

    version_id: UUID
    document_id: UUID
    filename: str
    title: str
    collection_id: UUID | None
    collection: str
    version: int
    group: Literal["running", "waiting", "failed", "cancelled"]
    state: State
    pages: int
    pages_done: int
    attempts: int
    error_code: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    again_at: Annotated[datetime | None, Meta(description="When the next attempt is.")]


class JobPage(Struct, frozen=True):
    """The queue: what runs, what waits in the order of its turn, what failed or was cancelled.

    `counts` are all of the person's reach; the list ends after 1000.
    """

    items: list[JobItem]
    next_cursor: NextCursor
    counts: dict[str, int]
    paused: bool


class Done(Struct, frozen=True):
    """How many documents it was done to."""

    documents: int


class UserItem(Struct, frozen=True):
    """An account."""

    id: UUID
    username: str
    name: str
    role: RoleName
    email: str
    source: Annotated[str, Meta(description="`local`, or where its password is kept.")]
    clearance: Annotated[int, Meta(description="Up to which secrecy it sees documents, 0 to 4.")]
    groups: list[str]
    created_at: datetime
    disabled_at: datetime | None


class UserPage(Struct, frozen=True):
    """Accounts, by user name."""

    items: list[UserItem]
    next_cursor: NextCursor


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """An account to make; it must choose another password when it signs in first."""

    username: Annotated[str, Meta(min_length=1, max_length=64, examples=["maria.souza"])]
    name: Annotated[str, Meta(min_length=1, max_length=200, examples=["Maria Souza"])]
    role: GivenRole = "user"


class MadeUser(UserItem, frozen=True):
    """An account with its first password, which is told this once."""

    password: str


class UserChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be another; what is left out stays."""

    role: GivenRole | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    clearance: Annotated[int, Meta(ge=0, le=4)] | UnsetType = UNSET


class NewGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """A group to make."""

    name: Annotated[str, Meta(min_length=1, max_length=200, examples=["Finanças"])]


class GroupItem(Struct, frozen=True):
    """A group with the user names of its members."""

    id: UUID
    name: str
    members: list[str]


class GroupPage(Struct, frozen=True):
    """Groups, by name."""

    items: list[GroupItem]
    next_cursor: NextCursor


class AuditEntry(Struct, frozen=True):
    """An entry of the audit log; `hash` seals it and the entry before it."""

    seq: int
    at: datetime
    actor_id: UUID | None
    actor: str
    action: Annotated[str, Meta(examples=["question.asked"])]
    resource: str
    details: dict[str, Any]
    ip: str
    hash: str


class AuditPage(Struct, frozen=True):
    """Entries, the newest first."""

    items: list[AuditEntry]
    next_cursor: NextCursor


class EngineItem(Struct, frozen=True):
    """A model that writes answers."""

    name: str
    state: Annotated[str, Meta(description="`idle`, `loading`, `ready`, `failed` or `closed`.")]
    device: str
    running: int
    waiting: int
    slots: int
    error: str


class SystemStatus(Struct, frozen=True):
    """What runs: version, models, and whether documents are being read."""

    version: str
    models: list[EngineItem]
    embedder: Annotated[str | None, Meta(description="null: there is none.")]
    reranker: bool
    worker: Annotated[bool, Meta(description="Documents are processed in this process.")]
    paused: bool
