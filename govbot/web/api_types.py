"""What the API takes and gives, as JSON; the OpenAPI document is made from these types."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from govbot.chat.answer import MAX_QUESTION
from govbot.documents.types import Level, Review, State, Status

StateName = Literal[
    "queued", "extracting", "embedding", "ready", "failed", "cancelled", "superseded"
]
Scopes = Annotated[list[str], Meta(description="What the key may be used for.")]
NextCursor = Annotated[
    str | None,
    Meta(description="Give it as `cursor` to get the next page; null on the last one."),
]
AsOf = Annotated[
    date | None,
    Meta(description="Only documents in force on this day; today when it is left out."),
]
QuestionText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_QUESTION,
        description="The question, in words.",
        examples=["Em quantos períodos podem ser divididas as férias?"],
    ),
]


class FieldProblem(Struct, frozen=True):
    """A field that is wrong."""

    field: str
    message: str


class Problem(Struct, frozen=True, omit_defaults=True):
    """An error: `code` is stable, `message` is for people, in the language of Accept-Language."""

    code: Annotated[str, Meta(description="Explained in docs/errors.md.", examples=["E-NOT-FOUND"])]
    message: Annotated[str, Meta(examples=["Não encontrado, ou fora do seu alcance."])]
    fields: list[FieldProblem] = field(default_factory=list)


class Key(Struct, frozen=True):
    """The key of the request."""

    id: Annotated[str, Meta(description="The part between the two underscores.")]
    name: str
    scopes: Scopes
    expires_at: datetime | None


class Me(Struct, frozen=True):
    """Whom the key acts as."""

    id: UUID
    username: str
    name: str
    role: Literal["admin", "curator", "auditor", "user"]
    key: Key


class CollectionItem(Struct, frozen=True):
    """A collection that may be read; `level` is what may be done in it."""

    id: UUID
    name: str
    description: str
    level: Level | None
    documents: Annotated[int, Meta(description="How many of its documents may be read.")]
    needs_review: Annotated[bool, Meta(description="New versions wait for an approval.")]
    created_at: datetime


class CollectionPage(Struct, frozen=True):
    """Collections, by name."""

    items: list[CollectionItem]
    next_cursor: NextCursor


class DocumentItem(Struct, frozen=True):
    """A document with the state of its newest version."""

    id: UUID
    filename: str
    title: str
    collection_id: Annotated[
        UUID | None, Meta(description="null when the collection itself may not be read.")
    ]
    collection: str
    status: Status
    kind: str
    number: str
    year: int | None
    signed_on: date | None
    issuer: str
    summary: str
    tags: list[str]
    valid_from: date | None
    valid_to: date | None
    revoked_on: date | None
    created_at: datetime
    trashed_at: datetime | None
    version: Annotated[int, Meta(description="Number of the newest version.")]
    served: Annotated[int | None, Meta(description="Number of the version that is searched.")]
    state: Annotated[State, Meta(description="How far the newest version is.")]
    error_code: Annotated[str | None, Meta(description="Why it could not be read.")]
    pages: int


class VersionItem(Struct, frozen=True):
    """One content of a document."""

    id: UUID
    number: int
    state: State
    review: Review
    mime: str
    size_bytes: int
    sha256: str
    pages: int
    error_code: str | None
    created_at: datetime


class DocumentDetail(DocumentItem, frozen=True):
    """A document with its versions, the newest first."""

    versions: list[VersionItem]


class DocumentPage(Struct, frozen=True):
    """Documents, the newest first."""

    items: list[DocumentItem]
    next_cursor: NextCursor


class Upload(Struct, frozen=True):
    """What became of a file; ask for the document until its state is an end."""

    document_id: UUID
    version_id: UUID
    state: State
    duplicate: Annotated[bool, Meta(description="The collection had this very content already.")]


class PageText(Struct, frozen=True):
    """The text of one page; pages count from 1."""

    document_id: UUID
    version: int
    number: int
    pages: int
    text: str


class SearchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to search for."""

    question: QuestionText
    collection_id: Annotated[UUID | None, Meta(description="Search this collection only.")] = None
    limit: Annotated[int, Meta(ge=1, le=50, description="Most passages.")] = 10
    as_of: AsOf = None


