"""Where documents name a person who asks about it: a citizen, most often, and no user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import LiteralString

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.errors import Invalid
from govbot.ids import DocumentId
from govbot.privacy import mask

MOST = 1000  # places that are listed
_BETWEEN = r"[^0-9A-Za-z]{0,4}"
_NAME = re.compile(r"[^\W\d_][\w'’ .-]*[\w.]")


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a version on which the value stands; `page` is None for names and descriptions."""

    document_id: DocumentId
    title: str
    collection: str
    version: int
    page: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value to look for: a number, an address of e-mail or a name, and how to recognise it."""

    kind: str
    pattern: str
    shown: str  # for the audit log: enough to tell requests apart, not to know the person


async def search(conn: Connection, value: str, *, by: Actor | None) -> list[Place]:
    """Pages, titles and descriptions within the actor's reach where the value stands.

    Numbers are found whatever punctuation they have, names whatever case and accents. Every stored
    version counts, the trash too. The search is written down without the value. At most MOST
    places. Raises Invalid for a value that is too short to tell one person.
    """
    wanted = wanted_of(value)
    await conn.execute("SELECT set_config('statement_timeout', '0', true)")
    cursor = await conn.execute(
        _BY_NAME if wanted.kind == "name" else _BY_VALUE,
        {"pattern": wanted.pattern, "limit": MOST},
    )
    places = [Place(**row) for row in await cursor.fetchall()]
    await audit.record(
        conn,
        actor=by,
        action="person.searched",
        details={"kind": wanted.kind, "value": wanted.shown, "places": len(places)},
    )
    return places


def wanted_of(value: str) -> Wanted:
    """What to look for. Raises Invalid for a value that would match half of the documents."""
    value = " ".join(value.split())
    characters = re.sub(r"[^0-9A-Za-z]", "", value)
    if "@" in value:
        return Wanted("email", _email(value), mask(value))
    if sum(character.isdigit() for character in characters) >= 7:
        shown = mask(value)
        hidden = shown if shown != value else _starred(value)
        return Wanted("number", _number(characters.upper()), hidden)
    if len(value.split()) >= 2 and _NAME.fullmatch(value):
        return Wanted("name", value, _starred(value))
    raise Invalid(
        "Give a number of seven digits or more, an e-mail address, or a name of two words.",
        code="E-SUBJECT",
    )


def _number(characters: str) -> str:
    return f"(^|[^0-9A-Za-z]){_BETWEEN.join(characters)}($|[^0-9A-Za-z])"


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", value):
        raise Invalid("This is no e-mail address.", code="E-SUBJECT")
    escaped = re.sub(r"([^\w@])", r"\\\1", value.lower())
    # Addresses are cut by the ends of lines.
    return r"\m" + escaped.replace("@", r"\s?@\s?").replace(r"\.", r"\.\s?") + r"\M"


def _starred(value: str) -> str:
    """The first character of each word, and stars."""
    return " ".join(word[0] + "*" * (len(word) - 1) for word in value.split())


# The texts of pages, and what people wrote about documents.
_BY_VALUE: LiteralString = """
    WITH found AS (
        SELECT p.version_id, p.number AS page FROM version_pages p WHERE p.text ~* %(pattern)s
        UNION ALL
        SELECT v.id, NULL
        FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE concat_ws(E'\n', d.filename, d.title, d.summary, v.metadata::text,
                        array_to_string(d.tags, ' ')) ~* %(pattern)s
    )
    SELECT d.id AS document_id, coalesce(nullif(d.title, ''), d.filename) AS title,
           coalesce(c.name, '') AS collection, v.number AS version, f.page
    FROM found f
    JOIN document_versions v ON v.id = f.version_id
    JOIN documents d ON d.id = v.document_id
    LEFT JOIN collections c ON c.key = d.collection_key
    WHERE d.conversation_id IS NULL
    ORDER BY 2, d.id, v.number DESC, f.page NULLS FIRST
    LIMIT %(limit)s
"""
_BY_NAME: LiteralString = r"""
    WITH wanted AS MATERIALIZED (
        SELECT '\m' || replace(
            regexp_replace(govbot_fold(%(pattern)s), '([^[:alnum:] ])', '\\\1', 'g'),
            ' ', '[[:space:]-]+') || '\M' AS pattern
    ), found AS (
        SELECT p.version_id, p.number AS page
        FROM version_pages p, wanted w WHERE govbot_fold(p.text) ~ w.pattern
        UNION ALL
        SELECT v.id, NULL
        FROM wanted w, document_versions v JOIN documents d ON d.id = v.document_id
        WHERE govbot_fold(concat_ws(E'\n', d.filename, d.title, d.summary, v.metadata::text,
                                    array_to_string(d.tags, ' '))) ~ w.pattern
    )
    SELECT d.id AS document_id, coalesce(nullif(d.title, ''), d.filename) AS title,
           coalesce(c.name, '') AS collection, v.number AS version, f.page
    FROM found f
    JOIN document_versions v ON v.id = f.version_id
    JOIN documents d ON d.id = v.document_id
    LEFT JOIN collections c ON c.key = d.collection_key
    WHERE d.conversation_id IS NULL
    ORDER BY 2, d.id, v.number DESC, f.page NULLS FIRST
    LIMIT %(limit)s
"""
