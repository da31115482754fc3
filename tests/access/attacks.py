"""Statements that no part of GovBot sends, and what each may touch: rows, or None when refused."""

from __future__ import annotations

from collections.abc import Callable

from tests.access.model import Model, Paper, Person

Foretold = Callable[[Model, Person], int | None]


def _written(model: Model, person: Person) -> list[Paper]:
    return [p for p in model.papers.values() if model.level(person, p) >= 2]


def _versions(model: Model, person: Person) -> int:
    return sum(len(p.editions) for p in _written(model, person))


def _grants(model: Model, person: Person) -> int:
    return sum(model.manages(person, given) for given in model.grants)


def _messages(model: Model, person: Person) -> int:
    """Questions are always one's own; answers only while they are not hidden."""
    own = [a for a in model.answers if a.owner == person.id]
    return len(own) + sum(model.sees_answer(person, a) for a in own)


def _unbound(model: Model, person: Person) -> int | None:
    bound = any(a.sources and model.sees_answer(person, a) for a in model.answers)
    return None if bound else _messages(model, person)


def _secrecy(degree: int) -> Foretold:
    def foretold(model: Model, person: Person) -> int | None:
        written = _written(model, person)
        refused = any(
            p.secrecy != degree and (model.level(person, p) < 3 or degree > person.clearance)
            for p in written
        )
        return None if refused else len(written)

    return foretold


def _released(model: Model, person: Person) -> int | None:
    written = _written(model, person)
    refused = any(p.held and model.level(person, p) < 3 for p in written)
    return None if refused else len(written)


def _clearance(model: Model, person: Person) -> int | None:
    if person.disabled or person.role != "admin":
        return 0
    return None if person.clearance < 4 else len(model.people)


def _collections(model: Model, person: Person) -> int:
    return sum(model.shelf_level(person, s) == 3 for s in model.shelves.values())


def _nothing(_: Model, __: Person) -> int:
    return 0


ATTACKS: dict[str, tuple[str, Foretold]] = {
    "rename all": ("UPDATE documents SET issuer = 'x'", lambda m, p: len(_written(m, p))),
    "publish all secrets": ("UPDATE documents SET secrecy = 0", _secrecy(0)),
    "hide all": ("UPDATE documents SET secrecy = 4", _secrecy(4)),
    "lift all holds": ("UPDATE documents SET legal_hold = ''", _released),
    "touch versions": ("UPDATE document_versions SET pages_done = 0", _versions),
    "manage everything": ("UPDATE grants SET level = 'manage'", _grants),
    "drop grants": ("DELETE FROM grants", _grants),
    "unbind answers": ("UPDATE messages SET sources = '{}'", _unbound),
    "touch messages": ("UPDATE messages SET error_code = 'x'", _messages),
    "change collections": ("UPDATE collections SET description = 'x'", _collections),
    "clear everybody": ("UPDATE users SET clearance = 4", _clearance),
    "delete documents": ("DELETE FROM documents", _nothing),
    "delete versions": ("DELETE FROM document_versions", _nothing),
    "change pages": ("UPDATE version_pages SET text = 'x'", _nothing),
    "change words": ("UPDATE page_words SET words = '[]'", _nothing),
    "change passages": ("UPDATE chunks SET text = 'x'", _nothing),
    "delete stems": ("DELETE FROM postings", _nothing),
    "delete vectors": ("DELETE FROM chunk_vectors", _nothing),
    "change statistics": ("UPDATE term_stats SET chunks = 0", _nothing),
    "end all sessions": ("UPDATE sessions SET expires_at = now()", _nothing),
}