class PassageItem(Struct, frozen=True):
    """A passage; `score` compares passages of one search, `coverage` is the share of the
    question's words that it holds."""

    document_id: UUID
    document: str
    filename: str
    collection: str
    version: int
    page: int
    page_to: int
    heading: str
    text: str
    score: float
    coverage: float
    valid_from: date | None
    valid_to: date | None
    revoked_on: date | None
    link: Annotated[str, Meta(description="Path of the page on this site, for people.")]


class SearchResult(Struct, frozen=True):
    """Passages, the best first; `sufficient`: they hold enough to attempt an answer."""

    passages: list[PassageItem]
    sufficient: bool


class AskRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A question that stands alone: no conversation is kept."""

    question: QuestionText
    as_of: AsOf = None
    collection_id: Annotated[UUID | None, Meta(description="Ask this collection only.")] = None


class CitationItem(Struct, frozen=True):
    """Where a sentence comes from; `number` is the mark [n] in the text."""

    number: int
    document_id: UUID
    document: str
    filename: str
    version: int
    page: int
    page_to: int
    heading: str
    quote: str
    valid_to: date | None
    revoked_on: date | None
    link: Annotated[str, Meta(description="Path of the page on this site, for people.")]


class SupportItem(Struct, frozen=True):
    """What the automatic check says of a sentence: whether the passages it cites say so."""

    text: str
    state: Literal["supported", "weak", "unsupported"]
    reason: Annotated[
        Literal["", "uncited", "value", "words", "negation", "contradicted"],
        Meta(description="Why it is not supported; `value`: a number, date or name is missing."),
    ]
    citations: list[int]
    missing: Annotated[list[str], Meta(description="What no cited passage holds.")]


class Answer(Struct, frozen=True):
    """Markdown with marks [n]. `refused`: the readable documents do not hold the answer; `nearest`
    are then the closest ones. `excerpts`: literal passages, no text of a model. `support`: each
    sentence that states something, checked against the passages it cites."""

    text: str
    refused: bool
    excerpts: bool
    engine: str
    citations: list[CitationItem]
    nearest: list[CitationItem]
    support: list[SupportItem]


class ConversationItem(Struct, frozen=True):
    """A conversation of the person behind the key."""

    id: UUID
    title: str
    updated_at: datetime


class ConversationPage(Struct, frozen=True):
    """Conversations, the latest first."""

    items: list[ConversationItem]
    next_cursor: NextCursor


class AnswerItem(Answer, frozen=True):
    """An answer of a conversation. `hidden`: it came from documents that may no longer be read."""

    id: UUID
    state: Literal["running", "done", "stopped", "failed"]
    error_code: str | None
    hidden: bool
    created_at: datetime


class RatingRequest(Struct, frozen=True):
    """A rating of an answer. Rating down shows question, answer and comment to curators, without
    the person; it takes a reason."""

    rating: Annotated[
        Literal["up", "down", "none"], Meta(description='"none" takes the rating back.')
    ]
    reason: Literal["wrong", "incomplete", "outdated", "wrong_source", "other"] | None = None
    comment: Annotated[str, Meta(max_length=1000)] = ""


class TitleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a conversation is to be called."""

    title: Annotated[str, Meta(min_length=1, max_length=200, examples=["Férias"])]


class TurnItem(Struct, frozen=True):
    """A question with its answers, the newest last."""

    question: str
    asked_at: datetime
    as_of: date | None
    answers: list[AnswerItem]


class ConversationDetail(ConversationItem, frozen=True):
    """A conversation with all that is in it."""

    turns: list[TurnItem]
