"""The real side of a history: the database beside the model, compared at every door."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from govbot.auth import groups
from govbot.db.access import Actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import collections, intake, store
from govbot.documents.content import Vectors, replace_chunks, store_reading
from govbot.documents.rights import acting
from govbot.errors import Conflict, Denied, GovBotError, NotFound
from govbot.ids import DocumentId, UserId, VersionId, new_id
from tests.access import doors
from tests.access.foretold import Outcome
from tests.access.model import LEVELS, Edition, Given, Model, Paper, Person, Shelf
from tests.ingestion import Parts

PEOPLE = {"ana": "admin", "bia": "curator", "caio": "user", "davi": "user", "eva": "auditor"}
GROUPS = ("juridico", "pessoal")
SHELVES = ("Leis", "Portarias", "Sindicâncias")

# What happened to documents, as a superuser sees it: no policy is in the way.
_FACTS = """
    SELECT d.id, d.key, d.collection_key, d.secrecy, d.status, d.trashed_at IS NOT NULL AS trashed,
           d.legal_hold <> '' AS held, coalesce(d.revoked_on > current_date, true) AS in_force,
           (SELECT c.version_id FROM chunks c WHERE c.document_key = d.key LIMIT 1) AS served,
           (SELECT count(*) FROM chunks c WHERE c.document_key = d.key) AS chunks,
           (SELECT json_agg(json_build_object(
                'id', v.id, 'number', v.number, 'author', v.created_by, 'review', v.review,
                'state', v.state, 'sha256', v.sha256,
                'pages', (SELECT count(*) FROM version_pages p WHERE p.version_id = v.id)))
            FROM document_versions v WHERE v.document_id = d.id) AS editions
    FROM documents d
"""
_EMPTY = """
    TRUNCATE users, groups, collections, documents, term_stats, embedding_models CASCADE
