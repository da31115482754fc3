"""The process that test_poison lets die: works off the queue until nothing is unfinished.

A text that says VENENO kills it with SIGKILL in the middle of its work. Arguments: connection
string, data folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from govbot.config import load_settings
from govbot.db.pool import open_pool
from govbot.documents.files import FileStore
from govbot.jobs import worker as workers
from govbot.jobs.queue import open_queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.ingestion import HashEmbedder, Parts


class DeadlyEmbedder(HashEmbedder):
    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        if any("VENENO" in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().embed_passages(texts)


async def main(dsn: str, data_dir: str) -> None:
    # When a worker counts as dead is tried where the queue is; here only that it does.
    workers.HEARTBEAT_S, workers.SILENT_S, workers.LOOK_S = 0.2, 0.8, 0.3
    settings = load_settings(environ={"GOVBOT_DATA_DIR": data_dir})
    pool = await open_pool(dsn, size=5, name="poisoned")
    try:
        async with open_queue(dsn) as queue:
            files = FileStore(settings.data_dir / "files")
            parts = Parts(settings, pool, files, queue, DeadlyEmbedder())
            worker = Worker(queue, tasks(parts))  # type: ignore[arg-type]
            task = asyncio.create_task(worker.run())
            while any((await queue.counts()).values()):
                await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.wait([task])
    finally:
        await pool.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
