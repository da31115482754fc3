"""Who may see what, said once more in plain Python: the reference that the database is held to.

Nothing here asks the database. People, groups, grants, clearance and secrecy are what the history
did; what a document went through (versions, reviews, trash) is told from outside (`world.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

LEVELS = {"read": 1, "write": 2, "manage": 3}


@dataclass
class Person:
    id: UUID
    name: str
    role: str
    clearance: int = 0
    disabled: bool = False
    groups: set[UUID] = field(default_factory=set)
    token: str | None = None


@dataclass
class Shelf:
    """A collection."""

    id: UUID
    key: int
    name: str
    question: str
    needs_review: bool = False


@dataclass
class Edition:
    """A version."""

    id: UUID
    number: int
    author: UUID | None
    review: str
    state: str
    pages: int
    sha256: str

    @property
    def approved(self) -> bool:
        return self.review == "approved"


@dataclass
class Paper:
    """A document; `served` is the version whose passages are indexed."""

    id: UUID
    key: int
    shelf: int
    secrecy: int
    status: str
    trashed: bool
    held: bool
    in_force: bool
    served: UUID | None
    chunks: int
    editions: list[Edition]

    @property
    def newest(self) -> Edition:
        return max(self.editions, key=lambda e: e.number)


@dataclass(frozen=True)
class Given:
    """What a grant is on, for whom, and whether it allows or denies."""

    kind: str  # collection or document
    key: int
    principal: UUID
    effect: str


@dataclass
class Answer:
    id: UUID
    conversation: UUID
    owner: UUID
    text: str
    sources: list[int]
    cited: list[int]


@dataclass
class Model:
    people: dict[UUID, Person] = field(default_factory=dict)
    shelves: dict[int, Shelf] = field(default_factory=dict)
    papers: dict[int, Paper] = field(default_factory=dict)
    grants: dict[Given, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    def level(self, person: Person, paper: Paper) -> int:
        """0 nothing, 1 read, 2 write, 3 manage."""
        if person.disabled or paper.secrecy > person.clearance:
            return 0
        return self._granted(person, {("collection", paper.shelf), ("document", paper.key)})

    def shelf_level(self, person: Person, shelf: Shelf) -> int:
        return 0 if person.disabled else self._granted(person, {("collection", shelf.key)})

    def _granted(self, person: Person, places: set[tuple[str, int]]) -> int:
        if person.role == "admin":
            return 3
        own = {person.id, *person.groups}
        mine = [(g.effect, level) for g, level in self.grants.items()
                if g.principal in own and (g.kind, g.key) in places]  # fmt: skip
        allowed = [level for effect, level in mine if effect == "allow"]
        denied = [level for effect, level in mine if effect == "deny"]
        return max(0, min([max(allowed), *(level - 1 for level in denied)])) if allowed else 0

    def sees(self, person: Person, paper: Paper) -> bool:
        level = self.level(person, paper)
        public = not paper.trashed and paper.status in ("published", "revoked")
        return level >= 2 or (level == 1 and public)

    def sees_edition(self, person: Person, paper: Paper, edition: Edition) -> bool:
        return self.sees(person, paper) and (edition.approved or self.level(person, paper) >= 2)

    def finds(self, person: Person, paper: Paper) -> bool:
        """Whether a question may bring a passage of it today."""
        return paper.served is not None and paper.in_force and self.level(person, paper) >= 1

    def sees_answer(self, person: Person, answer: Answer) -> bool:
        return answer.owner == person.id and all(
            key in self.papers and self.sees(person, self.papers[key]) for key in answer.sources
        )

    def manages(self, person: Person, given: Given) -> bool:
        """Whether they see and change that grant."""
        if given.kind == "collection":
            return self.shelf_level(person, self.shelves[given.key]) == 3
        return self.level(person, self.papers[given.key]) == 3
