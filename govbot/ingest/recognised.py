"""Keeps the words of recognised pages while a document is read, so that no page is read twice."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import words as store
from govbot.documents.types import Version
from govbot.errors import BadDocument, GovBotError
from govbot.extract import Extracted, Limits
from govbot.extract.ocr import cores
from govbot.extract.tesseract import Engine, find_engine
from govbot.extract.words import Recognised, Word

logger = logging.getLogger(__name__)

LAST_WORDS_S = 10.0  # for the pages that are not written yet when the reading ends


async def engine_of(settings: Settings) -> Engine | None:
    """What recognises pages now; None when it is turned off or not installed."""
    ocr = settings.ocr
    if ocr.enabled == "off":
        return None
    return await asyncio.to_thread(find_engine, ocr.languages, ocr.dpi)


def limits_of(settings: Settings, engine: Engine | None) -> Limits:
    """The bounds of the settings for one document."""
    ingest, ocr = settings.ingest, settings.ocr
    return Limits(
        max_pages=ingest.max_pages,
        max_characters=ingest.max_characters,
        timeout_s=ingest.extract_timeout_s,
        memory_mb=ingest.extract_memory_mb,
        ocr_program=engine.program if engine else "",
        ocr_engine=engine.name if engine else "",
        ocr_languages=ocr.languages,
        ocr_dpi=ocr.dpi,
        ocr_parallel=cores(ocr.parallel),
        ocr_page_timeout_s=ocr.page_timeout_s,
    )


async def known_pages(pool: Pool, version: Version, engine: str) -> dict[int, Recognised]:
    """Pages recognised in an earlier try, or for the same content elsewhere.

    Without an engine those of any: what was once read is not lost when Tesseract is removed.
    """
    async with as_system(pool) as conn:
        if engine:
            await store.copy_words(conn, version, engine)
        found = await store.words_of(conn, version.id, engine)
    return {
        number: Recognised(number, by, tuple(Word(*word) for word in words))
        for number, (by, words) in found.items()
    }


async def note_unread(
    pool: Pool, version: Version, engine: str, outcome: Extracted | BadDocument
) -> None:
    """Where pages stay unread, remembers what was there to read them: once per engine is enough."""
    unread = (
        outcome.error_code == "E-DIGITALIZADO"
        if isinstance(outcome, BadDocument)
        else bool(outcome.unread_pages)
    )
    if unread:
        async with as_system(pool) as conn:
            await store.set_engine(conn, version.id, engine)


class WordKeeper(AbstractAsyncContextManager["WordKeeper"]):
    """Writes each page as soon as it is recognised, beside the reading."""

    def __init__(self, pool: Pool, version: Version):
        self._pool, self._version = pool, version
        self._waiting: asyncio.Queue[Recognised | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def keep(self, page: Recognised) -> None:
        """Only remembers; the task writes."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="words of a document")
        self._waiting.put_nowait(page)

    async def __aenter__(self) -> WordKeeper:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is None:
            return
        self._waiting.put_nowait(None)
        try:
            await asyncio.wait([self._task], timeout=LAST_WORDS_S)
        finally:
            self._task.cancel()

    async def _run(self) -> None:
        while (page := await self._waiting.get()) is not None:
            try:
                async with as_system(self._pool) as conn:
                    await store.save_words(
                        conn, self._version, page.number, page.engine, page.words
                    )
            except GovBotError as error:
                logger.warning(
                    "The words of a page were not kept: %s",
                    error,
                    extra={"action": "ocr.not-kept", "code": error.error_code},
                )
