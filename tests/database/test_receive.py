"""Taking files in: what is stored, what is refused, duplicates and new versions, permissions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from govbot import audit
from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.documents import collections, store
from govbot.documents.types import State
from govbot.errors import (
    BadDocument,
    Conflict,
    Denied,
    GovBotError,
    NotFound,
    TooLarge,
    Unavailable,
)
from govbot.ids import CollectionId, new_id
from govbot.ingest.receive import receive, restore, retry
from tests.ingestion import Cast, Parts, count, document_of, take


def originals(parts: Parts) -> list[Path]:
    return [p for p in parts.files.root.rglob("*") if p.is_file()]


async def test_a_file_becomes_a_queued_document_with_a_job_and_an_audit_entry(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.curator, cast.a, "Edital.txt", "texto do edital")
    document = await document_of(parts, received)
    assert (document.path, document.filename, document.source) == ("Edital.txt",) * 2 + ("upload",)
    assert document.version.state == received.state == State.QUEUED
    assert document.version.number == 1
    assert document.version.mime == "text/plain"
    assert document.served is None
    assert parts.files.path_of(document.version.sha256).read_text() == "texto do edital"
    assert (await parts.queue.counts())["todo"] == 1
    async with as_system(parts.pool) as conn:
        entry = (await audit.entries(conn, action="document.uploaded"))[0]
    assert entry.actor_id == cast.curator.id
    assert entry.resource == str(document.id)
    assert '"filename":"Edital.txt"' in entry.details


async def test_the_same_content_is_not_taken_twice_whatever_its_name(
    parts: Parts, cast: Cast
) -> None:
    first = await take(parts, cast.curator, cast.a, "um.txt", "mesmo texto")
    second = await take(parts, cast.writer, cast.a, "dois.txt", "mesmo texto")
    assert second.duplicate
    assert not first.duplicate
    assert (second.document_id, second.version_id) == (first.document_id, first.version_id)
    assert await count(parts, "documents") == 1
    assert len(originals(parts)) == 1
    assert (await parts.queue.counts())["todo"] == 1


async def test_one_content_arriving_many_times_at_once_is_one_document(
    parts: Parts, cast: Cast
) -> None:
    all_received = await asyncio.gather(
        *(take(parts, cast.curator, cast.a, f"{n}.txt", "mesmo texto") for n in range(5))
    )
    assert len({received.document_id for received in all_received}) == 1
    assert sorted(received.duplicate for received in all_received) == [False, *[True] * 4]


async def test_two_contents_arriving_at_one_path_at_once_are_two_versions(
    parts: Parts, cast: Cast
) -> None:
    first, second = await asyncio.gather(
        take(parts, cast.curator, cast.a, "lei.txt", "um texto"),
        take(parts, cast.curator, cast.a, "lei.txt", "outro texto"),
    )
    assert first.document_id == second.document_id
    async with as_system(parts.pool) as conn:
        versions = await store.versions_of(conn, first.document_id)
    assert [version.number for version in versions] == [2, 1]


async def test_the_same_content_in_another_collection_is_another_document(
    parts: Parts, cast: Cast
) -> None:
    first = await take(parts, cast.admin, cast.a, text="mesmo texto")
    second = await take(parts, cast.admin, cast.b, text="mesmo texto")
    assert not second.duplicate
    assert first.document_id != second.document_id
    assert len(originals(parts)) == 1


async def test_new_content_at_the_same_path_is_a_new_version(parts: Parts, cast: Cast) -> None:
    first = await take(parts, cast.curator, cast.a, "lei.txt", "um texto")
    second = await take(parts, cast.writer, cast.a, "lei.txt", "texto alterado")
    assert second.document_id == first.document_id
    assert (await document_of(parts, second)).version.number == 2


async def test_going_back_to_an_older_content_is_a_new_version(parts: Parts, cast: Cast) -> None:
    for text in ("um texto", "texto alterado", "um texto"):
        received = await take(parts, cast.curator, cast.a, "lei.txt", text)
    assert not received.duplicate
    assert (await document_of(parts, received)).version.number == 3


async def test_content_that_lies_in_the_trash_is_taken_again(parts: Parts, cast: Cast) -> None:
    first = await take(parts, cast.curator, cast.a)
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, first.document_id)
    second = await take(parts, cast.curator, cast.a)
    assert not second.duplicate
    assert second.document_id != first.document_id


@pytest.mark.parametrize("who", ["admin", "curator", "writer"])
async def test_writers_may_add_documents(parts: Parts, cast: Cast, who: str) -> None:
    assert (await take(parts, getattr(cast, who), cast.a)).state == State.QUEUED


async def test_the_operator_and_the_system_may_add_documents(parts: Parts, cast: Cast) -> None:
    await take(parts, OPERATOR, cast.a, "um.txt", "um texto")
    received = await take(parts, None, cast.a, "dois.txt", "outro texto")
    async with as_system(parts.pool) as conn:
        names = [e.actor_name for e in await audit.entries(conn, action="document.uploaded")]
    assert names == ["", "operator"]
    assert (await document_of(parts, received)).version.state == State.QUEUED


@pytest.mark.parametrize(("who", "error"), [("reader", Denied), ("stranger", NotFound)])
async def test_who_may_not_write_adds_nothing_and_leaves_no_file(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    with pytest.raises(error):
        await take(parts, getattr(cast, who), cast.a)
    assert originals(parts) == []
    assert await count(parts, "documents") == 0


async def test_a_collection_that_does_not_exist_is_not_found(parts: Parts, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await take(parts, cast.admin, CollectionId(new_id()))


@pytest.mark.parametrize(("text", "code"), [("", "E-VAZIO"), ("%!PS\0\1\2\3" * 50, "E-FORMATO")])
async def test_a_file_that_cannot_be_read_is_refused_and_not_kept(
    parts: Parts, cast: Cast, text: str, code: str
) -> None:
    with pytest.raises(BadDocument) as caught:
        await take(parts, cast.curator, cast.a, "lei.bin", text)
    assert caught.value.error_code == code
    assert originals(parts) == []
    assert await count(parts, "documents") == await count(parts, "procrastinate_jobs") == 0


async def test_a_file_above_the_limit_is_refused(parts: Parts, cast: Cast) -> None:
    ingest = parts.settings.ingest.model_copy(update={"max_file_mb": 1})
    small = parts.with_settings(parts.settings.model_copy(update={"ingest": ingest}))
    with pytest.raises(TooLarge, match="1 MB"):
        await take(small, cast.curator, cast.a, text="x" * 1_000_001)
    assert originals(parts) == []


async def test_the_name_is_stored_without_folders_and_invisible_marks(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.curator, cast.a, "../x/lei\u202etxt.txt")
    assert (await document_of(parts, received)).filename == "leitxt.txt"


async def test_a_path_below_a_folder_tells_files_of_one_name_apart(
    parts: Parts, cast: Cast, tmp_path: Path
) -> None:
    ids = set()
    for year in ("2020", "2021"):
        file = tmp_path / year / "lei.txt"
        file.parent.mkdir()
        file.write_text(f"Lei de {year}")
        received = await receive(
            parts,
            OPERATOR,
            collection_id=cast.a,
            filename="lei.txt",
            path=file,
            place=f"{year}/lei.txt",
            source="cli",
        )
        ids.add(received.document_id)
    assert len(ids) == 2


async def test_a_name_that_a_hidden_document_has_is_a_conflict(parts: Parts, cast: Cast) -> None:
    hidden = await document_of(parts, await take(parts, cast.curator, cast.a, "lei.txt", "um"))
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level, effect)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read', 'deny')",
            {"id": new_id(), "user": cast.writer.id, "key": hidden.key},
        )
    with pytest.raises(Conflict):
        await take(parts, cast.writer, cast.a, "lei.txt", "outro")


async def test_a_failed_document_is_tried_again_when_someone_asks(parts: Parts, cast: Cast) -> None:
    parts.embedder.failure = BadDocument("ruim", code="E-CORROMPIDO")
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    assert (await document_of(parts, received)).version.error_code == "E-CORROMPIDO"
    parts.embedder.failure = None
    assert await retry(parts, cast.writer, received.document_id)
    await parts.work()
    version = (await document_of(parts, received)).version
    assert (version.state, version.error, version.error_code) == (State.READY, None, None)
    async with as_system(parts.pool) as conn:
        entry = (await audit.entries(conn, action="document.retried"))[0]
    assert entry.actor_id == cast.writer.id


async def test_a_failed_duplicate_is_tried_again_only_when_asked_for(
    parts: Parts, cast: Cast, tmp_path: Path
) -> None:
    parts.embedder.failure = BadDocument("ruim")
    await take(parts, cast.curator, cast.a, "lei.txt", "um texto")
    await parts.work()
    assert (await take(parts, cast.curator, cast.a, "lei.txt", "um texto")).state == State.FAILED
    file = tmp_path / "lei.txt"
    file.write_text("um texto")
    again = await receive(
        parts,
        OPERATOR,
        collection_id=cast.a,
        filename="lei.txt",
        path=file,
        source="cli",
        retry_failed=True,
    )
    assert (again.duplicate, again.state) == (True, State.QUEUED)


async def test_what_did_not_fail_is_not_tried_again(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.curator, cast.a)
    assert not await retry(parts, cast.curator, received.document_id)


@pytest.mark.parametrize(("who", "error"), [("reader", Denied), ("stranger", NotFound)])
async def test_who_may_not_write_may_not_retry(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    parts.embedder.failure = BadDocument("ruim")
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    with pytest.raises(error):
        await retry(parts, getattr(cast, who), received.document_id)
    assert (await document_of(parts, received)).version.state == State.FAILED


async def test_a_restored_document_is_searchable_again(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, received.document_id)
    await restore(parts, cast.curator, received.document_id)
    await parts.work()
    assert (await document_of(parts, received)).served == 1
    assert await count(parts, "chunks") == 1


async def test_nothing_is_restored_over_a_newer_document_of_that_name(
    parts: Parts, cast: Cast
) -> None:
    first = await take(parts, cast.curator, cast.a, "lei.txt", "um")
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, first.document_id)
    await take(parts, cast.curator, cast.a, "lei.txt", "dois")
    with pytest.raises(Conflict):
        await restore(parts, cast.curator, first.document_id)


async def test_a_file_removed_at_the_same_moment_is_asked_for_again(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = collections.get_shelf
    seen = 0

    async def remove_then_get(*args: object) -> object:
        nonlocal seen
        seen += 1
        if seen == 2:  # between storing the file and entering it
            for file in originals(parts):
                file.unlink()
        return await locked(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(collections, "get_shelf", remove_then_get)
    with pytest.raises(Unavailable, match="again"):
        await take(parts, cast.curator, cast.a)
    assert await count(parts, "documents") == 0
