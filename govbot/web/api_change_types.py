"""What the API takes and gives about changes of documents and collections."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from govbot.documents.types import Level
from govbot.web.api_types import DocumentItem, NextCursor

Name = Annotated[str, Meta(min_length=1, max_length=200, examples=["Legislação"])]
Words = Annotated[str, Meta(max_length=2000)]
Note = Annotated[str, Meta(max_length=2000, description="For the people who read of it.")]


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """What describes a document. What is left out stays as it is; what is set stays when the file
    is read again."""

    title: Annotated[str, Meta(max_length=300, examples=["Lei das férias"])] | UnsetType = UNSET
    kind: Annotated[str, Meta(max_length=60, examples=["lei"])] | UnsetType = UNSET
    number: Annotated[str, Meta(max_length=40, examples=["731"])] | UnsetType = UNSET
    year: int | UnsetType | None = UNSET
    signed_on: date | UnsetType | None = UNSET
    issuer: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    summary: Words | UnsetType = UNSET
    tags: list[Annotated[str, Meta(max_length=60)]] | UnsetType = UNSET


class Validity(Struct, frozen=True, forbid_unknown_fields=True):
    """The days on which a document is in force, both included; null: no limit."""

    valid_from: Annotated[date | None, Meta(examples=["2024-01-01"])]
    valid_to: date | None


class Revocation(Struct, frozen=True, forbid_unknown_fields=True):
    """From `on` a document is not in force any more; `by` is the one that took its place."""

    on: Annotated[date, Meta(examples=["2026-03-01"])]
    by: UUID | None = None
    note: Note = ""


class Decision(Struct, frozen=True, forbid_unknown_fields=True):
    """The next stage of a version: sent to review, approved by a second person, or sent back with
    a note that says why."""

    stage: Literal["in_review", "approved", "rejected"]
    note: Note = ""


class ReviewPage(Struct, frozen=True):
    """Documents whose newest version waits for a decision, the longest waiting first."""

    items: list[DocumentItem]
    next_cursor: NextCursor


class NewCollection(Struct, frozen=True, forbid_unknown_fields=True):
    """A collection to make; who makes it manages it."""

    name: Name
    description: Words = ""


class CollectionChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be another; what is left out stays. `instructions` say how answers from the
    collection are to be written."""

    name: Name | UnsetType = UNSET
    description: Words | UnsetType = UNSET
    needs_review: bool | UnsetType = UNSET
    instructions: Words | UnsetType = UNSET


class NewGrant(Struct, frozen=True, forbid_unknown_fields=True):
    """A level for a person (`maria`) or for a group (`@Finanças`). "deny" takes it instead."""

    who: Annotated[str, Meta(min_length=1, max_length=300, examples=["maria", "@Finanças"])]
    level: Level
    effect: Literal["allow", "deny"] = "allow"


class GrantItem(Struct, frozen=True):
    """Who may do what in a collection."""

    id: UUID
    kind: Literal["user", "group"]
    principal_id: UUID
    name: str
    level: Level
    effect: Literal["allow", "deny"]
    created_at: datetime


class GrantPage(Struct, frozen=True):
    """All grants on a collection, groups first."""

    items: list[GrantItem]
    next_cursor: NextCursor = None
