"""From an original to passages that can be found: extract, chunk, embed, store.

Everything before the last transaction can be thrown away, so a worker may die at any moment: the
job comes back and the work is done again from the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from pgvector import HalfVector

from govbot import metrics, tracing
from govbot.config import Settings
from govbot.db.access import DATABASE_FULL, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import attached, progress, store
from govbot.documents.content import Vectors, replace_chunks, store_reading
from govbot.documents.description import set_recognised
from govbot.documents.embedding_models import ensure_model
from govbot.documents.files import FileStore
from govbot.documents.progress import Withdrawn
from govbot.documents.types import Document, Review, State, Version
from govbot.errors import BadDocument, GovBotError, NotFound, Unavailable
from govbot.extract import PICTURED, Extracted, Page
from govbot.extract.sandbox import extract
from govbot.ids import VersionId
from govbot.ingest.acronyms import learn
from govbot.ingest.chunk import Chunk, chunk_pages
from govbot.ingest.measure import Measure
from govbot.ingest.norm import Norm, identify, title_with
from govbot.ingest.recognised import (
    WordKeeper,
    engine_of,
    known_pages,
    limits_of,
    note_unread,
)
from govbot.ingest.report import Clock, Reporter
from govbot.ingest.vectors import Passage, measure_of, vectors_of
from govbot.models.embedder import Embedder

logger = logging.getLogger(__name__)

EMBED_AT_ONCE = 64
MAX_TITLE = 300


class App(Protocol):
    """The parts that processing needs."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def files(self) -> FileStore: ...
    @property
    def embedder(self) -> Embedder | None: ...


async def process_version(
    app: App, version_id: VersionId, suspects: asyncio.Lock | None = None
) -> None:
    """Brings a version to ready, failed or superseded; does nothing when it is there already.

    A bad document fails with its code and sentence; a version that is cancelled meanwhile stays
    cancelled. Raises Unavailable when a part is missing and attempts are left, and whenever the
    database's disk is full: the queue tries again later.

    What may have killed its process before runs while no other such version does, under
    `suspects`: so a neighbour of a poisonous document pays with one attempt, not with all.
    """
    document, version = await _load(app, version_id)
    if version is not None and version.attempts > 0 and version.error_code is None and suspects:
        async with suspects:
            await process_version(app, version_id)
    elif document is not None and version is not None:
        await _bring_to_end(app, document, version)


async def _bring_to_end(app: App, document: Document, version: Version) -> None:
    if not await _still_wanted(app, document, version):
        return
    if version.attempts >= app.settings.ingest.max_attempts:
        await _fail(
            app,
            version,
            "E-TENTATIVAS",
            "Processing this document stopped the program several times. It was put aside.",
        )
        return
    async with as_system(app.pool) as conn:
        begun = await progress.begin_attempt(conn, version)
    if begun is None:
        return
    version = begun
    try:
        with tracing.span("document", document=str(version.id), attempt=version.attempts):
            await _process(app, document, version)
    except Withdrawn:
        logger.info(
            "Work on a document was withdrawn",
            extra={"action": "document.withdrawn", "document": str(document.id)},
        )
    except BadDocument as error:
        await _fail(app, version, error.error_code, str(error))
    except asyncio.CancelledError:
        await asyncio.shield(_wait(app, version, uncount=True))
        raise
    except Unavailable as error:
        full = error.error_code == DATABASE_FULL
        if not full and version.attempts >= app.settings.ingest.max_attempts:
            await _fail(app, version, error.error_code, str(error))
            return
        await _wait(app, version, error, uncount=full)
        raise
    except Exception:
        logger.exception("Processing failed", extra={"action": "document.crashed"})
        await _fail(
            app, version, GovBotError.code, "An internal error stopped the processing. See the log."
        )


async def _load(app: App, version_id: VersionId) -> tuple[Document | None, Version | None]:
    async with as_system(app.pool) as conn:
        try:
            version = await store.get_version(conn, version_id)
            return await store.get_document(conn, version.document_id), version
        except NotFound:
            return None, None


async def _still_wanted(app: App, document: Document, version: Version) -> bool:
    """Not when it is finished, in the trash, or overtaken by a newer version that may succeed."""
    if version.state.finished or document.trashed_at is not None:
        return False
    newest = document.version
    overtaken = newest.id != version.id and newest.state not in (State.FAILED, State.CANCELLED)
    # A draft does not take the place of an approved version.
    if overtaken and (newest.review == Review.APPROVED or version.review != Review.APPROVED):
        async with as_system(app.pool) as conn:
            await progress.set_superseded(conn, version)
        return False
    return True


