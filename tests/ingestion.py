"""Fixtures of the ingestion: parts of an App with a small deterministic embedder, and a cast."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from psycopg import sql

from govbot.chat.arrangement import Arrangement
from govbot.config import Settings, load_settings
from govbot.db.access import Actor, Role, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool, open_pool
from govbot.documents import collections, grants, store
from govbot.documents.files import FileStore
from govbot.documents.types import Document, Level, Principal, Target
from govbot.ids import CollectionId, UserId, new_id
from govbot.ingest.receive import Received, receive
from govbot.jobs.queue import Queue, open_queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.prepared import Prepared


class HashEmbedder:
    """Vectors from the hashes of words: near for texts that share words, the same everywhere."""

    max_tokens = 256
    weight = 0.5

    def __init__(self, name: str = "hash", dimension: int = 16):
        self.name = name
        self.dimension = dimension
        self.fingerprint = f"{name}-{dimension}"
        self.failure: Exception | None = None
        self.embedded = 0

    async def embed_query(self, text: str) -> list[float]:
        return self._vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        if self.failure is not None:
            raise self.failure
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def passage_tokens(self) -> int:
        return self.max_tokens

    async def aclose(self) -> None:
        pass

    def _vector(self, text: str) -> list[float]:
        counts = [0.0] * self.dimension
        for word in text.lower().split():
            counts[hashlib.md5(word.encode()).digest()[0] % self.dimension] += 1.0
        length = math.sqrt(sum(c * c for c in counts)) or 1.0
        return [c / length for c in counts]


@dataclass
class Parts:
    """What receiving and processing need of an App."""

    settings: Settings
    pool: Pool
    files: FileStore
    queue: Queue
    embedder: HashEmbedder
    reranker: None = None
    entailment: None = None
    arrangement: Arrangement = field(default_factory=Arrangement)

    def with_settings(self, settings: Settings) -> Parts:
        return replace(self, settings=settings)

    async def work(self, *, concurrency: int = 1) -> None:
        """Works off the queue until nothing is left to do now."""
        worker = Worker(self.queue, tasks(self), concurrency=concurrency)  # type: ignore[arg-type]
        await worker.run_until_empty()


@dataclass(frozen=True)
class Cast:
    """Who can do what: the curator manages A, the writer and the reader may write and read it."""

    admin: Actor
    curator: Actor
    writer: Actor
    reader: Actor
    stranger: Actor
    a: CollectionId
    b: CollectionId


@pytest.fixture
async def queue(dsns: Dsns) -> AsyncIterator[Queue]:
    """The job queue of the test's database."""
    async with open_queue(dsns.app) as opened:
        yield opened


@pytest.fixture
async def parts(pool: Pool, queue: Queue, tmp_path: Path, prepared: Prepared | None) -> Parts:
    """The parts of an application over the test's database and a folder of its own."""
    data = tmp_path / "data"
    if prepared is not None:
        shutil.copytree(prepared.data, data)
    return _parts(pool, queue, data)


@asynccontextmanager
async def open_parts(dsns: Dsns, data: Path) -> AsyncIterator[Parts]:
    """The parts over any database and folder, for recipes of scenes."""
    pool = await open_pool(dsns.app, size=5, name="test-scene")
    try:
        async with open_queue(dsns.app) as opened:
            yield _parts(pool, opened, data)
    finally:
        await pool.close()


def _parts(pool: Pool, queue: Queue, data: Path) -> Parts:
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(data)})
    files = FileStore(settings.data_dir / "files")
    files.prepare()
    return Parts(settings, pool, files, queue, HashEmbedder())


@pytest.fixture
async def cast(pool: Pool, prepared: Prepared | None) -> Cast:
    """Five people and two collections; the stranger reads only B."""
    if prepared is not None:
        found = prepared.scene.cast
        assert isinstance(found, Cast)
        return found
    return await add_cast(pool)


async def add_cast(pool: Pool) -> Cast:
    """The people and collections of `cast`, for recipes of scenes."""
    async with as_system(pool) as conn:
        people = {
            name: await add_person(conn, name, role)
            for name, role in {
                "admin": Role.ADMIN,
                "curator": Role.CURATOR,
                "writer": Role.USER,
                "reader": Role.USER,
                "stranger": Role.USER,
            }.items()
        }
        a = await collections.create_collection(conn, None, name="A")
        b = await collections.create_collection(conn, None, name="B")
        for collection, name, level in (
            (a, "curator", Level.MANAGE),
            (a, "writer", Level.WRITE),
            (a, "reader", Level.READ),
            (b, "stranger", Level.READ),
        ):
            principal = Principal.user(people[name].id)
            await grants.set_grant(conn, None, Target.collection(collection), principal, level)
    return Cast(**people, a=a, b=b)


@pytest.fixture
async def reviewed(pool: Pool, cast: Cast) -> Cast:
    """The cast, with review by a second person in collection A."""
    async with as_system(pool) as conn:
        await collections.set_review(conn, None, cast.a, True)
    return cast


async def add_person(conn: Connection, name: str, role: Role) -> Actor:
    """An account that cannot sign in, as an actor."""
    user_id = UserId(new_id())
    await conn.execute(
        "INSERT INTO users (id, username, name, role)"
        " VALUES (%(id)s, %(name)s, %(name)s, %(role)s)",
        {"id": user_id, "name": name, "role": role.value},
    )
    return Actor(user_id, name, role)


