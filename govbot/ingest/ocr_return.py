"""Reads documents with unread pages again once Tesseract is there, or a newer one."""

from __future__ import annotations

import logging
from typing import Protocol

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import words
from govbot.ingest.receive import defer_version
from govbot.ingest.recognised import engine_of
from govbot.jobs.queue import Queue

logger = logging.getLogger(__name__)

AT_ONCE = 200


class App(Protocol):
    """The parts that this needs."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def queue(self) -> Queue: ...


async def requeue_unread(app: App) -> int:
    """How many versions were queued again: scanned ones that no Tesseract or another one tried.

    With the least urgency, after everything that people wait for. Pages that this very Tesseract
    could not read are not tried again.
    """
    engine = await engine_of(app.settings)
    if engine is None:
        return 0
    total = 0
    while True:
        async with as_system(app.pool) as conn:
            found = await words.requeue_unread(conn, engine.name, AT_ONCE)
            for version_id in found:
                await defer_version(app, conn, version_id, source="cli")
        total += len(found)
        if len(found) < AT_ONCE:
            break
    if total:
        logger.info(
            "Scanned documents are read again with OCR",
            extra={"action": "ocr.requeued", "documents": total, "engine": engine.name},
        )
    return total
