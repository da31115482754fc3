"""The process that test_kill_ingest kills: takes in a folder and works until all is done.

Arguments: connection string, data folder, folder of files, name of the collection.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from govbot.config import load_settings
from govbot.db.access import as_system
from govbot.db.pool import open_pool
from govbot.documents import collections
from govbot.documents.files import FileStore
from govbot.ingest.receive import receive
from govbot.jobs.queue import open_queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.ingestion import HashEmbedder, Parts


async def main(dsn: str, data_dir: str, folder: str, name: str) -> None:
    settings = load_settings(
        environ={"GOVBOT_DATA_DIR": data_dir, "GOVBOT_INGEST__MAX_ATTEMPTS": "100"}
    )
    files = FileStore(settings.data_dir / "files")
    files.prepare()
    pool = await open_pool(dsn, size=5, name="killed")
    try:
        async with open_queue(dsn) as queue:
            parts = Parts(settings, pool, files, queue, HashEmbedder())
            await ingest(parts, Path(folder), name)
    finally:
        await pool.close()


async def ingest(parts: Parts, folder: Path, name: str) -> None:
    worker = asyncio.create_task(Worker(parts.queue, tasks(parts)).run())  # type: ignore[arg-type]
    print("working", flush=True)
    async with as_system(parts.pool) as conn:
        collection = await collections.collection_by_name(conn, name)
    assert collection is not None
    for file in sorted(folder.iterdir()):
        await receive(
            parts,
            None,
            collection_id=collection.id,
            filename=file.name,
            path=file,
            source="cli",
        )
    while await unfinished(parts):
        await asyncio.sleep(0.1)
    worker.cancel()
    await asyncio.wait([worker])
    print("done", flush=True)


async def unfinished(parts: Parts) -> int:
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT count(*) AS n FROM document_versions"
            " WHERE state IN ('queued', 'extracting', 'embedding')"
        )
        row = await cursor.fetchone()
    return int(row["n"]) if row else 0


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
