"""The database dies under a running worker, again and again; every document comes to its end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from govbot.config import load_settings
from govbot.db import embedded
from govbot.db.access import as_system
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import open_pool
from govbot.db.schema import migrate
from govbot.documents import collections, listing, store
from govbot.documents.files import FileStore
from govbot.documents.types import State
from govbot.errors import Unavailable
from govbot.ingest.upkeep import sweep
from govbot.jobs import worker as worker_module
from govbot.jobs.queue import open_queue
from govbot.jobs.worker import Worker
from govbot.tasks import tasks
from tests.ingestion import HashEmbedder, Parts, assert_consistent, take
from tests.postgres import UNSAFE_BUT_FAST

FILES = 12
DEATHS = 3
EVERYTHING_S = 150


@pytest.mark.timeout(280)
async def test_after_the_database_was_killed_under_the_worker_each_document_is_ready_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "WAITS_S", (1,))
    monkeypatch.setattr(worker_module, "PAUSE_S", 0.2)
    monkeypatch.setattr(embedded, "_RESTART_WAITS_S", (0.1,))
    moments = random.Random(8666)
    options = {**UNSAFE_BUT_FAST, "synchronous_commit": "on"}  # what was committed must be there
    with EmbeddedPostgres(tmp_path, options=options) as server:
        migrate(server.dsns().owner)
        keeping = asyncio.create_task(server.keep())
        pool = await open_pool(server.dsns().app, size=5, name="lost")
        settings = load_settings(
            environ={
                "GOVBOT_DATA_DIR": str(tmp_path / "data"),
                "GOVBOT_INGEST__MAX_ATTEMPTS": "20",
            }
        )
        files = FileStore(settings.data_dir / "files")
        files.prepare()
        async with open_queue(server.dsns().app) as queue:
            parts = Parts(settings, pool, files, queue, HashEmbedder())
            worker = asyncio.create_task(
                Worker(queue, tasks(parts)).run()  # type: ignore[arg-type]
            )
            await _fill(parts)
            for _ in range(DEATHS):
                await asyncio.sleep(moments.uniform(0.2, 1.5))
                pid = server.pid
                os.kill(pid, signal.SIGKILL)
                while server.pid == pid:
                    await asyncio.sleep(0.05)
            async with asyncio.timeout(EVERYTHING_S):
                while await _unfinished(parts):
                    await asyncio.sleep(0.2)
                while any((await queue.counts()).values()):
                    await asyncio.sleep(0.2)
            swept = await sweep(parts)
            assert (swept.requeued, swept.dropped) == (0, 0)
            async with as_system(pool) as conn:
                documents = await store.list_documents(conn)
            assert [d.version.state for d in documents] == [State.READY] * FILES
            await assert_consistent(parts)
            worker.cancel()
            await asyncio.wait([worker])
        await pool.close()
        keeping.cancel()
        await asyncio.wait([keeping])


async def _fill(parts: Parts) -> None:
    async with as_system(parts.pool) as conn:
        shelf = await collections.create_collection(conn, None, name="Leis")
    for number in range(FILES):
        text = "\n\n".join(
            f"Art. {n}º O órgão {number} publica o edital {n}." for n in range(1, 20)
        )
        await take(parts, None, shelf, f"lei-{number}.txt", text)


async def _unfinished(parts: Parts) -> bool:
    try:
        async with as_system(parts.pool) as conn:
            counted = await listing.counts(conn)
    except Unavailable:
        return True
    return counted.under_way > 0
