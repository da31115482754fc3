"""What is deleted for good: the trash by hand and by age, and originals that nothing names."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govbot.chat import store as chats
from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.documents import collections, disposal, lifecycle, store
from govbot.documents.files import FileStore
from govbot.errors import Conflict, Denied, GovBotError, NotFound, Unavailable
from govbot.ids import DocumentId
from govbot.ingest.receive import Received
from tests.ingestion import Cast, Parts, assert_consistent, count, take

OTHER = "Art. 1º Outro texto."
NOW = datetime.now(UTC)


async def trash(parts: Parts, received: Received) -> Received:
    async with as_system(parts.pool) as conn:
        await store.trash_document(conn, None, received.document_id)
    return received


async def trashed(parts: Parts, cast: Cast, filename: str = "lei.txt") -> Received:
    received = await take(parts, cast.writer, cast.a, filename, f"Art. 1º Norma {filename}.")
    await parts.work()
    return await trash(parts, received)


async def exists(parts: Parts, document_id: DocumentId) -> bool:
    async with as_system(parts.pool) as conn:
        try:
            await store.get_document(conn, document_id)
        except NotFound:
            return False
    return True


def originals(parts: Parts) -> list[Path]:
    return [path for path in parts.files.root.glob("??/??/*") if path.is_file()]


def aged(parts: Parts, days: int) -> None:
    moment = (NOW - timedelta(days=days)).timestamp()
    for path in originals(parts):
        os.utime(path, (moment, moment))


async def test_nothing_is_left_of_a_document_deleted_for_good(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    await parts.work()
    await take(parts, cast.writer, cast.a, text=OTHER)
    await parts.work()
    await trash(parts, received)
    await disposal.delete_for_good(parts.pool, parts.files, cast.curator, received.document_id)
    for table in ("documents", "document_versions", "version_pages", "chunks", "postings",
                  "chunk_vectors", "term_stats"):  # fmt: skip
        assert await count(parts, table) == 0
    assert originals(parts) == []
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT details FROM audit_log WHERE action = 'document.purged'"
        )
        assert len(await cursor.fetchall()) == 1
    await assert_consistent(parts)


async def test_an_original_that_another_document_names_stays(parts: Parts, cast: Cast) -> None:
    """The pictures of the deleted document's pages go all the same."""
    first = await take(parts, cast.writer, cast.a)
    second = await take(parts, None, cast.b)
    drawn = parts.files.drawn
    sha256 = originals(parts)[0].name
    drawn.put(sha256, first.version_id, "1-1000", b"picture", most_bytes=1000)
    await trash(parts, first)
    await disposal.delete_for_good(parts.pool, parts.files, cast.curator, first.document_id)
    assert len(originals(parts)) == 1
    assert list(drawn.versions()) == []
    # What a stopped process left goes with the sweep.
    for version_id in (first.version_id, second.version_id):
        drawn.put(sha256, version_id, "1-1000", b"picture", most_bytes=1000)
    await disposal.sweep_originals(parts.pool, parts.files)
    assert list(drawn.versions()) == [(sha256, second.version_id)]
    await trash(parts, second)
    await disposal.delete_for_good(parts.pool, parts.files, OPERATOR, second.document_id)
    assert originals(parts) == []


