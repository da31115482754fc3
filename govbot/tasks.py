"""The queued tasks: each takes ids and calls one function."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from govbot.eval import background
from govbot.ids import VersionId
from govbot.ingest import pipeline
from govbot.ingest.receive import PROCESS
from govbot.jobs.worker import Task, Worker

if TYPE_CHECKING:
    from govbot.app import App


def worker(app: App) -> Worker:
    """The worker of this process; `run()` it in a task and cancel it to stop."""
    return Worker(app.queue, tasks(app), concurrency=app.settings.ingest.workers)


def tasks(app: App) -> dict[str, Task]:
    """Every task by the name that it has in the queue; a name is never used for another thing."""
    return {
        PROCESS: partial(process_version, app, asyncio.Lock()),
        background.TASK: partial(background.work, app),
    }


async def process_version(app: App, suspects: asyncio.Lock, *, version_id: str) -> None:
    """Read, cut, embed and store one version of a document."""
    await pipeline.process_version(app, VersionId(UUID(version_id)), suspects)
