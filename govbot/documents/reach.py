"""What one person can see: collections with the rule that gives each, documents with rules of
their own, and how many documents no question finds.
"""

from __future__ import annotations

from dataclasses import dataclass

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.explain import (
    Contradiction,
    Explanation,
    Person,
    asks_about_all,
    explanation,
    holdings_of,
    person_of,
    seen_by,
)
from govbot.documents.rights import system_rights
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.secrecy import clearance_of_actor
from govbot.documents.types import LEVELS, Document, Level
from govbot.documents.verdict import Rule, judge_grants
from govbot.errors import Denied
from govbot.ids import CollectionId, UserId

MOST = 200


@dataclass(frozen=True, slots=True)
class Counts:
    """Documents of a collection that the asker sees: all, what the person reads, what they find.

    `drafts`, `trashed` and `ended` (not in force today) are found by nobody.
    """

    documents: int = 0
    readable: int = 0
    found: int = 0
    drafts: int = 0
    trashed: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection as the person has it; `level` is None where a denial shuts them out."""

    id: CollectionId
    name: str
    level: Level | None
    rules: tuple[Rule, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Reach:
    """What a person can see. `documents`: those that the collections alone do not explain.

    `more`: there are more of them than MOST.
    """

    person: Person
    collections: tuple[Shelf, ...]
    documents: tuple[Explanation, ...]
    more: bool


async def reach(conn: Connection, asker: Actor | None, user_id: UserId) -> Reach:
    """What the account can see, as far as the asker sees it too; in the audit log afterwards.

    `conn` may write and acts as `asker` (None: the system). Raises Denied unless it is an
    administrator, the operator or the person, NotFound for an account that is not there, or
    Contradiction.
    """
    own = asker is not None and asker.id == user_id
    if not (own or asks_about_all(asker)):
        raise Denied
    async with system_rights(conn):
        person = await person_of(conn, user_id)
    limit = await clearance_of_actor(conn)
    shelves = await _collections(conn, person, limit, own=own)
    found = await _special(conn, person)
    explained = [await explanation(conn, user_id, document) for document in found[:MOST]]
    documents = tuple(each for each in explained if each.verdict.readable or not own)
    await audit.record(
        conn,
        actor=asker,
        action="access.listed",
        resource=f"user:{user_id}",
        details={"collections": len(shelves), "documents": len(documents)},
    )
    return Reach(person, tuple(shelves), documents, len(found) > MOST)


async def _collections(conn: Connection, person: Person, limit: int, *, own: bool) -> list[Shelf]:
    cursor = await conn.execute(
        "SELECT c.id, c.key, c.name FROM collections c ORDER BY lower(c.name)"
    )
    rows = await cursor.fetchall()
    seen = await _count_all(conn)
    async with seen_by(conn, person.id):
        decided = await _levels(conn)
        reached = await _count_reached(conn, limit)
    shelves = []
    for row in rows:
        key = row["key"]
        async with system_rights(conn):
            holdings = await holdings_of(conn, person.id, collection_key=key)
        level, rules = judge_grants(person.account, holdings)
        if level is not decided.get(key):
            raise Contradiction
        readable, found = reached.get(key, (0, 0))
        if level is None and not readable and (own or not holdings):
            continue
        counted = seen.get(key, {})
        counts = Counts(readable=readable, found=found, **counted)
        shelves.append(Shelf(row["id"], row["name"], level, rules, counts))
    return shelves


async def _levels(conn: Connection) -> dict[int, Level | None]:
    cursor = await conn.execute("SELECT l.key, l.level FROM govbot_collection_levels() l")
    return {row["key"]: LEVELS.get(row["level"]) for row in await cursor.fetchall()}


async def _count_all(conn: Connection) -> dict[int, dict[str, int]]:
    """By key of the collection, what the asker sees."""
    cursor = await conn.execute(
        """
        SELECT d.collection_key, count(*) FILTER (WHERE d.trashed_at IS NULL) AS documents,
               count(*) FILTER (WHERE d.trashed_at IS NOT NULL) AS trashed,
               count(*) FILTER (WHERE d.trashed_at IS NULL
                                  AND d.status NOT IN ('published', 'revoked')) AS drafts,
               count(*) FILTER (
                   WHERE d.trashed_at IS NULL AND d.status IN ('published', 'revoked')
                     AND NOT govbot_in_force(d.valid_from, d.valid_to, d.revoked_on, current_date)
               ) AS ended
        FROM documents d
        GROUP BY d.collection_key
        """
    )
    return {row.pop("collection_key"): dict(row) for row in await cursor.fetchall()}


async def _count_reached(conn: Connection, limit: int) -> dict[int, tuple[int, int]]:
    """By key of the collection, how many documents the actor of the transaction reads and finds.

    Those above the secrecy `limit` do not count.
    """
    cursor = await conn.execute(
        """
        SELECT d.collection_key, count(*) AS readable,
               count(*) FILTER (
                   WHERE EXISTS (SELECT FROM chunks c WHERE c.document_key = d.key)
               ) AS found
        FROM documents d
        WHERE d.trashed_at IS NULL AND d.secrecy <= %(limit)s
        GROUP BY d.collection_key
        """,
        {"limit": limit},
    )
    return {
        row["collection_key"]: (row["readable"], row["found"]) for row in await cursor.fetchall()
    }


async def _special(conn: Connection, person: Person) -> list[Document]:
    """Documents that the asker sees with a grant or denial of their own that reaches the person,
    or above the person's clearance; at most one more than MOST.
    """
    async with system_rights(conn):
        cursor = await conn.execute(
            """
            SELECT g.document_key AS key
            FROM grants g
            WHERE g.document_key IS NOT NULL
              AND (g.user_id = %(user)s OR g.group_id IN (
                       SELECT m.group_id FROM memberships m WHERE m.user_id = %(user)s))
            """,
            {"user": person.id},
        )
        keys = [row["key"] for row in await cursor.fetchall()]
    async with seen_by(conn, person.id):
        cursor = await conn.execute("SELECT r.key FROM govbot_readable_collections() r (key)")
        shelves = [row["key"] for row in await cursor.fetchall()]
    cursor = await conn.execute(
        DOCUMENT
        + """
        WHERE d.key = ANY(%(keys)s::integer[])
           OR (d.secrecy > %(clearance)s AND d.collection_key = ANY(%(shelves)s::integer[]))
        ORDER BY lower(coalesce(nullif(d.title, ''), d.filename)), d.key
        LIMIT %(most)s
        """,
        {"keys": keys, "shelves": shelves, "clearance": person.clearance, "most": MOST + 1},
    )
    return [document_of(row) for row in await cursor.fetchall()]
