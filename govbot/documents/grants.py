"""Grants: who may read, write and manage a collection or a single document, and who may not."""

from __future__ import annotations

from typing import Any

from psycopg.errors import ForeignKeyViolation

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.collections import get_collection
from govbot.documents.rights import manages, require_manager
from govbot.documents.store import get_document
from govbot.documents.types import Collection, Document, Effect, Grant, Level, Principal, Target
from govbot.errors import Denied, NotFound
from govbot.ids import CollectionId, DocumentId, new_id


async def list_grants(conn: Connection, target: Target) -> list[Grant]:
    """The grants on what the actor manages, groups first; empty for others.

    For a document its own alone: those on its collection hold for it too.
    """
    cursor = await conn.execute(
        """
        SELECT g.id, g.user_id, g.group_id, coalesce(u.name, p.name) AS name, g.level, g.effect,
               g.created_at
        FROM grants g
        LEFT JOIN collections c ON c.key = g.collection_key
        LEFT JOIN documents d ON d.key = g.document_key
        LEFT JOIN users u ON u.id = g.user_id
        LEFT JOIN groups p ON p.id = g.group_id
        WHERE CASE WHEN %(kind)s = 'document' THEN d.id ELSE c.id END = %(id)s
        ORDER BY g.group_id IS NULL, lower(coalesce(u.name, p.name)), g.effect
        """,
        {"kind": target.kind, "id": target.id},
    )
    return [_grant(row) for row in await cursor.fetchall()]


async def set_grant(
    conn: Connection,
    actor: Actor | None,
    target: Target,
    principal: Principal,
    level: Level,
    *,
    effect: Effect = "allow",
) -> None:
    """Gives (or, with "deny", takes) a level; replaces the one that was there.

    Raises NotFound for a target or principal that is not there, Denied when the actor does not
    manage the target.
    """
    subject = await _managed(conn, target)
    before = await _level_before(conn, subject, principal, effect)
    try:
        await conn.execute(
            """
            INSERT INTO grants (id, user_id, group_id, collection_key, document_key, level, effect)
            VALUES (%(id)s, %(user_id)s, %(group_id)s, %(collection_key)s, %(document_key)s,
                    %(level)s, %(effect)s)
            ON CONFLICT (user_id, group_id, collection_key, document_key, effect)
            DO UPDATE SET level = excluded.level
            """,
            _key(subject, principal, effect) | {"id": new_id(), "level": level},
        )
    except ForeignKeyViolation as error:
        raise NotFound("There is no such user or group.") from error
    await _record_change(conn, actor, subject, principal, effect, before, level)


async def remove_grant(
    conn: Connection,
    actor: Actor | None,
    target: Target,
    principal: Principal,
    *,
    effect: Effect = "allow",
) -> None:
    """Takes a grant away. Raises NotFound when there is none, Denied for who does not manage."""
    subject = await _managed(conn, target)
    before = await _level_before(conn, subject, principal, effect)
    if before is None:
        raise NotFound("There is no such grant.")
    await conn.execute(
        """
        DELETE FROM grants
        WHERE collection_key IS NOT DISTINCT FROM %(collection_key)s::integer
          AND document_key IS NOT DISTINCT FROM %(document_key)s::integer
          AND effect = %(effect)s
          AND user_id IS NOT DISTINCT FROM %(user_id)s::uuid
          AND group_id IS NOT DISTINCT FROM %(group_id)s::uuid
        """,
        _key(subject, principal, effect),
    )
    await _record_change(conn, actor, subject, principal, effect, before, None)


async def _managed(conn: Connection, target: Target) -> Collection | Document:
    """What the grant is on. Raises NotFound, or Denied for who does not manage it."""
    if target.kind == "document":
        document = await get_document(conn, DocumentId(target.id))
        await require_manager(conn, document)
        return document
    collection = await get_collection(conn, CollectionId(target.id))
    if not await manages(conn, collection.key):
        raise Denied
    return collection


async def _level_before(
    conn: Connection, subject: Collection | Document, principal: Principal, effect: Effect
) -> str | None:
    cursor = await conn.execute(
        """
        SELECT level FROM grants
        WHERE collection_key IS NOT DISTINCT FROM %(collection_key)s::integer
          AND document_key IS NOT DISTINCT FROM %(document_key)s::integer
          AND effect = %(effect)s
          AND user_id IS NOT DISTINCT FROM %(user_id)s::uuid
          AND group_id IS NOT DISTINCT FROM %(group_id)s::uuid
        """,
        _key(subject, principal, effect),
    )
    row = await cursor.fetchone()
    return str(row["level"]) if row else None


async def _record_change(
    conn: Connection,
    actor: Actor | None,
    subject: Collection | Document,
    principal: Principal,
    effect: Effect,
    before: str | None,
    after: str | None,
) -> None:
    if isinstance(subject, Document):
        named = {
            "filename": subject.filename,
            "title": subject.title,
            "version": subject.version.number,
            "collection": subject.collection,
        }
    else:
        named = {"collection": subject.name}
    await audit.record(
        conn,
        actor=actor,
        action="grant.changed",
        resource=str(subject.id),
        details={
            **named,
            principal.kind: str(principal.id),
            "effect": effect,
            "before": before,
            "after": after,
        },
    )


def _key(subject: Collection | Document, principal: Principal, effect: Effect) -> dict[str, Any]:
    single = isinstance(subject, Document)
    return {
        "collection_key": None if single else subject.key,
        "document_key": subject.key if single else None,
        "user_id": principal.id if principal.kind == "user" else None,
        "group_id": principal.id if principal.kind == "group" else None,
        "effect": effect,
    }


def _grant(row: dict[str, Any]) -> Grant:
    user = row["user_id"]
    return Grant(
        id=row["id"],
        principal=Principal("user", user) if user else Principal("group", row["group_id"]),
        name=row["name"],
        level=Level(row["level"]),
        effect=row["effect"],
        created_at=row["created_at"],
    )
