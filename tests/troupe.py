"""The cast of every permission test, and two collections with a secret in each.

`curator` manages collection A, `reader` reads A, `stranger` reads B only, `auditor` and `admin`
have their roles and no grants. Passwords are all `PASSWORD`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from govbot import audit
from govbot.auth import passwords
from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Connection, Pool
from govbot.ids import CollectionId, DocumentId, UserId, VersionId, new_id

PASSWORD = "cavalo bateria grampo correto"
SECRET_A = "O limite da colecao A e de mil e duzentas unidades por exercicio."
SECRET_B = "O codinome reservado e Guara Vermelho e vale sete milhoes."


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection with one ready document of one page and one chunk."""

    collection_id: CollectionId
    collection_key: int
    document_id: DocumentId
    document_key: int
    version_id: VersionId
    text: str


@dataclass(frozen=True, slots=True)
class Troupe:
    curator: Actor
    reader: Actor
    stranger: Actor
    auditor: Actor
    admin: Actor
    a: Shelf
    b: Shelf

    def __getitem__(self, name: str) -> Actor:
        actor = getattr(self, name)
        assert isinstance(actor, Actor)
        return actor


@pytest.fixture
async def troupe(pool: Pool) -> Troupe:
    """The people and the two collections, in the database of the test."""
    roles = {
        "curator": Role.CURATOR,
        "reader": Role.USER,
        "stranger": Role.USER,
        "auditor": Role.AUDITOR,
        "admin": Role.ADMIN,
    }
    async with as_system(pool) as conn:
        people = {name: await _person(conn, name, role) for name, role in roles.items()}
        a = await _shelf(conn, "Coleção A", "norma-a.txt", SECRET_A)
        b = await _shelf(conn, "Coleção B", "norma-b.txt", SECRET_B)
        await _grant(conn, people["curator"], a, "manage")
        await _grant(conn, people["reader"], a, "read")
        await _grant(conn, people["stranger"], b, "read")
    return Troupe(**people, a=a, b=b)


async def _person(conn: Connection, name: str, role: Role) -> Actor:
    user_id = UserId(new_id())
    await conn.execute(
        "INSERT INTO users (id, username, name, role, password_hash)"
        " VALUES (%(id)s, %(name)s, %(title)s, %(role)s, %(hash)s)",
        {
            "id": user_id,
            "name": name,
            "title": name.title(),
            "role": role.value,
            "hash": _password_hash(),
        },
    )
    await audit.record(conn, actor=None, action="user.created", resource=f"user:{user_id}")
    return Actor(user_id, name, role)


@cache
def _password_hash() -> str:
    return passwords.hash_password(PASSWORD)


async def _grant(conn: Connection, actor: Actor, shelf: Shelf, level: str) -> None:
    await conn.execute(
        "INSERT INTO grants (id, user_id, collection_key, level)"
        " VALUES (%(id)s, %(user)s, %(key)s, %(level)s)",
        {"id": new_id(), "user": actor.id, "key": shelf.collection_key, "level": level},
    )


async def _shelf(conn: Connection, name: str, filename: str, text: str) -> Shelf:
    ids = {"collection": new_id(), "document": new_id(), "version": new_id()}
    row = await _one(
        conn,
        "INSERT INTO collections (id, name) VALUES (%(collection)s, %(name)s) RETURNING key",
        {**ids, "name": name},
    )
    collection_key = row["key"]
    row = await _one(
        conn,
        """
        INSERT INTO documents (id, collection_key, path, filename, title, source)
        VALUES (%(document)s, %(key)s, %(file)s, %(file)s, %(title)s, 'upload') RETURNING key
        """,
        {**ids, "key": collection_key, "file": filename, "title": f"Norma {name}"},
    )
    values = {**ids, "key": collection_key, "doc": row["key"], "text": text, "end": len(text)}
    await conn.execute(
        """
        INSERT INTO document_versions (id, document_id, document_key, collection_key, number,
                                       sha256, size_bytes, mime, state, pages, chunks)
        VALUES (%(version)s, %(document)s, %(doc)s, %(key)s, 1, repeat('a', 64), 10,
                'text/plain', 'ready', 1, 1)
        """,
        values,
    )
    await conn.execute(
        "INSERT INTO version_pages (version_id, document_key, collection_key, number, text)"
        " VALUES (%(version)s, %(doc)s, %(key)s, 1, %(text)s)",
        values,
    )
    await conn.execute(
        """
        INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from, page_to,
                            heading, text, start_offset, end_offset, tsv, length)
        VALUES (%(version)s, %(doc)s, %(key)s, 0, 1, 1, '', %(text)s, 0, %(end)s,
                govbot_tsv(%(text)s), length(govbot_tsv(%(text)s)))
        """,
        values,
    )
    await conn.execute("SELECT govbot_index_version(%(version)s)", values)
    return Shelf(
        CollectionId(ids["collection"]),
        collection_key,
        DocumentId(ids["document"]),
        row["key"],
        VersionId(ids["version"]),
        text,
    )


async def _one(conn: Connection, query: str, params: dict[str, object]) -> dict[str, int]:
    cursor = await conn.execute(query.encode(), params)
    row = await cursor.fetchone()
    assert row is not None
    return row