async def take(
    parts: Parts,
    actor: Actor | None,
    collection_id: CollectionId,
    filename: str = "lei.txt",
    text: str = "Art. 1º As licitações do Município serão públicas.",
) -> Received:
    """Receives a text as a file."""

    async def stream() -> AsyncIterator[bytes]:
        yield text.encode()

    return await receive(
        parts,
        actor,
        collection_id=collection_id,
        filename=filename,
        source="upload",
        stream=stream(),
    )


async def document_of(parts: Parts, received: Received) -> Document:
    """The document as the system sees it now."""
    async with as_system(parts.pool) as conn:
        return await store.get_document(conn, received.document_id)


async def count(parts: Parts, table: str) -> int:
    """All rows of a table."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row["n"])


INCONSISTENT = {
    "stems counted": """
        SELECT coalesce(s.lexeme, x.lexeme) FROM term_stats s
        FULL JOIN (SELECT t.lexeme, c.collection_key, d.secrecy, count(*) AS n
                   FROM chunks c JOIN documents d ON d.key = c.document_key, unnest(c.tsv) t
                   WHERE c.collection_key <> 0
                   GROUP BY 1, 2, 3) x
               ON x.lexeme = s.lexeme AND x.collection_key = s.collection_key
              AND x.secrecy = s.secrecy
        WHERE s.chunks IS DISTINCT FROM x.n
    """,
    "postings": """
        SELECT coalesce(p.lexeme, x.lexeme) FROM postings p
        FULL JOIN (SELECT t.lexeme, c.id, cardinality(t.positions) AS tf, c.length
                   FROM chunks c, unnest(c.tsv) t) x
               ON x.lexeme = p.lexeme AND x.id = p.chunk_id
        WHERE p.tf IS DISTINCT FROM x.tf OR p.length IS DISTINCT FROM x.length
    """,
    "collection counted": """
        SELECT s.collection_key FROM collection_stats s
        FULL JOIN (SELECT c.collection_key, d.secrecy, count(*) AS n, sum(c.length) AS length
                   FROM chunks c JOIN documents d ON d.key = c.document_key
                   WHERE c.collection_key <> 0 GROUP BY 1, 2) x
               ON x.collection_key = s.collection_key AND x.secrecy = s.secrecy
        WHERE coalesce(s.chunks, 0) <> coalesce(x.n, 0)
           OR coalesce(s.length, 0) <> coalesce(x.length, 0)
    """,
    "a vector per chunk": """
        SELECT c.id FROM chunks c
        WHERE (SELECT count(*) FROM chunk_vectors v
               JOIN embedding_models m ON m.id = v.model_id AND m.state = 'active'
               WHERE v.chunk_id = c.id) <> 1
    """,
    "secrecy beside what is searched": """
        SELECT s.document_key
        FROM (SELECT c.document_key, c.secrecy FROM chunks c
              UNION ALL SELECT p.document_key, p.secrecy FROM postings p
              UNION ALL SELECT v.document_key, v.secrecy FROM chunk_vectors v) s
        JOIN documents d ON d.key = s.document_key
        WHERE d.secrecy <> s.secrecy
    """,
    "chunks only of the newest approved ready version outside the trash": """
        SELECT c.id FROM chunks c
        JOIN document_versions v ON v.id = c.version_id
        JOIN documents d ON d.id = v.document_id
        WHERE d.trashed_at IS NOT NULL OR v.state <> 'ready' OR v.review <> 'approved'
           OR EXISTS (SELECT FROM document_versions n
                      WHERE n.document_id = d.id AND n.state = 'ready' AND n.review = 'approved'
                        AND n.number > v.number)
    """,
    "chunks counted in the version": """
        SELECT v.id FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE v.state = 'ready' AND d.trashed_at IS NULL
          AND v.chunks <> (SELECT count(*) FROM chunks c WHERE c.version_id = v.id)
    """,
    "what lists go by": """
        SELECT d.id
        FROM documents d
        LEFT JOIN LATERAL (SELECT v.id, v.state, v.review, v.created_by, v.finished_at
                           FROM document_versions v WHERE v.document_id = d.id
                           ORDER BY v.number DESC LIMIT 1) n ON true
        LEFT JOIN LATERAL (SELECT v.state FROM document_versions v
                           WHERE v.document_id = d.id AND v.review = 'approved'
                           ORDER BY v.number DESC LIMIT 1) o ON true
        FULL JOIN document_listings l ON l.key = d.key
        WHERE d.collection_key IS DISTINCT FROM 0
          AND (d.id, d.collection_key, d.secrecy, d.status, d.trashed_at, d.created_by, d.kind,
               d.year, d.tags, least(d.valid_to + 1, d.revoked_on), n.id, n.state, n.review,
               n.finished_at, o.state,
               coalesce(n.state NOT IN ('failed', 'cancelled', 'superseded')
                        AND (n.review = 'in_review'
                             OR (n.review = 'draft' AND n.created_by IS NULL)), false))
              IS DISTINCT FROM
              (l.id, l.collection_key, l.secrecy, l.status, l.trashed_at, l.created_by, l.kind,
               l.year, l.tags, l.ends, l.newest_id, l.newest_state, l.newest_review,
               l.finished_at, l.open_state, l.awaits)
    """,
}


async def inconsistencies(conn: Connection) -> list[str]:
    """What a recount from the chunks finds different from what is stored."""
    found = []
    for name, query in INCONSISTENT.items():
        cursor = await conn.execute(query)
        if await cursor.fetchone() is not None:
            found.append(name)
    return found


async def assert_consistent(parts: Parts) -> None:
    """Statistics, postings and vectors are what a recount gives."""
    async with as_system(parts.pool) as conn:
        assert await inconsistencies(conn) == []
