"""What the crash tests kill: imports a folder as `govbot ingest --wait` does, with an embedder that
loads at once.

Arguments: connection string, data folder, folder of files, name of the collection, report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from govbot.cli.ingest import Import, _files
from govbot.config import load_settings
from govbot.db.access import as_system
from govbot.db.pool import open_pool
from govbot.documents import collections
from govbot.documents.files import FileStore
from govbot.ingest.journal import Journal
from govbot.jobs.queue import open_queue
from tests.ingestion import HashEmbedder, Parts


def run(arguments: tuple[str, ...], begun: Connection) -> None:
    """What a process forked for it does: tells that the import is under way, and goes on."""
    asyncio.run(main(*arguments, begun=lambda: begun.send("working")))


async def main(
    dsn: str,
    data_dir: str,
    folder: str,
    name: str,
    report: str,
    *,
    begun: Callable[[], None],
) -> None:
    settings = load_settings(
        environ={"GOVBOT_DATA_DIR": data_dir, "GOVBOT_INGEST__MAX_ATTEMPTS": "100"}
    )
    files = FileStore(settings.data_dir / "files")
    files.prepare()
    pool = await open_pool(dsn, size=5, name="killed")
    try:
        async with open_queue(dsn) as queue:
            parts = Parts(settings, pool, files, queue, HashEmbedder())
            async with as_system(pool) as conn:
                collection = await collections.collection_by_name(conn, name)
            assert collection is not None
            with Journal(Path(report)) as journal:
                bulk = Import(parts, collection.id, journal, keep_queued=False)  # type: ignore[arg-type]
                begun()
                async with asyncio.TaskGroup() as group:
                    taking = group.create_task(bulk.take(list(_files([Path(folder)], True))))
                    worker = group.create_task(_work(parts))
                    await taking
                    worker.cancel()
                await bulk.wait()
    finally:
        await pool.close()


async def _work(parts: Parts) -> None:
    """Documents are processed while others are still being taken in."""
    from govbot import tasks

    await tasks.worker(parts).run()  # type: ignore[arg-type]
