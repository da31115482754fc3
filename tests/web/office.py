"""The scene with a queue, a second collection and grants: who looks after documents, and who not.

`curator` manages "Legislação", `writer` writes in it, `reader` reads it; `stranger` reads only
"Reservada"; `auditor` and `admin` have their roles and no grants.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Pool
from govbot.documents import collections, grants, store
from govbot.documents.types import Document, Level, Principal, Target
from govbot.ids import CollectionId, UserId, new_id
from govbot.ingest.receive import receive
from govbot.jobs.queue import Queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.ingestion import HashEmbedder
from tests.web.scene import ENCODED, Scene, SmallApp, make_scene


@dataclass
class OfficeApp(SmallApp):
    """The application with what taking in documents needs."""

    queue: Queue
    embedder: HashEmbedder = field(kw_only=True)

    async def work(self) -> None:
        """Works off the queue until nothing is left to do now."""
        await Worker(self.queue, tasks(self)).run_until_empty()  # type: ignore[arg-type]


@dataclass
class Office(Scene):
    """The two collections, by id."""

    laws: CollectionId
    secret: CollectionId

    @property
    def desk(self) -> OfficeApp:
        assert isinstance(self.app, OfficeApp)
        return self.app

    async def documents(self, collection: CollectionId | None = None) -> list[Document]:
        """What the database holds, trash excluded."""
        async with as_system(self.app.pool) as conn:
            return await store.list_documents(conn, collection or self.laws)

    async def document(self, filename: str) -> Document:
        """A document of the first collection, by its file name."""
        return next(each for each in await self.documents() if each.filename == filename)

    async def put(self, filename: str, body: bytes) -> None:
        """The curator's file, taken in and waiting to be read."""

        async def stream() -> AsyncIterator[bytes]:
            yield body

        await receive(
            self.desk, self.actors["curator"], collection_id=self.laws, filename=filename,
            source="upload", stream=stream(),
        )  # fmt: skip


async def make_office(pool: Pool, queue: Queue, folder: Path, **settings: Any) -> Office:
    scene = await make_scene(pool, folder, **settings)
    app = OfficeApp(
        scene.app.settings, scene.app.pool, scene.app.files, scene.app.answers,
        queue=queue, embedder=HashEmbedder(),
    )  # fmt: skip
    writer = Actor(UserId(new_id()), "writer", Role.USER)
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role, password_hash)"
            " VALUES (%(id)s, 'writer', 'Writer Souza', 'user', %(hash)s)",
            {"id": writer.id, "hash": ENCODED},
        )
        shelf = await collections.collection_by_name(conn, "Legislação")
        assert shelf is not None
        secret = await collections.create_collection(conn, None, name="Reservada")
        for collection, actor, level in (
            (shelf.id, scene.actors["curator"], Level.MANAGE),
            (shelf.id, writer, Level.WRITE),
            (secret, scene.actors["stranger"], Level.READ),
        ):
            principal = Principal.user(actor.id)
            await grants.set_grant(conn, None, Target.collection(collection), principal, level)
    values = {name: getattr(scene, name) for name in scene.__dataclass_fields__}
    office = Office(**{**values, "app": app}, laws=shelf.id, secret=secret)
    office.actors["writer"] = writer
    return office
