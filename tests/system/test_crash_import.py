"""An import that is killed, loses its database or its disk, again and again: in the end every file
is there exactly once, can be found, and nothing is left over."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from govbot.config import load_settings
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import open_pool
from govbot.db.schema import migrate
from govbot.documents.files import FileStore
from govbot.ingest.journal import Journal
from govbot.jobs.queue import open_queue
from tests.ingestion import HashEmbedder, Parts, count
from tests.system.archive import Archive, make_archive
from tests.system.importing import (
    NAME,
    assert_complete,
    create_collection,
    finish,
    small_disk,
    start,
)

# `make faults` kills more often.
KILLS = int(os.environ.get("GOVBOT_TEST_KILLS", "30"))
DATABASE_KILLS = 3


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("acervo") / "arquivos", 2 * KILLS)


@pytest.fixture(scope="module")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("acervo") / "arquivos", 40, seed=2)


Arguments = tuple[str, str, str, str, str]


def _arguments(parts: Parts, dsn: str, archive: Archive, folder: Path) -> Arguments:
    report = folder / "relatorio.csv"
    return dsn, str(parts.settings.data_dir), str(archive.folder), NAME, str(report)


@pytest.mark.timeout(900)
async def test_after_kills_at_random_moments_each_file_is_there_once(
    parts: Parts, dsns: Dsns, archive: Archive, tmp_path: Path
) -> None:
    await create_collection(parts)
    arguments = _arguments(parts, dsns.app, archive, tmp_path)
    moments = random.Random(14133)
    killed = 0
    for _ in range(KILLS):
        running = await start(arguments)
        await running.ended(moments.uniform(0.02, 0.6))
        killed += await running.kill()
    await finish(arguments)
    await assert_complete(parts, archive, Path(arguments[-1]))
    # Most of them must have hit an import that was under way.
    assert killed > KILLS // 2


@pytest.mark.timeout(300)
async def test_a_full_disk_stops_the_import_in_words_and_loses_nothing(
    parts: Parts, dsns: Dsns, small_archive: Archive, tmp_path: Path
) -> None:
    archive = small_archive
    await create_collection(parts)
    arguments = _arguments(parts, dsns.app, archive, tmp_path)
    with small_disk(tmp_path / "disco", 24) as disk:
        shutil.rmtree(parts.files.root)
        parts.files.root.symlink_to(disk)
        # Room for some of the files and not for all.
        free = os.statvfs(disk)
        needed = sum(path.stat().st_size for path in archive.words)
        (disk / "ballast").write_bytes(b"\0" * (free.f_bavail * free.f_frsize - needed // 2))
        running = await start(arguments)
        assert await running.ended() != 0
        assert 0 < await count(parts, "documents") < len(archive.words)
        (disk / "ballast").unlink()
        await finish(arguments)
        await assert_complete(parts, archive, Path(arguments[-1]))


@pytest.mark.timeout(400)
async def test_after_the_database_is_killed_each_file_is_there_once(
    small_archive: Archive, tmp_path: Path
) -> None:
    moments = random.Random(8666)
    async with _own_database(tmp_path / "data") as (server, arguments_of):
        arguments = arguments_of(small_archive)
        for _ in range(DATABASE_KILLS):
            running = await start(arguments)
            await asyncio.sleep(moments.uniform(0.05, 1.5))
            os.kill(server.pid, signal.SIGKILL)
            # It may go on after the restart, or stop with a sentence; then it is begun again.
            await running.ended(moments.uniform(1.5, 3))
            await running.kill()
        await finish(arguments)
        async with _parts(tmp_path / "data", server.dsns().app) as parts:
            await assert_complete(parts, small_archive, Path(arguments[-1]))


@pytest.mark.timeout(400)
async def test_a_full_disk_under_the_database_loses_nothing(
    small_archive: Archive, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disco", 400) as disk:
        async with _own_database(disk / "data") as (server, arguments_of):
            arguments = arguments_of(small_archive, tmp_path)
            free = os.statvfs(disk)
            ballast = disk / "ballast"
            ballast.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - 1_000_000))
            running = await start(arguments)
            assert await running.ended(20) != 0  # it stops, or waits for a database that is back
            await running.kill()
            with Journal(Path(arguments[-1])) as journal:
                assert len(journal.entries) < small_archive.files
            ballast.unlink()
            await asyncio.sleep(3)  # a server that gave up is started again by its keeper
            await finish(arguments)
            async with _parts(disk / "data", server.dsns().app) as parts:
                await assert_complete(parts, small_archive, Path(arguments[-1]))


@asynccontextmanager
async def _own_database(
    data: Path,
) -> AsyncIterator[tuple[EmbeddedPostgres, Callable[..., Arguments]]]:
    """A server that is kept running, as `govbot serve` keeps it, with an empty schema."""
    server = EmbeddedPostgres(data)
    await asyncio.to_thread(server.start)
    keeper = asyncio.create_task(server.keep())
    try:
        await asyncio.to_thread(migrate, server.dsns().owner)
        async with _parts(data, server.dsns().app) as parts:
            await create_collection(parts)

        def arguments_of(archive: Archive, folder: Path = data) -> Arguments:
            report = folder / "relatorio.csv"
            return server.dsns().app, str(data), str(archive.folder), NAME, str(report)

        yield server, arguments_of
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _parts(data: Path, dsn: str) -> AsyncIterator[Parts]:
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(data)})
    files = FileStore(settings.data_dir / "files")
    files.prepare()
    pool = await open_pool(dsn, size=3, name="looking")
    try:
        async with open_queue(dsn) as queue:
            yield Parts(settings, pool, files, queue, HashEmbedder())
    finally:
        await pool.close()
