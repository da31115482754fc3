"""The only wiring: opens the parts in order, closes them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govbot import audit
from govbot.chat.arrangement import Arrangement
from govbot.config import Settings
from govbot.db import schema
from govbot.db.access import OPERATOR, as_system
from govbot.db.database import open_database
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.ids import NodeId, new_id
from govbot.sealing import Sealer, open_sealer

if TYPE_CHECKING:
    from govbot.auth.sign_in import PasswordDirectory
    from govbot.chat.live import Answers
    from govbot.documents.files import FileStore
    from govbot.generate.pool import Pool as Models
    from govbot.jobs.queue import Queue
    from govbot.models.embedder import Embedder
    from govbot.models.entailment import Entailment
    from govbot.models.reranker import Reranker

log = logging.getLogger(__name__)

Progress = Callable[[str], None]


@dataclass(slots=True)
class App:
    """Every part that the doors use. Models load at their first use."""

    settings: Settings
    pool: Pool
    queue: Queue
    files: FileStore
    embedder: Embedder | None  # None: the search goes by words alone
    generator: Models
    sealer: Sealer
    reranker: Reranker | None = None
    entailment: Entailment | None = None
    arrangement: Arrangement = field(default_factory=Arrangement)
    # Where passwords are asked beside our own, such as LDAP.
    directory: PasswordDirectory | None = None
    # As the owner of the tables, who alone makes indexes. It may hold a password.
    owner_dsn: str = field(default="", repr=False)
    # This process among those that share the database.
    node: NodeId = field(default_factory=lambda: NodeId(new_id()))

    @property
    def answers(self) -> Answers:
        """The answers under way in this process."""
        assert self._answers is not None  # noqa: S101 - set by open_app before anyone sees it
        return self._answers

    _answers: Answers | None = None


@asynccontextmanager
async def open_store(
    settings: Settings, *, migrate: bool = False, on_progress: Progress | None = None
) -> AsyncIterator[Pool]:
    """The database alone, with a schema that fits: what account and audit commands need."""
    async with AsyncExitStack() as stack:
        pool, _ = await _open_database(stack, settings, migrate, on_progress)
        yield pool


@asynccontextmanager
async def open_app(
    settings: Settings, *, migrate: bool = False, on_progress: Progress | None = None
) -> AsyncIterator[App]:
    """All parts, ready. Raises Unavailable when one is missing, with what to do about it."""
    from govbot.auth import sealed
    from govbot.auth.ldap import open_directory
    from govbot.chat.live import Answers
    from govbot.documents.files import FileStore
    from govbot.generate.router import open_pool
    from govbot.installation import changes
    from govbot.jobs.queue import open_queue
    from govbot.models.embedder import open_embedder
    from govbot.models.entailment import open_entailment
    from govbot.models.mood import open_mood
    from govbot.models.reranker import open_reranker
    from govbot.nodes import installation

    async with AsyncExitStack() as stack:
        sealer = open_sealer(settings.security.key.get_secret_value(), settings.data_dir)
        pool, dsns = await _open_database(stack, settings, migrate, on_progress)
        files = FileStore(settings.data_dir / "files")
        files.prepare()
        files.mark = await installation.join(pool, sealer, files)
        settings = await sealed.fill(settings, pool, sealer)
        settings = await changes.fill(settings, pool)
        embedder = await asyncio.to_thread(open_embedder, settings)
        if embedder is not None:
            stack.push_async_callback(embedder.aclose)
        reranker = open_reranker(settings)
        if reranker is not None:
            stack.push_async_callback(reranker.aclose)
        entailment = open_entailment(settings)
        if entailment is not None:
            stack.push_async_callback(entailment.aclose)
        mood = open_mood(settings)
        if mood is not None:
            stack.push_async_callback(mood.aclose)
        generator = open_pool(settings.generation)
        stack.push_async_callback(generator.aclose)
        queue = await stack.enter_async_context(open_queue(dsns.app))
        app = App(settings, pool, queue, files, embedder, generator, sealer, reranker)
        app.directory = open_directory(settings.ldap, pool)
        app.entailment = entailment
        app.owner_dsn = dsns.owner
        app._answers = Answers(app, mood, node=app.node)
        stack.push_async_callback(app._answers.close)
        yield app


async def _open_database(
    stack: AsyncExitStack, settings: Settings, migrate: bool, on_progress: Progress | None
) -> tuple[Pool, Dsns]:
    dsns = await stack.enter_async_context(open_database(settings, on_progress=on_progress))
    applied = await _migrate(dsns.owner, on_progress) if migrate else []
    pool = await open_pool(dsns.app, size=settings.database.pool_size, name="govbot")
    stack.push_async_callback(pool.close)
    async with pool.connection() as conn:
        await schema.check(conn)
    if applied:
        async with as_system(pool) as conn:
            await audit.record(
                conn, actor=OPERATOR, action="schema.migrated", details={"revisions": applied}
            )
    return pool, dsns


async def _migrate(owner_dsn: str, on_progress: Progress | None) -> list[str]:
    """Brings the schema up to date; the revisions that were applied."""
    applied: list[str] = []

    def step(revision: str, words: str) -> None:
        applied.append(revision)
        if on_progress is not None:
            on_progress(f"Schema {revision}: {words}")

    await asyncio.to_thread(schema.migrate, owner_dsn, step)
    return applied