async def test_only_what_lies_in_the_trash_is_deleted(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    with pytest.raises(Conflict) as error:
        await disposal.delete_for_good(parts.pool, parts.files, cast.curator, received.document_id)
    assert error.value.error_code == "E-NOT-IN-TRASH"
    assert await exists(parts, received.document_id)


@pytest.mark.parametrize(
    ("who", "error"), [("writer", Denied), ("reader", NotFound), ("stranger", NotFound)]
)
async def test_only_managers_delete_for_good(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    received = await trashed(parts, cast)
    actor = getattr(cast, who)
    with pytest.raises(error):
        await disposal.delete_for_good(parts.pool, parts.files, actor, received.document_id)
    assert await exists(parts, received.document_id)
    assert len(originals(parts)) == 1


async def test_an_answer_made_from_a_deleted_document_stays_hidden(
    parts: Parts, cast: Cast
) -> None:
    received = await take(parts, cast.writer, cast.a)
    async with as_actor(parts.pool, cast.reader, write=True) as conn:
        document = await store.get_document(conn, received.document_id)
        conversation = await chats.create_conversation(conn, cast.reader)
        question = await chats.add_question(conn, cast.reader, conversation, "Qual?")
        answer = await chats.add_answer(conn, cast.reader, conversation, question)
        await chats.set_sources(conn, answer, [document.key])
        await chats.finish_answer(conn, cast.reader, answer, content="Esta.", state="done")
    await trash(parts, received)
    await disposal.delete_for_good(parts.pool, parts.files, None, received.document_id)
    async with as_actor(parts.pool, cast.reader) as conn:
        (turn,) = await chats.turns(conn, conversation)
        with pytest.raises(NotFound):
            await chats.get_message(conn, answer)
    assert turn.answers[-1].hidden


async def test_a_job_of_a_deleted_document_ends_quietly(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    await trash(parts, received)
    await disposal.delete_for_good(parts.pool, parts.files, None, received.document_id)
    await parts.work()
    assert await count(parts, "document_versions") == 0


# By age.


async def test_the_trash_is_emptied_of_what_has_lain_there_long_enough(
    parts: Parts, cast: Cast
) -> None:
    old = await trashed(parts, cast, "velha.txt")
    new = await trashed(parts, cast, "nova.txt")
    kept = await take(parts, cast.writer, cast.a, "fica.txt", OTHER)
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "UPDATE documents SET trashed_at = now() - interval '31 days' WHERE id = %(id)s",
            {"id": old.document_id},
        )
    assert await disposal.purge_trash(parts.pool, parts.files, days=30) == 1
    assert not await exists(parts, old.document_id)
    assert await exists(parts, new.document_id)
    assert await exists(parts, kept.document_id)
    assert len(originals(parts)) == 2


async def test_zero_days_keep_the_trash(parts: Parts, cast: Cast) -> None:
    received = await trashed(parts, cast)
    later = NOW + timedelta(days=9999)
    assert await disposal.purge_trash(parts.pool, parts.files, days=0, now=later) == 0
    assert await exists(parts, received.document_id)


async def test_what_is_under_legal_hold_outlasts_the_trash(parts: Parts, cast: Cast) -> None:
    received = await trashed(parts, cast)
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await lifecycle.set_legal_hold(conn, cast.curator, received.document_id, "Processo 1")
    later = NOW + timedelta(days=9999)
    assert await disposal.purge_trash(parts.pool, parts.files, days=1, now=later) == 0
    with pytest.raises(Conflict) as error:
        await disposal.delete_for_good(parts.pool, parts.files, OPERATOR, received.document_id)
    assert error.value.error_code == "E-LEGAL-HOLD"
    assert await exists(parts, received.document_id)


async def test_a_deletion_whose_file_could_not_go_leaves_it_for_the_sweep(
    parts: Parts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = await trashed(parts, cast)

    def killed(_files: FileStore, _sha256: str) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "remove", killed)
        with pytest.raises(Unavailable):
            await disposal.delete_for_good(parts.pool, parts.files, None, received.document_id)
    assert not await exists(parts, received.document_id)
    assert len(originals(parts)) == 1
    aged(parts, 2)
    assert await disposal.sweep_originals(parts.pool, parts.files) == 1
    assert originals(parts) == []


# Originals that nothing names.


async def test_the_sweep_takes_old_orphans_and_leaves_everything_else(
    parts: Parts, cast: Cast
) -> None:
    await take(parts, cast.writer, cast.a)
    await trashed(parts, cast, "lixo.txt")
    orphan = parts.files.path_of("ab" + "0" * 62)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    (orphan.parent / "leia-me.txt").write_text("nota")
    aged(parts, 2)
    young = parts.files.path_of("cd" + "0" * 62)
    young.parent.mkdir(parents=True)
    young.write_bytes(b"x")
    assert await disposal.sweep_originals(parts.pool, parts.files) == 1
    assert not orphan.exists()
    assert young.exists()
    assert (orphan.parent / "leia-me.txt").exists()
    assert len(originals(parts)) == 4


async def test_storing_an_old_orphan_again_makes_it_new(parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("texto")
    await parts.files.put(file, max_bytes=100)
    aged(parts, 2)
    await parts.files.put(file, max_bytes=100)
    assert await disposal.sweep_originals(parts.pool, parts.files) == 0


async def test_versions_without_their_original_are_named(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.writer, cast.a)
    await take(parts, cast.writer, cast.a, "b.txt", OTHER)
    assert await disposal.missing_originals(parts.pool, parts.files) == []
    async with as_system(parts.pool) as conn:
        version = await store.get_version(conn, received.version_id)
    parts.files.remove(version.sha256)
    missing = await disposal.missing_originals(parts.pool, parts.files)
    assert [document.id for document in missing] == [received.document_id]


async def test_a_deleted_collection_leaves_no_original(parts: Parts, cast: Cast) -> None:
    await take(parts, cast.writer, cast.a)
    await take(parts, cast.writer, cast.a, text=OTHER)
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        orphans = await collections.delete_collection(
            conn, cast.curator, cast.a, with_documents=True
        )
    assert await disposal.remove_originals(parts.pool, parts.files, orphans) == 2
    assert originals(parts) == []
