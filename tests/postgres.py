"""Fixtures of the database: one embedded cluster per session, one migrated database per test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from govbot.db.bootstrap import OWNER, create_database
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import Pool, open_pool
from govbot.db.schema import migrate

if TYPE_CHECKING:
    from tests.prepared import Prepared

# Nothing here has to survive a power cut.
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}
TEMPLATE = "govbot_template"
MEMORY = Path("/dev/shm")
ENOUGH = 3 << 30  # bytes; a session takes some hundred MB
_PREFIX = "govbot-tests-"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The cluster of this test session."""
    with in_memory() as memory:
        folder = memory or tmp_path_factory.mktemp("postgres")
        with EmbeddedPostgres(folder, options=UNSAFE_BUT_FAST) as server:
            yield server


@contextmanager
def in_memory(use: str = "session") -> Iterator[Path | None]:
    """A folder in memory, where a database is made in a tenth of the time; None where there is
    little. What a session left that was killed is taken away."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        yield None
        return
    for left in MEMORY.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(MEMORY).free < ENOUGH:
        yield None
        return
    folder = MEMORY / f"{_PREFIX}{os.getpid()}-{use}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated, empty database to clone."""
    with _superuser(postgres) as conn:
        create_database(conn, TEMPLATE, template="govbot")
    migrate(postgres.dsns(TEMPLATE).owner)
    return TEMPLATE


@pytest.fixture
def empty_dsns(postgres: EmbeddedPostgres) -> Iterator[Dsns]:
    """A database of its own with no schema yet."""
    yield from _database(postgres, "govbot")


@pytest.fixture
def dsns(
    postgres: EmbeddedPostgres, template_database: str, prepared: Prepared | None
) -> Iterator[Dsns]:
    """A migrated database of its own, empty or with the scene that the test begins with."""
    yield from _database(postgres, prepared.database if prepared else template_database)


@pytest.fixture(scope="module")
def module_dsns(postgres: EmbeddedPostgres, template_database: str) -> Iterator[Dsns]:
    """A migrated database that the tests of a module share."""
    yield from _database(postgres, template_database)


@pytest.fixture
async def pool(dsns: Dsns) -> AsyncIterator[Pool]:
    """Connections of the application role."""
    opened = await open_pool(dsns.app, size=5, name="test-app")
    yield opened
    await opened.close()


@pytest.fixture
async def owner_pool(dsns: Dsns) -> AsyncIterator[Pool]:
    """Connections of the role that owns the tables."""
    opened = await open_pool(dsns.owner, size=2, name="test-owner")
    yield opened
    await opened.close()


def _database(postgres: EmbeddedPostgres, template: str) -> Iterator[Dsns]:
    name = f"test_{next(_numbers)}"
    clone_database(postgres, name, template)
    yield postgres.dsns(name)
    with _superuser(postgres) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def clone_database(postgres: EmbeddedPostgres, name: str, template: str) -> None:
    """Makes the database `name` as a copy of another one that nobody is connected to."""
    with _superuser(postgres) as conn:
        # Copying files takes half the time of writing everything to the log.
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )
        create_database(conn, name)  # with the rights of ours


def _superuser(postgres: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(postgres.dsns("postgres").superuser, autocommit=True)
