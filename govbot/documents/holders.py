"""Who has access to a collection, or to a document, and by which way: for those who manage it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from govbot.db.access import Role
from govbot.db.pool import Connection
from govbot.documents.explain import Person
from govbot.documents.rights import system_rights
from govbot.documents.types import Level, Secrecy
from govbot.documents.verdict import Account, Holding, Rule, judge_grants

MOST = 500


@dataclass(frozen=True, slots=True)
class Holder:
    """A person whom grants reach there; `level` is None for who is shut out.

    `cleared`: their clearance reaches the document's secrecy.
    """

    person: Person
    level: Level | None
    rules: tuple[Rule, ...]
    cleared: bool


async def holders(
    conn: Connection,
    *,
    collection_key: int,
    document_key: int | None = None,
    secrecy: int = 0,
    text: str = "",
) -> list[Holder]:
    """The people whom grants reach, by name; at most MOST, those with `text` in their names.

    Administrators without a grant are left out: they manage everything. Call it only for who
    manages the collection, or the document.
    """
    async with system_rights(conn):
        cursor = await conn.execute(
            """
            WITH reached AS (
                SELECT g.user_id, '' AS via, g.level, g.effect, g.document_key
                FROM grants g
                WHERE g.user_id IS NOT NULL
                  AND (g.collection_key = %(collection)s OR g.document_key = %(document)s::integer)
                UNION ALL
                SELECT m.user_id, p.name, g.level, g.effect, g.document_key
                FROM grants g
                JOIN groups p ON p.id = g.group_id
                JOIN memberships m ON m.group_id = g.group_id
                WHERE g.collection_key = %(collection)s OR g.document_key = %(document)s::integer
            ),
            people AS (
                SELECT u.id, u.username, u.name, u.role, u.clearance,
                       u.disabled_at IS NOT NULL AS disabled
                FROM users u
                WHERE u.id IN (SELECT r.user_id FROM reached r)
                  AND (%(text)s = '' OR strpos(govbot_fold(u.username || ' ' || u.name),
                                               govbot_fold(%(text)s)) > 0)
                ORDER BY lower(u.name), u.id
                LIMIT %(most)s
            )
            SELECT u.id, u.username, u.name, u.role, u.clearance, u.disabled, r.via, r.level,
                   r.effect,
                   CASE WHEN r.document_key IS NULL THEN 'collection' ELSE 'document' END AS scope
            FROM people u
            JOIN reached r ON r.user_id = u.id
            ORDER BY lower(u.name), u.id, scope, r.effect, r.via
            """,
            {
                "collection": collection_key,
                "document": document_key,
                "text": text.strip(),
                "most": MOST,
            },
        )
        rows = await cursor.fetchall()
    return [_holder(person, holdings, secrecy) for person, holdings in _by_person(rows)]


def _by_person(rows: Iterable[dict[str, Any]]) -> list[tuple[Person, list[Holding]]]:
    found: dict[Any, tuple[Person, list[Holding]]] = {}
    for row in rows:
        person = Person(
            row["id"],
            row["username"],
            row["name"],
            Role(row["role"]),
            Secrecy(row["clearance"]),
            row["disabled"],
        )
        holding = Holding(row["scope"], row["effect"], Level(row["level"]), row["via"])
        found.setdefault(person.id, (person, []))[1].append(holding)
    return list(found.values())


def _holder(person: Person, holdings: list[Holding], secrecy: int) -> Holder:
    account: Account = person.account
    level, rules = judge_grants(account, holdings)
    cleared = person.clearance >= secrecy
    return Holder(person, level if cleared else None, rules, cleared)
