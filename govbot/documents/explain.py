"""Why somebody may, or may not, read a document: rules and verdict, checked each time.

The rules come from rows (`verdict`), the decision from the database as the one asked about. Were
the two ever to differ, nothing is explained.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from govbot import audit
from govbot.db.access import OPERATOR, Actor, Role
from govbot.db.pool import Connection
from govbot.documents.rights import document_level, system_rights
from govbot.documents.store import get_document
from govbot.documents.types import LEVELS, Document, Level, Secrecy
from govbot.documents.verdict import Account, Holding, Standing, Verdict, judge
from govbot.errors import Denied, GovBotError, NotFound
from govbot.ids import CollectionId, DocumentId, UserId


class Contradiction(GovBotError):
    """The explanation does not fit what the database decides: nothing is shown. Report this."""

    code = "E-EXPLANATION"


@dataclass(frozen=True, slots=True)
class Person:
    """The one asked about."""

    id: UserId
    username: str
    name: str
    role: Role
    clearance: Secrecy
    disabled: bool

    @property
    def account(self) -> Account:
        """What the account itself says."""
        return Account(self.role, self.disabled, self.clearance)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person may do with a document, and why, on the day it was asked."""

    person: Person
    document_id: DocumentId
    document: str
    collection_id: CollectionId | None
    collection: str
    secrecy: Secrecy
    valid_from: date | None
    valid_to: date | None
    revoked_on: date | None
    verdict: Verdict


async def explain(
    conn: Connection, asker: Actor | None, user_id: UserId, document_id: DocumentId
) -> Explanation:
    """Why the account may, or may not, read the document; in the audit log afterwards.

    `conn` may write and acts as `asker` (None: the system). Administrators and the operator ask
    about everybody, who manages the document about everybody and that document, everybody about
    themselves. Raises NotFound for a document that the asker may not see or an account that is
    not there, Denied, or Contradiction.
    """
    document = await get_document(conn, document_id)
    if not await may_ask(conn, asker, user_id, document):
        raise Denied
    found = await explanation(conn, user_id, document)
    await audit.record(
        conn,
        actor=asker,
        action="access.explained",
        resource=f"document:{document_id}",
        details={
            "user": str(user_id),
            "level": found.verdict.level.value if found.verdict.level else "none",
        },
    )
    return found


async def may_ask(
    conn: Connection, asker: Actor | None, user_id: UserId, document: Document
) -> bool:
    """Whether the asker, who sees the document, may know why the account does or does not."""
    if asks_about_all(asker) or (asker is not None and asker.id == user_id):
        return True
    return await document_level(conn, document) is Level.MANAGE


def asks_about_all(asker: Actor | None) -> bool:
    """Whether the asker may ask about everybody, as far as they see the documents themselves."""
    return asker is None or asker is OPERATOR or asker.role is Role.ADMIN


async def explanation(conn: Connection, user_id: UserId, document: Document) -> Explanation:
    """The explanation for a document that the asker may see; what they may know is decided."""
    async with system_rights(conn):
        person = await person_of(conn, user_id)
        holdings = await holdings_of(
            conn, user_id, collection_key=document.collection_key, document_key=document.key
        )
        standing, day = await standing_of(conn, document)
    verdict = judge(person.account, standing, holdings, day)
    async with seen_by(conn, user_id):
        await _compare(conn, document, verdict)
    return Explanation(
        person,
        document.id,
        document.title or document.filename,
        document.collection_id,
        document.collection,
        document.secrecy,
        document.valid_from,
        document.valid_to,
        document.revoked_on,
        verdict,
    )


async def person_of(conn: Connection, user_id: UserId) -> Person:
    """The account. Raises NotFound."""
    cursor = await conn.execute(
        """
        SELECT u.id, u.username, u.name, u.role, u.clearance,
               u.disabled_at IS NOT NULL AS disabled
        FROM users u
        WHERE u.id = %(id)s
        """,
        {"id": user_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("There is no such account.")
    return Person(**{**row, "role": Role(row["role"]), "clearance": Secrecy(row["clearance"])})


async def holdings_of(
    conn: Connection, user_id: UserId, *, collection_key: int, document_key: int | None = None
) -> list[Holding]:
    """The grants and denials that reach the account there, those of the collection first.

    `conn` acts as the system.
    """
    cursor = await conn.execute(
        """
        SELECT CASE WHEN g.document_key IS NULL THEN 'collection' ELSE 'document' END AS scope,
               g.effect, g.level, coalesce(p.name, '') AS via
        FROM grants g
        LEFT JOIN groups p ON p.id = g.group_id
        WHERE (g.collection_key = %(collection)s OR g.document_key = %(document)s::integer)
          AND (g.user_id = %(user)s
               OR g.group_id IN (SELECT m.group_id FROM memberships m WHERE m.user_id = %(user)s))
        ORDER BY 1, g.effect, p.name NULLS FIRST
        """,
        {"collection": collection_key, "document": document_key, "user": user_id},
    )
    return [Holding(**{**row, "level": Level(row["level"])}) for row in await cursor.fetchall()]


async def standing_of(conn: Connection, document: Document) -> tuple[Standing, date]:
    """What the document says, as far as the asker saw it, and the database's day.

    `conn` acts as the system.
    """
    cursor = await conn.execute(
        """
        SELECT current_date AS day,
               EXISTS (SELECT FROM chunks c WHERE c.document_key = d.key) AS indexed
        FROM documents d
        WHERE d.key = %(key)s
        """,
        {"key": document.key},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    standing = Standing(
        secrecy=document.secrecy,
        status=document.status,
        trashed=document.trashed_at is not None,
        indexed=row["indexed"],
        served=document.served,
        newest=document.version.number,
        valid_from=document.valid_from,
        valid_to=document.valid_to,
        revoked_on=document.revoked_on,
    )
    return standing, row["day"]


@asynccontextmanager
async def seen_by(conn: Connection, user_id: UserId) -> AsyncIterator[None]:
    """The block sees what the account sees; afterwards the asker acts again.

    Only for questions whose answer is checked against the asker's own rights. When the block
    raises, the transaction is lost and the asker is not set back.
    """
    cursor = await conn.execute("SELECT current_setting('govbot.actor', true) AS actor")
    row = await cursor.fetchone()
    await conn.execute(
        "SELECT set_config('govbot.actor', %(actor)s, true)", {"actor": str(user_id)}
    )
    yield
    await conn.execute(
        "SELECT set_config('govbot.actor', %(actor)s, true)",
        {"actor": (row["actor"] if row else None) or ""},
    )


async def _compare(conn: Connection, document: Document, verdict: Verdict) -> None:
    """Asks the database as the person. Raises Contradiction when it says something else."""
    cursor = await conn.execute(
        """
        SELECT govbot_document_level(%(key)s, %(collection)s) AS level,
               EXISTS (SELECT FROM documents d WHERE d.key = %(key)s) AS readable,
               EXISTS (SELECT FROM chunks c WHERE c.document_key = %(key)s) AS found
        """,
        {"key": document.key, "collection": document.collection_key},
    )
    row = await cursor.fetchone()
    decided = (LEVELS.get(row["level"]), row["readable"], row["found"]) if row else None
    if decided != (verdict.level, verdict.readable, verdict.found):
        raise Contradiction
