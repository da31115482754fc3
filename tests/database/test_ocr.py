"""Scanned documents in the pipeline: recognised once, kept page by page, read again when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from govbot.db.access import Actor, as_actor, as_system
from govbot.documents import store, words
from govbot.documents.types import State, Version
from govbot.extract import tesseract
from govbot.ids import CollectionId
from govbot.ingest.ocr_return import requeue_unread
from govbot.ingest.pipeline import process_version
from govbot.ingest.receive import Received, receive
from tests.ingestion import Cast, Parts, assert_consistent, document_of
from tests.scans import NORM, drawn, scan_pdf, scanned

LINE = (
    "<span class='ocr_line' id='l' title=\"bbox 100 {y} 900 {z}; baseline 0 -8; x_size 40;"
    " x_descenders 8; x_ascenders 8\"><span class='ocrx_word' id='w'"
    " title='bbox 100 {y} 900 {z}; x_wconf 96'>{word}</span></span>"
)
WORDS = ("licitações", "publicidade", "contratos", "servidores", "economia", "diárias")
ANSWER = "".join(
    LINE.format(y=200 + 60 * row, z=240 + 60 * row, word=word)
    for row, word in enumerate((*WORDS, *WORDS, *WORDS))
)
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """install() puts a program that recognises the same words on every page on the PATH,
    install(works=False) one that fails on every page, install(None) none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    answer = tmp_path / "answer"
    answer.write_text(ANSWER)

    def put(version: str | None = "5.0.0", *, works: bool = True, seconds: float = 0) -> None:
        program = folder / "tesseract"
        program.unlink(missing_ok=True)
        if version is not None:
            work = f"sleep {seconds}; exec cat {answer}" if works else "exit 1"
            program.write_text(
                "#!/bin/sh\n"
                f'[ "$1" = --version ] && exec echo "tesseract {version}"\n'
                '[ "$1" = --list-langs ] && exec printf "List:\\npor\\n"\n'
                f"{work}\n"
            )
            program.chmod(0o755)
        # The real programs stay out of sight, but for what the script needs.
        monkeypatch.setattr(
            tesseract.shutil,
            "which",
            lambda name: str(program) if name == "tesseract" and program.exists() else None,
        )
        tesseract._asked.cache_clear()

    put()
    return put


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scanned pages."""
    image = scanned(drawn(), dpi=75)
    return scan_pdf(tmp_path_factory.mktemp("scan") / "scan.pdf", [image] * 3)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of text, and one that is a picture."""
    image = scanned(drawn(), dpi=75)
    path = tmp_path_factory.mktemp("mixed") / "mixed.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    drawn(["PORTARIA Nº 3, DE 1º DE MARÇO DE 2020", *NORM[6:9]])(canvas)
    canvas.showPage()
    canvas.drawInlineImage(image, 0, 0, *A4)
    canvas.save()
    return path


async def put_in(
    parts: Parts, actor: Actor | None, collection: CollectionId, path: Path
) -> Received:
    return await receive(
        parts, actor, collection_id=collection, filename=path.name, source="upload", path=path
    )


async def version_of(parts: Parts, received: Received) -> Version:
    async with as_system(parts.pool) as conn:
        return await store.get_version(conn, received.version_id)


