"""The life of a document: who decides about a version, when it is in force, what describes it.

Row-level security and the triggers of the schema hold whatever is done here; these functions say
no in words, and record what was done.
"""

from __future__ import annotations

from datetime import date
from typing import Final, LiteralString

from psycopg.errors import InsufficientPrivilege

from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.description import (
    bounded,
    describe,
    record_document,
    set_recognised,
    writable,
)
from govbot.documents.rights import MANAGED, account_of, require_manager
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.store import get_document, get_version
from govbot.documents.types import Document, Review, State, Status, Version
from govbot.errors import Conflict, Denied, Invalid
from govbot.ids import DocumentId, VersionId

__all__ = [
    "approve",
    "count_reviews",
    "describe",
    "reject",
    "reviews",
    "revoke",
    "revoked_by_link",
    "revokes",
    "set_legal_hold",
    "set_recognised",
    "set_validity",
    "submit",
    "unrevoke",
]

_REVIEW = "E-REVIEW"  # nothing is to be decided here

MAX_NOTE = 2000
MAX_REASON = 500
MAX_REVIEWS = 500

_AWAITING: Final[LiteralString] = f"""
    FROM document_listings d
    WHERE d.awaits AND d.trashed_at IS NULL AND {MANAGED}
"""


async def submit(conn: Connection, actor: Actor | None, version_id: VersionId) -> None:
    """Asks for a decision about a draft, or about a rejected version once more.

    Raises NotFound, Denied for who may not write, Conflict E-REVIEW when nothing is to be decided.
    """
    version, document = await _undecided(conn, version_id)
    if version.review == Review.IN_REVIEW:
        return
    if version.state in (State.FAILED, State.CANCELLED):
        raise Conflict("This version could not be read: there is nothing to review.", code=_REVIEW)
    await _set_review(conn, version, Review.IN_REVIEW, "")
    await record_document(conn, actor, "document.submitted", document, {"version": version.number})


async def approve(
    conn: Connection, actor: Actor | None, version_id: VersionId, note: str = ""
) -> bool:
    """Approves a version, which then takes the place of the one served.

    True when it has to be processed again, as its text was read but not indexed: the caller puts
    it in the queue in the same transaction (`ingest.review.approve` does). Raises NotFound, Denied
    for who does not manage the document and for the service, Denied E-OWN-REVIEW for who brought
    the version in, Conflict E-REVIEW when it is decided already, overtaken or unread.
    """
    version, document = await _undecided(conn, version_id)
    if version.review == Review.REJECTED:
        raise Conflict("This version was rejected: submit it for review again.", code=_REVIEW)
    if version.state in (State.FAILED, State.CANCELLED):
        raise Conflict("This version could not be read: there is nothing to review.", code=_REVIEW)
    await _require_decider(conn, actor, version)
    if actor is not None and version.created_by == actor.id:
        raise Denied("Who brought in a version does not approve it.", code="E-OWN-REVIEW")
    state = await _set_review(conn, version, Review.APPROVED, bounded(note, MAX_NOTE))
    details = {"version": version.number, "sha256": version.sha256, "note": note}
    await record_document(conn, actor, "document.approved", document, details)
    return state == State.QUEUED and version.state != State.QUEUED


async def reject(conn: Connection, actor: Actor | None, version_id: VersionId, note: str) -> None:
    """Sends a version back with a reason; what is served stays served.

    Raises NotFound, Denied for who does not manage the document, Invalid without a reason,
    Conflict E-REVIEW when it is decided already.
    """
    version, document = await _undecided(conn, version_id)
    if version.review == Review.REJECTED:
        raise Conflict("This version was rejected already.", code=_REVIEW)
    await _require_decider(conn, actor, version)
    if not (note := bounded(note, MAX_NOTE)):
        raise Invalid("Say why the version is rejected.", code="E-EMPTY")
    await _set_review(conn, version, Review.REJECTED, note)
    details = {"version": version.number, "note": note}
    await record_document(conn, actor, "document.rejected", document, details)


async def reviews(
    conn: Connection, *, limit: int, after: VersionId | None = None
) -> list[Document]:
    """Documents that the actor manages whose newest version waits for a decision.

    Those are versions that somebody submitted, and drafts that no person brought in (a folder, the
    command line). The longest waiting first; `after` is the version of the last one of the page
    before. What the actor brought in is there too, for others to decide.
    """
    cursor = await conn.execute(
        f"""
        WITH awaiting AS MATERIALIZED (
            SELECT d.id {_AWAITING}
              AND (%(after)s::uuid IS NULL OR d.newest_id > %(after)s::uuid)
            ORDER BY d.newest_id
            LIMIT %(limit)s
        )
        {DOCUMENT} WHERE d.id IN (SELECT a.id FROM awaiting a) ORDER BY v.id
        """,  # noqa: S608 - constants
        {"after": after, "limit": min(limit, MAX_REVIEWS)},
    )
    return [document_of(row) for row in await cursor.fetchall()]