async def _process(app: App, document: Document, version: Version) -> None:
    clock = Clock()
    async with Reporter(app.pool, version) as report:
        with tracing.span("extract") as step:
            extracted = _storable(await _extract(app, version, report))
            step.note(pages=len(extracted.pages))
        clock.lap("extract")
        norm = await asyncio.to_thread(identify, extracted.pages, document.filename)
        title = title_with(norm, " ".join(extracted.title.split()), document.filename)[:MAX_TITLE]
        if not any(page.text.strip() for page in extracted.pages):
            raise BadDocument("The document has no text.", code="E-VAZIO")
        if version.review != Review.APPROVED:
            async with as_system(app.pool) as conn:
                if await store_reading(conn, version, title=title, reading=extracted):
                    await _describe(conn, document, norm)
                    return
        measure = await measure_of(app.embedder) if app.embedder else None
        chunks = await asyncio.to_thread(_chunks, app.settings, extracted, title, measure)
        passages = [Passage(title, chunk.heading, chunk.text) for chunk in chunks]
        total = len(extracted.pages)
        report.set(State.EMBEDDING, 0, total)
        with tracing.span("embed", chunks=len(chunks)):
            vectors = await _embed(
                app,
                measure,
                passages,
                lambda done: report.set(State.EMBEDDING, chunks[done - 1].page_to, total),
            )
        clock.lap("embed")
    async with as_system(app.pool) as conn:
        await _without_time_limit(conn)
        stored = await replace_chunks(
            conn,
            version,
            title=title,
            reading=extracted,
            chunks=chunks,
            vectors=vectors,
            name=norm.short_name if norm else "",
        )
        if stored:
            await learn(conn, document.key, [chunk.text for chunk in chunks])
            await _describe(conn, document, norm)
    clock.lap("store")
    if not stored:
        return
    metrics.observe_document("ready", clock.laps)
    logger.info(
        "Document processed",
        extra={
            "action": "document.ready",
            "document": str(document.id),
            "pages": len(extracted.pages),
            "chunks": len(chunks),
            **{f"{stage}_s": round(seconds, 3) for stage, seconds in clock.laps.items()},
        },
    )


def _chunks(
    settings: Settings, extracted: Extracted, title: str, measure: Measure | None
) -> list[Chunk]:
    chunks = chunk_pages(
        extracted.pages,
        max_words=settings.ingest.chunk_words,
        overlap_words=settings.ingest.chunk_overlap_words,
        title=title,
        measure=measure,
        windows=settings.ingest.chunk_windows,
    )
    if not chunks:
        raise BadDocument("The document has no text.", code="E-VAZIO")
    return chunks


async def _describe(conn: Connection, document: Document, norm: Norm | None) -> None:
    if norm is not None:
        await set_recognised(conn, document.id, norm)


async def _extract(app: App, version: Version, report: Reporter) -> Extracted:
    path = app.files.path_of(version.sha256)
    if not path.exists():
        raise Unavailable(
            "The original of this document is missing from the data folder.", code="E-ORIGINAL"
        )
    engine = await engine_of(app.settings)
    limits = limits_of(app.settings, engine)
    if version.collection_key == attached.COLLECTION:
        limits = replace(limits, max_pages=min(limits.max_pages, app.settings.attachments.pages))
    known = {}
    if version.mime in PICTURED:
        known = await known_pages(app.pool, version, limits.ocr_engine)
    async with WordKeeper(app.pool, version) as words:
        try:
            found = await extract(
                path,
                version.mime,
                limits,
                lambda done, total: report.set(State.EXTRACTING, done, total),
                known=known,
                on_recognised=words.keep,
            )
        except BadDocument as error:
            await note_unread(app.pool, version, limits.ocr_engine, error)
            raise
    await note_unread(app.pool, version, limits.ocr_engine, found)
    return found


async def _embed(
    app: App,
    measure: Measure | None,
    passages: Sequence[Passage],
    on_done: Callable[[int], None],
) -> Vectors | None:
    """The vectors in their order, none without an embedder; `on_done` hears how many there are."""
    async with as_system(app.pool) as conn:
        model_id = await ensure_model(conn, app.embedder)
    if model_id is None or measure is None or app.embedder is None:
        return None
    vectors: list[HalfVector] = []
    for start in range(0, len(passages), EMBED_AT_ONCE):
        batch = passages[start : start + EMBED_AT_ONCE]
        vectors += await vectors_of(app.embedder, measure, batch)
        on_done(len(vectors))
    return Vectors(model_id, vectors)


async def _without_time_limit(conn: Connection) -> None:
    """A long document takes longer to index than a statement of the chat may."""
    await conn.execute("SELECT set_config('statement_timeout', '0', true)")


async def _fail(app: App, version: Version, code: str, message: str) -> None:
    async with as_system(app.pool) as conn:
        failed = await progress.set_failed(conn, version, code, message)
    if not failed:
        return
    metrics.observe_document("failed", code=code)
    logger.warning(
        "Document failed",
        extra={"action": "document.failed", "document": str(version.document_id), "code": code},
    )


async def _wait(
    app: App, version: Version, error: Unavailable | None = None, *, uncount: bool = False
) -> None:
    try:
        async with as_system(app.pool) as conn:
            await progress.set_waiting(
                conn,
                version,
                error.error_code if error else "",
                str(error) if error else "",
                uncount=uncount,
            )
    except Unavailable:
        logger.warning("State not written", extra={"action": "document.state-lost"})


def _storable(extracted: Extracted) -> Extracted:
    """PostgreSQL takes neither NUL nor halves of characters; spaces keep every offset."""
    return replace(extracted, pages=tuple(_clean_page(page) for page in extracted.pages))


def _clean_page(page: Page) -> Page:
    clean = _clean(page.text)
    if clean == page.text:
        return page
    blocks = tuple(replace(block, text=_clean(block.text)) for block in page.blocks)
    return replace(page, text=clean, blocks=blocks)


def _clean(text: str) -> str:
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
