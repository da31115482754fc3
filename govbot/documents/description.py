"""What describes a document: title, kind, number and date of a norm, as recognised or as edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Protocol

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.store import get_document
from govbot.documents.types import Document
from govbot.errors import Denied, Invalid
from govbot.ids import DocumentId

MAX_TITLE = 300
MAX_KIND = 60
MAX_NUMBER = 40
MAX_ISSUER = 200
MAX_SUMMARY = 2000
MAX_TAGS = 20
MAX_TAG = 60
YEARS = (1500, 2500)


class Described(Protocol):
    """What the text says about the norm that it is."""

    @property
    def kind(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def year(self) -> int | None: ...
    @property
    def signed_on(self) -> date | None: ...
    @property
    def issuer(self) -> str: ...
    @property
    def summary(self) -> str: ...


async def describe(
    conn: Connection, actor: Actor | None, document_id: DocumentId, changes: Mapping[str, Any]
) -> None:
    """Sets fields by a person's word; reading the document again leaves them alone from then on.

    The fields are title, kind, number, issuer, summary (texts), year (int or None), signed_on (date
    or None) and tags (texts). Fields that stay the same are not taken as edited. Raises NotFound,
    Denied for who may not write, Invalid for an unknown field, E-EMPTY for an empty title, E-LONG,
    E-YEAR for a year that is none.
    """
    document = await writable(conn, document_id)
    unknown = set(changes) - set(_CHECKS)
    if unknown:
        raise Invalid("There is no field %(field)s.", field=min(unknown))
    before = _fields(document)
    checked = {name: _CHECKS[name](value) for name, value in changes.items()}
    changed = {name: value for name, value in checked.items() if value != before[name]}
    if not changed:
        return
    await conn.execute(
        """
        UPDATE documents d
        SET title = n.title, kind = n.kind, number = n.number, year = n.year,
            signed_on = n.signed_on, issuer = n.issuer, summary = n.summary, tags = n.tags,
            edited = ARRAY(SELECT DISTINCT e FROM unnest(d.edited || %(changed)s::text[]) AS e
                           ORDER BY e)
        FROM (SELECT %(title)s::text AS title, %(kind)s::text AS kind, %(number)s::text AS number,
                     %(year)s::int AS year, %(signed_on)s::date AS signed_on,
                     %(issuer)s::text AS issuer, %(summary)s::text AS summary,
                     %(tags)s::text[] AS tags) n
        WHERE d.id = %(id)s
        """,
        {**before, **changed, "id": document_id, "changed": sorted(changed)},
    )
    await record_document(conn, actor, "document.described", document, {"fields": sorted(changed)})


async def set_recognised(conn: Connection, document_id: DocumentId, norm: Described) -> None:
    """Stores what was recognised in the text, as the system; fields that a person set stay.

    Nothing is stored while the newest version waits for approval beside a published one: readers
    would see the description of a text that nobody approved.
    """
    year = norm.year if norm.year and YEARS[0] <= norm.year <= YEARS[1] else None
    await conn.execute(
        """
        UPDATE documents d
        SET kind = CASE WHEN 'kind' = ANY (d.edited) THEN d.kind ELSE %(kind)s END,
            number = CASE WHEN 'number' = ANY (d.edited) THEN d.number ELSE %(number)s END,
            year = CASE WHEN 'year' = ANY (d.edited) THEN d.year ELSE %(year)s END,
            signed_on = CASE WHEN 'signed_on' = ANY (d.edited) THEN d.signed_on
                             ELSE %(signed_on)s END,
            issuer = CASE WHEN 'issuer' = ANY (d.edited) THEN d.issuer ELSE %(issuer)s END,
            summary = CASE WHEN 'summary' = ANY (d.edited) THEN d.summary ELSE %(summary)s END
        WHERE d.id = %(id)s
          AND (d.status IN ('draft', 'in_review')
               OR (SELECT v.review = 'approved' FROM document_versions v
                   WHERE v.document_id = d.id ORDER BY v.number DESC LIMIT 1))
        """,
        {
            "id": document_id,
            "kind": _cut(norm.kind, MAX_KIND),
            "number": _cut(norm.number, MAX_NUMBER),
            "year": year,
            "signed_on": norm.signed_on,
            "issuer": _cut(norm.issuer, MAX_ISSUER),
            "summary": _cut(norm.summary, MAX_SUMMARY),
        },
    )


async def writable(conn: Connection, document_id: DocumentId) -> Document:
    """The document, locked. Raises NotFound when it cannot be seen, Denied when only read."""
    await get_document(conn, document_id)
    cursor = await conn.execute(
        "SELECT id FROM documents WHERE id = %(id)s FOR UPDATE", {"id": document_id}
    )
    if await cursor.fetchone() is None:
        raise Denied
    return await get_document(conn, document_id)


async def record_document(
    conn: Connection,
    actor: Actor | None,
    action: str,
    document: Document,
    details: Mapping[str, Any],
) -> None:
    """An audit entry about a document, with its file name and collection."""
    await audit.record(
        conn,
        actor=actor,
        action=action,
        resource=str(document.id),
        details={"filename": document.filename, "collection": document.collection, **details},
    )


def bounded(text: str, limit: int) -> str:
    """Text that PostgreSQL takes, without surrounding space. Raises Invalid E-LONG."""
    text = text.replace("\0", " ").strip()
    if len(text) > limit:
        raise Invalid(
            "The text is longer than %(maximum)d characters.", code="E-LONG", maximum=limit
        )
    return text


def _fields(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "kind": document.kind,
        "number": document.norm_number,
        "year": document.year,
        "signed_on": document.signed_on,
        "issuer": document.issuer,
        "summary": document.summary,
        "tags": document.tags,
    }


def _text(limit: int) -> Callable[[Any], str]:
    return lambda value: bounded(" ".join(str(value or "").split()), limit)


def _title(value: Any) -> str:
    if not (title := _text(MAX_TITLE)(value)):
        raise Invalid("A document needs a title.", code="E-EMPTY")
    return title


def _summary(value: Any) -> str:
    return bounded(str(value or ""), MAX_SUMMARY)


def _year(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not YEARS[0] <= value <= YEARS[1]:
        raise Invalid("This is not a year.", code="E-YEAR")
    return value


def _day(value: Any) -> date | None:
    if value is not None and not isinstance(value, date):
        raise Invalid("This is not a date.", code="E-DATE")
    return value


def _tags(value: Any) -> list[str]:
    tags = [_text(MAX_TAG)(tag) for tag in value]
    tags = list(dict.fromkeys(tag for tag in tags if tag))
    if len(tags) > MAX_TAGS:
        raise Invalid("A document has at most %(most)d tags.", code="E-LONG", most=MAX_TAGS)
    return tags


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "title": _title,
    "kind": _text(MAX_KIND),
    "number": _text(MAX_NUMBER),
    "year": _year,
    "signed_on": _day,
    "issuer": _text(MAX_ISSUER),
    "summary": _summary,
    "tags": _tags,
}


def _cut(text: str, limit: int) -> str:
    return text.replace("\0", " ")[:limit]
