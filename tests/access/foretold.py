"""What becomes of an act: None when it is done, else how it is refused."""

from __future__ import annotations

from govbot.errors import Conflict, Denied, GovBotError, NotFound
from tests.access.model import Edition, Given, Model, Paper, Person

Outcome = type[GovBotError] | None


def document(model: Model, who: Person | None, paper: Paper, level: int) -> Outcome:
    if who is None:
        return None
    if not model.sees(who, paper):
        return NotFound
    return None if model.level(who, paper) >= level else Denied


def managing(model: Model, who: Person | None, given: Given) -> Outcome:
    if who is None:
        return None
    if given.kind == "document":
        return document(model, who, model.papers[given.key], 3)
    level = model.shelf_level(who, model.shelves[given.key])
    return {0: NotFound, 3: None}.get(level, Denied)


def undecided(model: Model, who: Person | None, paper: Paper, edition: Edition) -> Outcome:
    if who and not model.sees_edition(who, paper, edition):
        return NotFound
    if refused := document(model, who, paper, 2):
        return refused
    over = paper.trashed or edition.approved or edition.state == "superseded"
    return Conflict if over else None


def deciding(model: Model, who: Person | None, paper: Paper, edition: Edition, act: str) -> Outcome:
    if edition.review == "rejected":
        return Conflict
    own = act == "approve" and who is not None and edition.author == who.id
    return Denied if who is None or own or model.level(who, paper) < 3 else None


def disposing(model: Model, who: Person | None, paper: Paper, act: str) -> Outcome:
    if act == "delete":
        kept = not paper.trashed or paper.held
        return document(model, who, paper, 3) or (Conflict if kept else None)
    if paper.trashed is (act == "trash"):  # nothing to do: whoever sees it may say so
        return document(model, who, paper, 1)
    refused = document(model, who, paper, 2)
    return refused or (Conflict if act == "trash" and paper.held else None)


def clearing(who: Person | None, person: Person, degree: int) -> Outcome:
    if who is None:
        return None
    if who.disabled:  # sees no account, not even their own
        return NotFound
    if who.id == person.id and degree > person.clearance:
        return Denied
    return None if who.role == "admin" or degree == person.clearance else NotFound