async def count_reviews(conn: Connection) -> int:
    """How many documents `reviews` would list without a limit."""
    cursor = await conn.execute(f"SELECT count(*) AS n {_AWAITING}")
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def revoke(
    conn: Connection,
    actor: Actor | None,
    document_id: DocumentId,
    *,
    on: date,
    by: DocumentId | None = None,
    note: str = "",
) -> None:
    """The document is not in force from the day `on` on; `by` is the one that revoked it.

    Its text stays and can be read, and found by asking for an earlier day. Raises NotFound (for
    `by` too), Denied for who may not write, Conflict E-REVIEW when no version was approved yet,
    Invalid E-REVOKED-BY when it would revoke itself.
    """
    document = await writable(conn, document_id)
    if document.status not in (Status.PUBLISHED, Status.REVOKED):
        raise Conflict("Only a published document can be revoked.", code=_REVIEW)
    if by == document_id:
        raise Invalid("A document cannot revoke itself.", code="E-REVOKED-BY")
    successor = await get_document(conn, by) if by is not None else None
    await conn.execute(
        """
        UPDATE documents SET revoked_on = %(on)s, revoked_by = %(by)s
        WHERE id = %(id)s
        """,
        {"id": document_id, "on": on, "by": successor.key if successor else None},
    )
    details = {"on": on.isoformat(), "by": str(by) if by else None, "note": note}
    await record_document(conn, actor, "document.revoked", document, details)


async def unrevoke(conn: Connection, actor: Actor | None, document_id: DocumentId) -> None:
    """Takes a revocation back. Raises NotFound, Denied; nothing happens without a revocation."""
    document = await writable(conn, document_id)
    if document.revoked_on is None:
        return
    await conn.execute(
        "UPDATE documents SET revoked_on = NULL, revoked_by = NULL WHERE id = %(id)s",
        {"id": document_id},
    )
    details = {"on": document.revoked_on.isoformat()}
    await record_document(conn, actor, "document.unrevoked", document, details)


async def revoked_by_link(conn: Connection, document: Document) -> Document | None:
    """The document that revoked this one, if there is one and the actor may see it."""
    if document.revoked_by is None:
        return None
    cursor = await conn.execute(DOCUMENT + " WHERE d.key = %(key)s", {"key": document.revoked_by})
    row = await cursor.fetchone()
    return document_of(row) if row else None


async def revokes(conn: Connection, document: Document) -> list[Document]:
    """The documents that this one revoked and that the actor may see, the latest first."""
    cursor = await conn.execute(
        DOCUMENT
        + """
        WHERE d.revoked_by = %(key)s AND d.trashed_at IS NULL
        ORDER BY d.revoked_on DESC, d.id
        LIMIT 100
        """,
        {"key": document.key},
    )
    return [document_of(row) for row in await cursor.fetchall()]


async def set_validity(
    conn: Connection,
    actor: Actor | None,
    document_id: DocumentId,
    *,
    valid_from: date | None,
    valid_to: date | None,
) -> None:
    """In force from `valid_from` to `valid_to`, both days included; None: no limit.

    Raises NotFound, Denied for who may not write, Invalid E-VALIDITY when the end comes first.
    """
    document = await writable(conn, document_id)
    if valid_from and valid_to and valid_to < valid_from:
        raise Invalid("The last day in force is before the first.", code="E-VALIDITY")
    await conn.execute(
        """
        UPDATE documents SET valid_from = %(valid_from)s, valid_to = %(valid_to)s
        WHERE id = %(id)s
        """,
        {"id": document_id, "valid_from": valid_from, "valid_to": valid_to},
    )
    details = {"from": _iso(valid_from), "to": _iso(valid_to)}
    await record_document(conn, actor, "document.validity", document, details)


async def set_legal_hold(
    conn: Connection, actor: Actor | None, document_id: DocumentId, reason: str
) -> None:
    """Nobody can put the document in the trash or delete it while there is a reason; "" lifts it.

    Raises NotFound, Denied for who does not manage the document, Invalid E-LONG.
    """
    document = await get_document(conn, document_id)
    await require_manager(conn, document)
    reason = bounded(reason, MAX_REASON)
    await conn.execute(
        "UPDATE documents SET legal_hold = %(reason)s WHERE id = %(id)s",
        {"id": document_id, "reason": reason},
    )
    details = {"before": document.legal_hold, "reason": reason}
    action = "document.held" if reason else "document.released"
    await record_document(conn, actor, action, document, details)


async def _undecided(conn: Connection, version_id: VersionId) -> tuple[Version, Document]:
    """The version and its document, both locked: of two decisions the second sees the first.

    The document first, as the worker does, so that they cannot wait for each other.
    """
    document = await writable(conn, (await get_version(conn, version_id)).document_id)
    await conn.execute(
        "SELECT id FROM document_versions WHERE id = %(id)s FOR UPDATE", {"id": version_id}
    )
    version = await get_version(conn, version_id)
    if document.trashed_at is not None:
        raise Conflict("The document is in the trash.", code=_REVIEW)
    if version.review == Review.APPROVED:
        raise Conflict("This version is approved already.", code=_REVIEW)
    if version.state == State.SUPERSEDED:
        raise Conflict("A newer version took the place of this one.", code=_REVIEW)
    return version, document


async def _require_decider(conn: Connection, actor: Actor | None, version: Version) -> None:
    if account_of(actor) is None:
        raise Denied("A version is approved or rejected by a person with an account.")
    await require_manager(conn, version)


async def _set_review(conn: Connection, version: Version, review: Review, note: str) -> State:
    """Moves a version on; what was read before its approval is queued, to be indexed now.

    One statement: the worker may finish reading it at the same moment.
    """
    try:
        cursor = await conn.execute(
            """
            UPDATE document_versions
            SET review = %(review)s, review_note = %(note)s,
                state = CASE WHEN %(approved)s AND state = 'ready' THEN 'queued' ELSE state END,
                attempts = CASE WHEN %(approved)s THEN 0 ELSE attempts END
            WHERE id = %(id)s
            RETURNING state
            """,
            {
                "id": version.id,
                "review": review,
                "note": note,
                "approved": review == Review.APPROVED,
            },
        )
    except InsufficientPrivilege as error:
        raise Denied from error
    row = await cursor.fetchone()
    if row is None:
        raise Denied
    return State(row["state"])


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