async def written(parts: Parts, received: Received) -> dict[int, Any]:
    """For each page whose words are kept, the transaction that wrote them."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT number, xmin::text AS writer FROM page_words WHERE version_id = %(id)s",
            {"id": received.version_id},
        )
        return {row["number"]: row["writer"] for row in await cursor.fetchall()}


async def test_a_scan_becomes_ready_with_its_words_kept(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    received = await put_in(parts, cast.curator, cast.a, scan)
    await parts.work()
    version = await version_of(parts, received)
    assert (version.state, version.ocr_pages, version.unread_pages) == (
        State.READY,
        [1, 2, 3],
        [],
    )
    assert version.chunks > 0
    async with as_actor(parts.pool, cast.reader) as conn:
        found = await words.page_words(conn, version.id, 2)
        assert [word[0] for word in found] == [*WORDS, *WORDS, *WORDS]
        assert found[0][1:] == pytest.approx((100 / 2480, 0.0571, 0.3226, 0.0114, 0), abs=2e-3)
        assert await words.page_words(conn, version.id, 4) == []
    await assert_consistent(parts)


async def test_words_are_seen_by_those_who_may_read_the_document(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    received = await put_in(parts, cast.curator, cast.a, scan)
    await parts.work()
    async with as_actor(parts.pool, cast.stranger) as conn:
        assert await words.page_words(conn, received.version_id, 1) == []
        assert await words.words_of(conn, received.version_id, "") == {}


async def test_a_scan_waits_for_tesseract_and_is_then_read(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    install(None)
    received = await put_in(parts, cast.curator, cast.a, scan)
    await parts.work()
    failed = await version_of(parts, received)
    assert (failed.state, failed.error_code) == (State.FAILED, "E-DIGITALIZADO")
    assert "tesseract-ocr and tesseract-ocr-por" in (failed.error or "")
    assert await requeue_unread(parts) == 0
    install()
    assert await requeue_unread(parts) == 1
    assert await requeue_unread(parts) == 0
    await parts.work()
    assert (await version_of(parts, received)).state == State.READY


async def test_a_mixed_document_is_ready_and_read_again(
    parts: Parts, cast: Cast, install: Install, mixed: Path
) -> None:
    install(None)
    received = await put_in(parts, cast.curator, cast.a, mixed)
    await parts.work()
    version = await version_of(parts, received)
    assert (version.state, version.unread_pages) == (State.READY, [2])
    install()
    assert await requeue_unread(parts) == 1
    await parts.work()
    version = await version_of(parts, received)
    assert (version.state, version.ocr_pages, version.unread_pages) == (State.READY, [2], [])
    assert await requeue_unread(parts) == 0


async def test_what_an_engine_cannot_read_is_tried_again_by_another_only(
    parts: Parts, cast: Cast, install: Install, mixed: Path, scan: Path
) -> None:
    install(works=False)
    for path in (mixed, scan):
        await put_in(parts, cast.curator, cast.a, path)
    await parts.work()
    assert await requeue_unread(parts) == 0
    install("5.1.0")
    assert await requeue_unread(parts) == 2


async def test_documents_in_the_trash_are_left_alone(
    parts: Parts, cast: Cast, install: Install, mixed: Path
) -> None:
    install(None)
    received = await put_in(parts, cast.curator, cast.a, mixed)
    await parts.work()
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, received.document_id)
    install()
    assert await requeue_unread(parts) == 0


async def test_versions_that_were_overtaken_are_left_alone(
    parts: Parts, cast: Cast, install: Install, mixed: Path, tmp_path: Path
) -> None:
    install(None)
    await put_in(parts, cast.curator, cast.a, mixed)
    await parts.work()
    newer = tmp_path / "mixed.pdf"
    canvas = Canvas(str(newer))
    drawn()(canvas)
    canvas.save()
    await put_in(parts, cast.curator, cast.a, newer)
    install()
    assert await requeue_unread(parts) == 0


async def test_turned_off_nothing_is_recognised(
    parts: Parts, cast: Cast, install: Install, mixed: Path
) -> None:
    ocr = parts.settings.ocr.model_copy(update={"enabled": "off"})
    off = parts.with_settings(parts.settings.model_copy(update={"ocr": ocr}))
    received = await put_in(off, cast.curator, cast.a, mixed)
    await off.work()
    assert (await version_of(off, received)).unread_pages == [2]
    assert await requeue_unread(off) == 0
    assert await requeue_unread(parts) == 1


async def test_work_that_was_broken_off_goes_on_where_it_was(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    install(seconds=0.5)
    received = await put_in(parts, cast.curator, cast.a, scan)
    task = asyncio.create_task(process_version(parts, received.version_id))
    async with asyncio.timeout(60):
        while not await written(parts, received):
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    before = await written(parts, received)
    assert 1 <= len(before) < 3
    await parts.work()
    after = await written(parts, received)
    assert sorted(after) == [1, 2, 3]
    assert before.items() <= after.items()
    assert (await version_of(parts, received)).state == State.READY


async def test_the_same_content_elsewhere_is_not_recognised_again(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    await put_in(parts, cast.admin, cast.a, scan)
    await parts.work()
    install(works=False)
    again = await put_in(parts, cast.admin, cast.b, scan)
    await parts.work()
    version = await version_of(parts, again)
    assert (version.state, version.ocr_pages) == (State.READY, [1, 2, 3])
    assert sorted(await written(parts, again)) == [1, 2, 3]


async def test_what_was_recognised_outlives_the_program(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    received = await put_in(parts, cast.curator, cast.a, scan)
    await parts.work()
    install(None)
    async with as_system(parts.pool) as conn:
        await conn.execute("UPDATE document_versions SET state = 'queued', attempts = 0")
    await process_version(parts, received.version_id)
    assert (await version_of(parts, received)).ocr_pages == [1, 2, 3]
    assert (await document_of(parts, received)).served == 1


async def test_words_go_with_their_version(
    parts: Parts, cast: Cast, install: Install, scan: Path
) -> None:
    received = await put_in(parts, cast.curator, cast.a, scan)
    await parts.work()
    version = await version_of(parts, received)
    async with as_system(parts.pool) as conn:
        await conn.execute("DELETE FROM document_versions WHERE id = %(id)s", {"id": version.id})
        await words.save_words(conn, version, 1, "e", [])
    assert await written(parts, received) == {}
