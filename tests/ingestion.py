"""Fixtures of the ingestion: an application's parts with a small deterministic embedder, and a cast."""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from govbot.config import Settings, load_settings
from govbot.db.access import Actor, Role, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool
from govbot.documents import collections
from govbot.documents.files import FileStore
from govbot.documents.types import Level, Principal
from govbot.ids import CollectionId, UserId, new_id
from govbot.jobs.queue import Queue, open_queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks


class HashEmbedder:
    """Vectors from the hashes of words: quick, the same everywhere, near for texts that share words."""

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

    def with_settings(self, settings: Settings) -> Parts:
        return replace(self, settings=settings)

    async def work(self) -> None:
        """Works off the queue until nothing is left to do now."""
        await Worker(self.queue, tasks(self)).run_until_empty()  # type: ignore[arg-type]


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
async def parts(pool: Pool, queue: Queue, tmp_path: Path) -> Parts:
    """The parts of an application over the test's database and a folder of its own."""
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path / "data")})
    files = FileStore(settings.data_dir / "files")
    files.prepare()
    return Parts(settings, pool, files, queue, HashEmbedder())


@pytest.fixture
async def cast(pool: Pool) -> Cast:
    """Five people and two collections; the stranger reads only B."""
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
            await collections.set_grant(conn, None, collection, principal, level)
    return Cast(**people, a=a, b=b)


async def add_person(conn: Connection, name: str, role: Role) -> Actor:
    """An account that cannot sign in, as an actor."""
    user_id = UserId(new_id())
    await conn.execute(
        "INSERT INTO users (id, username, name, role) VALUES (%(id)s, %(name)s, %(name)s, %(role)s)",
        {"id": user_id, "name": name, "role": role.value},
    )
    return Actor(user_id, name, role)
