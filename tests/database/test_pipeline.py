"""Processing a received file: the states, what is stored, failures, and being interrupted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from pgvector import HalfVector

from govbot.db.access import as_actor, as_system
from govbot.documents import store
from govbot.documents.types import State, Version
from govbot.errors import BadDocument, NotFound, Unavailable
from govbot.extract import Block, Extracted, Page
from govbot.ids import VersionId, new_id
from govbot.ingest import pipeline, report
from govbot.ingest.pipeline import process_version
from govbot.ingest.receive import Received
from tests.ingestion import Cast, HashEmbedder, Parts, assert_consistent, count, document_of, take

TITLE = "LEI Nº 1, DE 1º DE JANEIRO DE 2020"
LAW = f"""{TITLE}

Art. 1º Esta Lei dispõe sobre as licitações do Município.

Art. 2º As licitações observarão a publicidade e a economia.
"""


@pytest.fixture
async def received(parts: Parts, cast: Cast) -> Received:
    return await take(parts, cast.curator, cast.a, "lei.txt", LAW)


async def version_of(parts: Parts, received: Received) -> Version:
    async with as_system(parts.pool) as conn:
        return await store.get_version(conn, received.version_id)


async def test_a_processed_file_is_ready_with_pages_chunks_stems_and_vectors(
    parts: Parts, received: Received
) -> None:
    await parts.work()
    document = await document_of(parts, received)
    assert document.version.state == State.READY
    assert document.title == "LEI Nº 1, DE 1º DE JANEIRO DE 2020"
    assert document.served == 1
    assert document.version.chunks == await count(parts, "chunks") > 0
    assert document.version.pages == await count(parts, "version_pages") == 1
    assert document.version.finished_at is not None
    await assert_consistent(parts)


async def test_the_norm_that_it_is_is_recognised(parts: Parts, received: Received) -> None:
    await parts.work()
    document = await document_of(parts, received)
    assert (document.kind, document.norm_number, document.year) == ("lei", "1", 2020)
    assert document.signed_on == date(2020, 1, 1)


@pytest.mark.parametrize("title", ["Regulamento", "RESOLUÇÃO 27/2020"])
async def test_a_norm_s_number_finds_every_chunk_and_counts_once(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    text = "RESOLUÇÃO Nº 27/2020\n" + "\n".join(f"Art. {n}º {'palavra ' * 150}" for n in (1, 2))
    extracted(monkeypatch, text, title=title)
    await parts.work()
    assert (await document_of(parts, received)).title == title
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT tsv::text FROM chunks ORDER BY ord DESC LIMIT 1")
        row = await cursor.fetchone()
    assert row is not None
    for number in ("27", "2020"):
        [places] = re.findall(rf"'{number}':(\d+(?:,\d+)*)", row["tsv"])
        assert "," not in places


async def test_the_text_of_a_chunk_is_the_text_of_its_place(
    parts: Parts, received: Received
) -> None:
    await parts.work()
    async with as_system(parts.pool) as conn:
        text = await store.page_text(conn, received.version_id, 1)
        rows = await (await conn.execute("SELECT * FROM chunks ORDER BY ord")).fetchall()
        with pytest.raises(NotFound):
            await store.page_text(conn, received.version_id, 2)
    for row in rows:
        assert row["text"] == text[row["start_offset"] : row["end_offset"]]


async def test_the_vector_is_the_embedder_s_for_title_heading_and_text(
    parts: Parts, received: Received
) -> None:
    await parts.work()
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT c.heading, c.text, v.embedding FROM chunks c JOIN chunk_vectors v"
            " ON v.chunk_id = c.id"
        )
        rows = await cursor.fetchall()
    for row in rows:
        seen = "\n".join(part for part in (TITLE, row["heading"], row["text"]) if part)
        expected = await HashEmbedder().embed_query(seen)
        assert row["embedding"] == HalfVector(expected)


async def test_a_file_without_a_title_is_called_by_its_name(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = await take(parts, cast.curator, cast.a, "Ata 12.txt", "Abriu-se a sessão.")
    extracted(monkeypatch, "Abriu-se a sessão.")
    await parts.work()
    assert (await document_of(parts, received)).title == "Ata 12"


async def test_what_postgresql_cannot_store_becomes_spaces_and_marks(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted(monkeypatch, "Nulo\0aqui e metade\ud800aqui, nas licitações.")
    await parts.work()
    async with as_system(parts.pool) as conn:
        text = await store.page_text(conn, received.version_id, 1)
    assert text == "Nulo aqui e metade?aqui, nas licitações."


async def test_the_new_version_takes_the_place_of_the_old_one_and_its_text_stays(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await parts.work()
    second = await take(parts, cast.curator, cast.a, "lei.txt", LAW.replace("economia", "eficácia"))
    assert (await document_of(parts, second)).served == 1
    await parts.work()
    assert (await document_of(parts, second)).served == 2
    assert (await version_of(parts, received)).state == State.SUPERSEDED
    async with as_system(parts.pool) as conn:
        assert "economia" in await store.page_text(conn, received.version_id, 1)
        rows = await (await conn.execute("SELECT DISTINCT version_id FROM chunks")).fetchall()
    assert [row["version_id"] for row in rows] == [second.version_id]
    await assert_consistent(parts)


async def test_while_a_new_version_fails_the_old_one_is_served(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await parts.work()
    parts.embedder.failure = BadDocument("ruim", code="E-CORROMPIDO")
    second = await take(parts, cast.curator, cast.a, "lei.txt", "texto novo")
    await parts.work()
    document = await document_of(parts, second)
    assert (document.version.state, document.served) == (State.FAILED, 1)
    await assert_consistent(parts)


async def test_a_version_overtaken_by_a_newer_one_is_not_processed(
    parts: Parts, cast: Cast, received: Received
) -> None:
    await take(parts, cast.curator, cast.a, "lei.txt", "texto novo")
    await process_version(parts, received.version_id)
    assert (await version_of(parts, received)).state == State.SUPERSEDED
    assert parts.embedder.embedded == 0


async def test_an_older_version_that_comes_late_does_not_replace_a_newer_one(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    second: Received | None = None

    async def overtake(*_: object) -> None:
        nonlocal second
        monkeypatch.undo()
        second = await take(parts, cast.curator, cast.a, "lei.txt", "texto novo")
        await process_version(parts, second.version_id)

    before_embedding(monkeypatch, overtake)
    await process_version(parts, received.version_id)
    assert second is not None
    assert (await document_of(parts, second)).served == 2
    assert (await version_of(parts, received)).state == State.SUPERSEDED
    await assert_consistent(parts)


async def test_a_document_trashed_before_or_while_processing_is_quietly_done(
    parts: Parts, cast: Cast, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trash(*_: object) -> None:
        async with as_actor(parts.pool, cast.curator, write=True) as conn:
            await store.trash_document(conn, cast.curator, received.document_id)

    before_embedding(monkeypatch, trash)
    await process_version(parts, received.version_id)
    assert await count(parts, "chunks") == 0
    parts.embedder.embedded = 0
    await process_version(parts, received.version_id)
    assert parts.embedder.embedded == 0


async def test_a_version_that_does_not_exist_any_more_is_quietly_done(parts: Parts) -> None:
    await process_version(parts, VersionId(new_id()))


async def test_processing_again_changes_nothing(parts: Parts, received: Received) -> None:
    await parts.work()
    before = parts.embedder.embedded
    await process_version(parts, received.version_id)
    assert parts.embedder.embedded == before
    await assert_consistent(parts)


async def test_two_workers_at_the_same_version_store_it_once(
    parts: Parts, received: Received
) -> None:
    await asyncio.gather(*(process_version(parts, received.version_id) for _ in range(2)))
    assert (await version_of(parts, received)).state == State.READY
    await assert_consistent(parts)


async def test_a_bad_document_fails_with_code_and_sentence_and_leaves_the_queue(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.curator, cast.a, "lei.pdf", "%PDF-1.4 isto não é um PDF")
    await parts.work()
    version = await version_of(parts, received)
    assert version.state == State.FAILED
    assert version.error_code == "E-CORROMPIDO"
    assert version.error
    assert (await parts.queue.counts())["todo"] == 0


async def test_an_unavailable_part_puts_the_job_back_for_later(
    parts: Parts, received: Received
) -> None:
    parts.embedder.failure = Unavailable("O modelo está fora do ar.")
    await parts.work()
    version = await version_of(parts, received)
    assert (version.state, version.attempts) == (State.QUEUED, 1)
    assert (version.error_code, version.error) == ("E-UNAVAILABLE", "O modelo está fora do ar.")
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT status, extract(epoch FROM scheduled_at - now()) AS wait"
            " FROM procrastinate_jobs"
        )
        job = await cursor.fetchone()
    assert job is not None
    assert job["status"] == "todo"
    assert 20 < job["wait"] <= 31


async def test_a_part_unavailable_at_every_attempt_fails_with_its_reason(
    parts: Parts, received: Received
) -> None:
    parts.embedder.failure = Unavailable("O modelo está fora do ar.", code="E-MODEL")
    for _ in range(parts.settings.ingest.max_attempts - 1):
        with pytest.raises(Unavailable):
            await process_version(parts, received.version_id)
    await process_version(parts, received.version_id)
    version = await version_of(parts, received)
    assert (version.state, version.error_code) == (State.FAILED, "E-MODEL")


async def test_a_file_that_kills_the_process_is_put_aside_after_some_attempts(
    parts: Parts, received: Received
) -> None:
    attempts = parts.settings.ingest.max_attempts
    async with as_system(parts.pool) as conn:
        await conn.execute(  # what that many dead processes leave
            "UPDATE document_versions SET attempts = %(n)s, state = 'extracting'", {"n": attempts}
        )
    await process_version(parts, received.version_id)
    version = await version_of(parts, received)
    assert (version.state, version.error_code) == (State.FAILED, "E-TENTATIVAS")
    assert version.attempts == attempts


async def test_an_orderly_stop_gives_the_attempt_back(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def hang(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    before_embedding(monkeypatch, hang)
    task = asyncio.create_task(process_version(parts, received.version_id))
    await begun.wait()
    assert (await version_of(parts, received)).attempts == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    version = await version_of(parts, received)
    assert (version.state, version.attempts) == (State.QUEUED, 0)


async def test_a_bug_fails_the_document_with_a_sentence(parts: Parts, received: Received) -> None:
    parts.embedder.failure = KeyError("x")
    await process_version(parts, received.version_id)
    version = await version_of(parts, received)
    assert (version.state, version.error_code) == (State.FAILED, "E-INTERNAL")


async def test_progress_is_seen_while_the_work_goes_on(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "REPORT_S", 0.01)
    seen: list[tuple[State, int, int]] = []

    async def look(*_: object) -> None:
        for _attempt in range(200):
            version = await version_of(parts, received)
            if version.state == State.EMBEDDING:
                break
            await asyncio.sleep(0.01)
        seen.append((version.state, version.pages_done, version.pages))

    before_embedding(monkeypatch, look)
    await process_version(parts, received.version_id)
    assert seen == [(State.EMBEDDING, 0, 1)]


async def test_another_embedding_model_is_refused_with_the_command_to_run(
    parts: Parts, received: Received, cast: Cast
) -> None:
    await parts.work()
    other = replace(parts, embedder=HashEmbedder("outro", 32))
    second = await take(parts, cast.curator, cast.a, "b.txt", "outro texto")
    with pytest.raises(Unavailable, match="govbot reindex"):
        await process_version(other, second.version_id)
    assert (await version_of(parts, second)).error_code == "E-MODEL"


async def test_a_model_switched_before_the_last_step_stores_nothing(
    parts: Parts, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def switch(*_: object) -> None:
        async with as_system(parts.pool) as conn:
            await conn.execute("UPDATE embedding_models SET state = 'retired'")

    before_embedding(monkeypatch, switch)
    with pytest.raises(Unavailable):
        await process_version(parts, received.version_id)
    assert await count(parts, "chunks") == 0


async def test_a_missing_original_is_reported_as_such(parts: Parts, received: Received) -> None:
    document = await document_of(parts, received)
    parts.files.remove(document.version.sha256)
    with pytest.raises(Unavailable) as caught:
        await process_version(parts, received.version_id)
    assert caught.value.error_code == "E-ORIGINAL"


def extracted(monkeypatch: pytest.MonkeyPatch, text: str, title: str = "") -> None:
    """Replaces the sandbox by one that reads this text."""

    async def read(*_: object, **__: object) -> Extracted:
        page = Page(1, text, (Block("paragraph", text),))
        return Extracted((page,), title, {}, ())

    monkeypatch.setattr(pipeline, "extract", read)


def before_embedding(monkeypatch: pytest.MonkeyPatch, act: Callable[..., object]) -> None:
    """Runs `act` when the first passages are about to be embedded."""
    embed = HashEmbedder.embed_passages

    async def acting(self: HashEmbedder, texts: list[str]) -> list[list[float]]:
        await act()  # type: ignore[misc]
        return await embed(self, texts)

    monkeypatch.setattr(HashEmbedder, "embed_passages", acting)