"""


@dataclass(frozen=True)
class _Page:
    number: int
    text: str


@dataclass(frozen=True)
class _Reading:
    pages: list[_Page]
    metadata: dict[str, str] = field(default_factory=dict)
    ocr_pages: tuple[int, ...] = ()
    unread_pages: tuple[int, ...] = ()
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Chunk:
    text: str
    end: int
    ord: int = 0
    page_from: int = 1
    page_to: int = 1
    heading: str = ""
    start: int = 0


@dataclass
class World:
    """Acts as people, and keeps the model beside the database; `facts` are a superuser's."""

    parts: Parts
    facts: Pool
    model: Model = field(default_factory=Model)
    groups: list[UUID] = field(default_factory=list)
    gone: list[Paper] = field(default_factory=list)
    grant_ids: dict[Given, UUID] = field(default_factory=dict)
    steps: int = 0
    compared: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    _vectors: int = 0

    @property
    def pool(self) -> Pool:
        return self.parts.pool

    async def begin(self) -> None:
        """An empty house with five people, two groups and three collections."""
        async with self.facts.connection() as conn:
            await conn.execute(_EMPTY)
        self.model, self.groups, self.gone, self.grant_ids = Model(), [], [], {}
        async with as_system(self.pool) as conn:
            for name, role in PEOPLE.items():
                person = Person(new_id(), name, role)
                self.model.people[person.id] = person
                await conn.execute(
                    "INSERT INTO users (id, username, name, role)"
                    " VALUES (%(id)s, %(name)s, %(name)s, %(role)s)",
                    {"id": person.id, "name": name, "role": role},
                )
            self.groups = [await groups.create_group(conn, name) for name in GROUPS]
            for name in SHELVES:
                await self._shelf(conn, name)
            row = await (
                await conn.execute(
                    "INSERT INTO embedding_models (name, fingerprint, dimension, state)"
                    " VALUES ('hash', %(f)s, 16, 'active') RETURNING id",
                    {"f": self.parts.embedder.fingerprint},
                )
            ).fetchone()
            assert row is not None
            self._vectors = row["id"]

    async def check(self, chosen: Person) -> None:
        """All tables as everybody, all doors of the program as `chosen`."""
        self.steps += 1
        await self.look()
        for person in self.model.people.values():
            self._equal(
                person,
                await doors.tables(self.pool, person),
                doors.expected_tables(self.model, person, self.grant_ids),
            )
        self._equal(
            chosen,
            await doors.asked(
                self.pool,
                self.parts.settings,
                self.parts.embedder,
                self.model,
                chosen,
                self.gone[-2:],
            ),
            doors.expected(self.model, chosen, self.gone[-2:]),
        )

    async def look(self) -> None:
        """Brings what happened to documents into the model; secrecy and grants must agree."""
        async with self.facts.connection() as conn:
            rows = await (await conn.execute(_FACTS)).fetchall()
            given = await (
                await conn.execute(
                    "SELECT id, collection_key, document_key, coalesce(user_id, group_id) AS whom,"
                    " level, effect FROM grants"
                )
            ).fetchall()
            shelves = await (
                await conn.execute("SELECT key, needs_review FROM collections")
            ).fetchall()
        papers = {row["key"]: _paper(row) for row in rows}
        for key in set(self.model.papers) - set(papers):
            self.gone.append(self.model.papers[key])
            self.model.grants = {g: level for g, level in self.model.grants.items()
                                 if (g.kind, g.key) != ("document", key)}  # fmt: skip
        for key, paper in papers.items():
            before = self.model.papers.get(key)
            assert paper.secrecy == (before.secrecy if before else 0)
        self.model.papers = papers
        for row in shelves:
            self.model.shelves[row["key"]].needs_review = row["needs_review"]
        self.grant_ids = {_given(row): row["id"] for row in given}
        assert {_given(row): LEVELS[row["level"]] for row in given} == self.model.grants

    def _equal(self, person: Person, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            self.compared += len(value) if isinstance(value, dict) else 1
            assert found[name] == value, (person.name, name, found[name], value)

    async def attempt(
        self,
        who: Person | None,
        expected: Outcome,
        act: Callable[[Connection, Actor | None], Awaitable[Any]],
    ) -> Any:
        """What the act returned (True for None), or None when it was refused as foretold."""
        outcome: Outcome = None
        done = None
        try:
            async with acting(self.pool, doors.actor_of(who) if who else None, write=True) as conn:
                done = await act(conn, doors.actor_of(who) if who else None)
        except GovBotError as error:
            outcome = next(kind for kind in (NotFound, Denied, Conflict, GovBotError)
                           if isinstance(error, kind))  # fmt: skip
        self.compared += 1
        self.outcomes[outcome.__name__ if outcome else "done"] += 1
        assert outcome is expected, (who and who.name, outcome, expected)
        return None if outcome else (True if done is None else done)

    async def _shelf(self, conn: Connection, name: str) -> None:
        shelf_id = await collections.create_collection(conn, None, name=name)
        made = await collections.get_collection(conn, shelf_id)
        question = f"O que dizem as {name}?"
        await conn.execute(
            "INSERT INTO suggested_questions (collection_key, ord, question)"
            " VALUES (%(key)s, 0, %(question)s)",
            {"key": made.key, "question": question},
        )
        self.model.shelves[made.key] = Shelf(shelf_id, made.key, name, question)

    async def version(
        self, conn: Connection, document_id: DocumentId, author: UserId | None, number: int
    ) -> VersionId:
        return await intake.add_version(
            conn,
            document_id,
            sha256=f"{number:064x}",
            size_bytes=1,
            mime="text/plain",
            created_by=author,
        )

    async def process(self, version_ids: list[VersionId]) -> None:
        """What the worker does with a version, without files and processes."""
        for version_id in version_ids:
            async with as_system(self.pool) as conn:
                version = await store.get_version(conn, version_id)
                text = f"Norma comum número {version.sha256.lstrip('0')}"
                reading = _Reading([_Page(1, text)])
                await conn.execute(
                    """
                    INSERT INTO page_words (version_id, document_key, collection_key, number,
                                            engine, words)
                    VALUES (%(id)s, %(document)s, %(collection)s, 1, 'x', '[]')
                    ON CONFLICT DO NOTHING
                    """,
                    {
                        "id": version.id,
                        "document": version.document_key,
                        "collection": version.collection_key,
                    },
                )
                title = f"Norma {version.sha256.lstrip('0')}"
                if version.review != "approved":
                    await store_reading(conn, version, title=title, reading=reading)
                    continue
                vector = await self.parts.embedder.embed_query(text)
                await replace_chunks(
                    conn,
                    version,
                    title=title,
                    reading=reading,
                    chunks=[_Chunk(text, len(text))],
                    vectors=Vectors(self._vectors, [HalfVector(vector)]),
                )


def _paper(row: dict[str, Any]) -> Paper:
    editions = [
        Edition(
            id=UUID(e["id"]),
            number=e["number"],
            author=UUID(e["author"]) if e["author"] else None,
            review=e["review"],
            state=e["state"],
            pages=e["pages"],
            sha256=e["sha256"],
        )
        for e in row["editions"]
    ]
    facts = {key: value for key, value in row.items() if key not in ("collection_key", "editions")}
    return Paper(**facts, shelf=row["collection_key"], editions=editions)


def _given(row: dict[str, Any]) -> Given:
    kind = "collection" if row["collection_key"] else "document"
    return Given(kind, row["collection_key"] or row["document_key"], row["whom"], row["effect"])
