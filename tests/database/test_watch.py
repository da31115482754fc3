"""Watched folders: what comes, changes, moves, goes; what is left alone."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path

import pytest

from govbot.db.access import as_actor, as_system
from govbot.documents import collections, grants, store
from govbot.documents.types import Level, Target
from govbot.errors import Unavailable
from govbot.ingest.look import FolderTrouble, Look
from govbot.ingest.watch import watch
from tests.ingestion import Cast, Parts, assert_consistent, count, take
from tests.watching import (
    SETTLE,
    Watchers,
    documents,
    health,
    refused,
    trash,
    with_folders,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "entrada"
    made.mkdir()
    return made


@pytest.fixture
def second(tmp_path: Path) -> Path:
    made = tmp_path / "outra"
    made.mkdir()
    return made


@pytest.fixture
def watched(parts: Parts, cast: Cast, folder: Path) -> Parts:
    return with_folders(parts, {"path": str(folder)})


@pytest.fixture
def watchers(watched: Parts) -> Watchers:
    return Watchers(watched)


async def test_a_file_comes_in_when_it_has_settled(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "2020").mkdir()
    (folder / "2020" / "lei.txt").write_text("Lei de 2020")
    await watchers.start()
    assert await watchers.look()
    assert await documents(watched) == {}
    assert not await watchers.look(after=SETTLE)
    (found,) = (await documents(watched)).values()
    assert (found.path, found.filename, found.source) == ("2020/lei.txt", "lei.txt", "folder")
    assert (found.folder, found.tags) == (str(folder), [])


async def test_a_file_that_still_grows_waits(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    await watchers.start()
    file = folder / "lei.txt"
    for n in range(3):
        file.write_text("texto " * (n + 1))
        os.utime(file, (1, 1))  # a copy that keeps the time of the original
        assert await watchers.look(after=SETTLE)
    assert await documents(watched) == {}
    assert not await watchers.look(after=SETTLE)
    assert len(await documents(watched)) == 1


async def test_an_empty_file_waits_without_hurry_until_it_is_written(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").touch()
    await watchers.settle()
    assert await documents(watched) == {}
    assert [f.waiting for f in await health(watched)] == [1]
    (folder / "lei.txt").write_text("agora")
    await watchers.settle()
    assert list(await documents(watched)) == ["lei.txt"]


async def test_a_changed_file_is_a_new_version(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    (folder / "lei.txt").write_text("dois")
    await watchers.settle()
    assert (await documents(watched))["lei.txt"].version.number == 2


async def test_a_touched_file_is_not(watched: Parts, folder: Path, watchers: Watchers) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    os.utime(folder / "lei.txt")
    await watchers.settle()
    assert (await documents(watched))["lei.txt"].version.number == 1


async def test_a_deleted_file_goes_to_the_trash_after_the_settle_time(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    (folder / "outra.txt").write_text("outra")
    await watchers.settle()
    (folder / "lei.txt").unlink()
    assert await watchers.look()
    assert len(await documents(watched)) == 2
    await watchers.settle()
    assert list(await documents(watched)) == ["outra.txt"]
    assert list(await trash(watched)) == ["lei.txt"]


async def test_a_deleted_file_leaves_its_document_where_that_is_wanted(
    parts: Parts, cast: Cast, folder: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder), "deleted": "keep"})
    for name in "abc":
        (folder / f"{name}.txt").write_text(name)
    watchers = Watchers(watched)
    await watchers.settle()
    (folder / "a.txt").unlink()
    (folder / "b.txt").rename(folder / "d.txt")
    await watchers.settle()
    assert sorted(await documents(watched)) == ["a.txt", "c.txt", "d.txt"]
    (folder / "a.txt").write_text("a")
    await watchers.settle()
    assert sorted(await documents(watched)) == ["a.txt", "c.txt", "d.txt"]
    assert await count(watched, "documents") == 3


async def test_a_file_that_comes_back_brings_its_document_back(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    for name in ("lei", "outra"):
        (folder / f"{name}.txt").write_text(name)
    await watchers.settle()
    before = (await documents(watched))["lei.txt"]
    (folder / "lei.txt").unlink()
    await watchers.settle()
    (folder / "velhas").mkdir()
    (folder / "velhas" / "lei.txt").write_text("lei")
    await watchers.settle()
    after = await documents(watched)
    assert after["velhas/lei.txt"].id == before.id
    assert await trash(watched) == {}
    await watched.work()
    assert (await documents(watched))["velhas/lei.txt"].served == 1
    await assert_consistent(watched)


async def test_a_content_that_comes_back_in_two_files_at_once_is_one_document(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"Artigo {name}")
    await watchers.settle()
    (folder / "a.txt").unlink()
    await watchers.settle()
    (folder / "b.txt").write_text("Artigo a.txt")  # a new version of what lies there
    (folder / "c.txt").write_text("Artigo a.txt")
    await watchers.settle()
    assert [*await documents(watched)] == ["b.txt"]
    assert [*await trash(watched)] == ["a.txt"]


async def test_a_renamed_file_is_the_same_document(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    before = (await documents(watched))["lei.txt"]
    (folder / "lei.txt").rename(folder / "lei-1.txt")
    await watchers.settle()
    after = await documents(watched)
    assert list(after) == ["lei-1.txt"]
    assert after["lei-1.txt"].id == before.id
    assert after["lei-1.txt"].filename == "lei-1.txt"
    assert after["lei-1.txt"].version.number == 1


async def test_a_renamed_directory_keeps_its_documents_without_reading_them_again(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "2020" / "01").mkdir(parents=True)
    for n in range(30):
        (folder / "2020" / "01" / f"{n}.txt").write_text(f"ato {n}")
    await watchers.settle()
    await watched.work()
    before = {d.id: d.filename for d in (await documents(watched)).values()}
    embedded = watched.embedder.embedded
    (folder / "2020").rename(folder / "Ano de 2020")
    await watchers.settle()
    await watched.work()
    after = await documents(watched)
    assert {d.id: d.filename for d in after.values()} == before
    assert all(path.startswith("Ano de 2020/01/") for path in after)
    assert watched.embedder.embedded == embedded


async def test_two_files_that_swap_names_swap_their_documents(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    a, b = folder / "a.txt", folder / "b.txt"
    a.write_text("um")
    b.write_text("dois")
    await watchers.settle()
    before = {path: d.id for path, d in (await documents(watched)).items()}
    a.rename(folder / "c")
    b.rename(a)
    (folder / "c").rename(b)
    await watchers.settle()
    after = {path: d.id for path, d in (await documents(watched)).items()}
    assert after == {"a.txt": before["b.txt"], "b.txt": before["a.txt"]}
    assert await count(watched, "document_versions") == 2


async def test_the_old_content_under_a_new_name_keeps_the_document(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("antiga")
    await watchers.settle()
    before = (await documents(watched))["lei.txt"]
    shutil.copy(folder / "lei.txt", folder / "lei (antiga).txt")
    (folder / "lei.txt").write_text("nova")
    await watchers.settle()
    after = await documents(watched)
    assert after["lei (antiga).txt"].id == before.id
    assert after["lei.txt"].version.number == 1
    assert await count(watched, "document_versions") == 2


async def test_what_changed_while_nobody_watched_is_found_at_start(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    for name in ("fica", "muda", "some", "vai"):
        (folder / f"{name}.txt").write_text(name)
    await watchers.settle()
    (folder / "muda.txt").write_text("mudou")
    (folder / "some.txt").unlink()
    (folder / "vai.txt").rename(folder / "foi.txt")
    (folder / "nova.txt").write_text("nova")
    await watchers.start()
    await watchers.settle()
    numbers = {path: d.version.number for path, d in (await documents(watched)).items()}
    assert numbers == {"fica.txt": 1, "foi.txt": 1, "muda.txt": 2, "nova.txt": 1}


async def test_known_files_are_not_read_again_at_start(
    watched: Parts, folder: Path, watchers: Watchers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()

    def never(*_: object) -> None:
        raise AssertionError("a known file was opened")

    monkeypatch.setattr("govbot.ingest.mirror.opened", never)
    await watchers.start()
    await watchers.settle()
    assert list(await documents(watched)) == ["lei.txt"]


async def test_a_copy_stays_out_until_the_first_is_deleted(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "a.txt").write_text("mesmo")
    (folder / "b.txt").write_text("mesmo")
    await watchers.settle()
    assert list(await documents(watched)) == ["a.txt"]
    assert [(f.files, f.taken, f.copies) for f in await health(watched)] == [(2, 1, 1)]
    before = (await documents(watched))["a.txt"].id
    (folder / "a.txt").unlink()
    await watchers.settle()
    after = await documents(watched)
    assert {path: d.id for path, d in after.items()} == {"b.txt": before}
    assert await count(watched, "document_versions") == 1


async def test_a_copy_keeps_the_document_when_the_first_changes(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "a.txt").write_text("mesmo")
    (folder / "b.txt").write_text("mesmo")
    await watchers.settle()
    before = (await documents(watched))["a.txt"].id
    (folder / "a.txt").write_text("outro")
    await watchers.settle()
    after = await documents(watched)
    assert after["b.txt"].id == before
    assert after["a.txt"].version.number == 1


async def test_hard_links_are_copies(watched: Parts, folder: Path, watchers: Watchers) -> None:
    (folder / "a.txt").write_text("mesmo")
    os.link(folder / "a.txt", folder / "b.txt")
    await watchers.settle()
    assert list(await documents(watched)) == ["a.txt"]
    (folder / "a.txt").unlink()
    await watchers.settle()
    assert list(await documents(watched)) == ["b.txt"]


async def test_a_copy_of_an_upload_is_taken_when_the_upload_is_deleted(
    watched: Parts, cast: Cast, folder: Path, watchers: Watchers
) -> None:
    sent = await take(watched, cast.curator, cast.a, "enviado.txt", "mesmo")
    (folder / "lei.txt").write_text("mesmo")
    await watchers.settle()
    assert list(await documents(watched)) == ["enviado.txt"]
    async with as_actor(watched.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, sent.document_id)
    await watchers.settle()
    assert list(await documents(watched)) == ["lei.txt"]


async def test_what_a_person_deletes_stays_out_while_its_file_stays(
    watched: Parts, cast: Cast, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    document = (await documents(watched))["lei.txt"]
    async with as_actor(watched.pool, cast.curator, write=True) as conn:
        await store.trash_document(conn, cast.curator, document.id)
    shutil.copy(folder / "lei.txt", folder / "lei-2.txt")
    await watchers.start()
    await watchers.settle()
    assert await documents(watched) == {}
    assert [f.removed for f in await health(watched)] == [1]
    (folder / "lei.txt").write_text("dois")
    await watchers.settle()
    assert list(await documents(watched)) == ["lei.txt"]


@pytest.mark.parametrize(
    "name", [".oculto.txt", "~$lei.docx", "lei.txt.part", "lei.tmp", "lei.txt~", "Thumbs.db"]
)
async def test_temporary_and_hidden_files_are_left_alone(
    watched: Parts, folder: Path, watchers: Watchers, name: str
) -> None:
    (folder / name).write_text("texto")
    (folder / ".git").mkdir()
    (folder / ".git" / "lei.txt").write_text("texto")
    await watchers.settle()
    assert await documents(watched) == {}
    assert [f.files for f in await health(watched)] == [0]


async def test_links_that_leave_the_folder_are_refused(
    watched: Parts, folder: Path, watchers: Watchers, tmp_path: Path
) -> None:
    (tmp_path / "segredo").mkdir()
    (tmp_path / "segredo" / "senha.txt").write_text("segredo")
    (folder / "senha.txt").symlink_to(tmp_path / "segredo" / "senha.txt")
    (folder / "tudo").symlink_to(tmp_path / "segredo")
    (folder / "nada.txt").symlink_to(tmp_path / "nada")
    os.mkfifo(folder / "cano.txt")
    await watchers.settle()
    assert await documents(watched) == {}
    found = await refused(watched, folder)
    assert [(file.place, file.error_code) for file in found] == [
        ("senha.txt", "E-LINK"),
        ("tudo", "E-LINK"),
    ]


async def test_a_file_replaced_by_a_link_out_of_the_folder_goes_to_the_trash(
    watched: Parts, folder: Path, watchers: Watchers, tmp_path: Path
) -> None:
    (tmp_path / "senha.txt").write_text("segredo")
    (folder / "lei.txt").write_text("um")
    (folder / "outra.txt").write_text("outra")
    await watchers.settle()
    (folder / "lei.txt").unlink()
    (folder / "lei.txt").symlink_to(tmp_path / "senha.txt")
    await watchers.settle()
    assert list(await documents(watched)) == ["outra.txt"]
    assert list(await trash(watched)) == ["lei.txt"]


@pytest.mark.parametrize("swapped", ["file", "directory"])
async def test_a_link_put_in_between_looking_and_opening_is_not_followed(
    watched: Parts,
    folder: Path,
    watchers: Watchers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    swapped: str,
) -> None:
    secret = tmp_path / "segredo"
    secret.mkdir()
    (secret / "lei.txt").write_text("segredo")
    (folder / "leis").mkdir()
    (folder / "leis" / "lei.txt").write_text("publica")
    await watchers.start()
    await watchers.look()
    look, examine = watchers.looks[0], Look._examine

    async def swap_first(self: Look, root: Path, candidate: object) -> object:
        if swapped == "file":
            (folder / "leis" / "lei.txt").unlink()
            (folder / "leis" / "lei.txt").symlink_to(secret / "lei.txt")
        else:
            (folder / "leis").rename(tmp_path / "velhas")
            (folder / "leis").symlink_to(secret)
        return await examine(self, root, candidate)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Look, "_examine", swap_first)
        await look.compare(now=watchers.now + SETTLE)
    assert await documents(watched) == {}
    watchers.now += SETTLE
    await watchers.settle()
    assert await documents(watched) == {}
    assert [file.error_code for file in await refused(watched, folder)] == ["E-LINK"]


async def test_a_link_inside_the_folder_counts_as_its_file(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    (folder / "atual.txt").symlink_to("lei.txt")
    await watchers.settle()
    assert list(await documents(watched)) == ["atual.txt"]
    assert [f.copies for f in await health(watched)] == [1]


async def test_a_refused_file_is_remembered_until_it_changes(
    watched: Parts, folder: Path, watchers: Watchers, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    for _ in range(2):
        await watchers.settle()
    assert [r.__dict__["code"] for r in _warnings(caplog)] == ["E-FORMATO"]
    assert [file.error_code for file in await refused(watched, folder)] == ["E-FORMATO"]
    assert [(f.files, f.refused) for f in await health(watched)] == [(1, 1)]
    (folder / "foto.png").write_text("agora é texto")
    await watchers.settle()
    assert list(await documents(watched)) == ["foto.png"]
    assert await refused(watched, folder) == []


async def test_a_refused_file_that_goes_is_forgotten(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    (folder / "foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    await watchers.settle()
    (folder / "foto.png").unlink()
    await watchers.settle()
    assert await refused(watched, folder) == []
    assert await count(watched, "folder_files") == 1


async def test_a_huge_file_is_refused_without_reading_it(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    with (folder / "enorme.pdf").open("wb") as file:
        file.truncate(3_000_000_000)
    await watchers.settle()
    assert [file.error_code for file in await refused(watched, folder)] == ["E-TAMANHO"]


async def test_an_unreadable_file_is_refused_until_it_can_be_read(
    watched: Parts, folder: Path, watchers: Watchers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (folder / "lei.txt").write_text("um")
    with monkeypatch.context() as patch:
        patch.setattr("govbot.ingest.mirror.opened", denied)
        await watchers.settle()
        assert [file.error_code for file in await refused(watched, folder)] == ["E-READ"]
    await watchers.settle()
    assert list(await documents(watched)) == ["lei.txt"]


async def test_what_lies_in_an_unreadable_directory_is_not_deleted(
    watched: Parts, folder: Path, watchers: Watchers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "b").mkdir()
    for place in ("a.txt", "b/c.txt", "d.txt"):
        (folder / place).write_text(place)
    await watchers.settle()
    scandir = os.scandir

    def failing(path: Path) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        (folder / "d.txt").unlink()
        await watchers.settle()
    assert sorted(await documents(watched)) == ["a.txt", "b/c.txt"]
    shutil.rmtree(folder / "b")
    await watchers.settle()
    assert sorted(await documents(watched)) == ["a.txt"]


async def test_an_empty_folder_deletes_nothing(
    watched: Parts, folder: Path, watchers: Watchers, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    (folder / "lei.txt").unlink()
    for _ in range(3):
        with pytest.raises(FolderTrouble):
            await watchers.look(after=SETTLE)
    assert len(await documents(watched)) == 1
    assert [f.error_code for f in await health(watched)] == ["E-FOLDER-EMPTY"]
    assert len(_warnings(caplog)) == 1
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    assert [f.error_code for f in await health(watched)] == [None]


async def test_a_folder_that_is_not_there_deletes_nothing(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    shutil.rmtree(folder)
    for _ in range(3):
        with pytest.raises(OSError, match="entrada"):
            await watchers.look(after=SETTLE)
    assert len(await documents(watched)) == 1
    assert [(f.error_code, f.files) for f in await health(watched)] == [("E-FOLDER", 1)]


async def test_a_folder_lost_at_the_first_look_deletes_nothing_either(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    """Its rows are gone when it was out of the settings for a while; its documents are not."""
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    await Watchers(with_folders(watched)).start()
    (folder / "lei.txt").unlink()
    await watchers.start()
    for _ in range(3):
        await watchers.look(after=SETTLE)
    assert len(await documents(watched)) == 1


async def test_documents_from_elsewhere_stay_in_the_collection(
    watched: Parts, cast: Cast, folder: Path, watchers: Watchers
) -> None:
    await take(watched, cast.curator, cast.a, "lei.txt", "enviado")
    (folder / "lei.txt").write_text("um")
    (folder / "b.txt").write_text("dois")
    await watchers.settle()
    assert await count(watched, "documents") == 3
    (folder / "lei.txt").unlink()
    await watchers.settle()
    async with as_system(watched.pool) as conn:
        left = await store.list_documents(conn)
    assert {(d.path, d.source) for d in left} == {("lei.txt", "upload"), ("b.txt", "folder")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lei\u202etxt.exe.txt", "leitxt.exe.txt"),
        ("a\nb.txt", "a b.txt"),
        ("e\u0301dito.txt", "\u00e9dito.txt"),
        (os.fsdecode(b"of\xedcio.txt"), "ofcio.txt"),
        ("x  y.txt", "x y.txt"),
        ("é" * 120 + ".txt", "b.txt"),
    ],
)
async def test_names_that_look_alike_are_two_files(
    watched: Parts, folder: Path, watchers: Watchers, one: str, other: str
) -> None:
    (folder / one).write_text("um")
    (folder / other).write_text("dois")
    await watchers.settle()
    found = await documents(watched)
    assert len(found) == 2
    assert other in found
    assert all(d.filename.isprintable() for d in found.values())
    await watchers.settle()
    assert await count(watched, "document_versions") == 2


async def test_two_folders_of_one_collection_keep_their_documents_apart(
    parts: Parts, cast: Cast, folder: Path, second: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder)}, {"path": str(second)})
    watchers = Watchers(watched)
    for place, words in ((folder, "um"), (second, "dois")):
        (place / "lei.txt").write_text(words)
        (place / "fica.txt").write_text(f"fica {words}")
    await watchers.settle()
    assert await count(watched, "documents") == 4
    (second / "lei.txt").unlink()
    await watchers.settle()
    async with as_system(watched.pool) as conn:
        left = {(d.folder, d.path) for d in await store.list_documents(conn)}
    assert left == {
        (str(folder), "lei.txt"),
        (str(folder), "fica.txt"),
        (str(second), "fica.txt"),
    }


@pytest.mark.parametrize("order", [1, -1])
async def test_a_file_moved_to_another_folder_of_the_collection_keeps_its_document(
    parts: Parts, cast: Cast, folder: Path, second: Path, order: int
) -> None:
    watched = with_folders(parts, {"path": str(folder)}, {"path": str(second)})
    watchers = Watchers(watched)
    (folder / "fica.txt").write_text("fica")
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    before = (await documents(watched))["lei.txt"].id
    (folder / "lei.txt").rename(second / "lei.txt")
    watchers.looks = watchers.looks[::order]
    # The folder that lost it may look often while the other has not looked yet.
    for _ in range(3):
        watchers.now += SETTLE
        await watchers.looks[0].compare(now=watchers.now)
    await watchers.settle()
    after = (await documents(watched))["lei.txt"]
    assert (after.id, after.folder) == (before, str(second))
    assert await count(watched, "document_versions") == 2
    assert await trash(watched) == {}


async def test_a_copy_that_is_gone_keeps_no_document_of_another_folder(
    parts: Parts, cast: Cast, folder: Path, second: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder)}, {"path": str(second)})
    watchers = Watchers(watched)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"Artigo {name}")
    for name in ("a.txt", "outra.txt"):
        (second / name).write_text(f"Artigo {name}")
    await watchers.settle()
    (folder / "a.txt").write_text("Artigo b.txt")
    (second / "a.txt").unlink()
    await watchers.settle()
    assert sorted(await documents(watched)) == ["b.txt", "outra.txt"]
    assert [*await trash(watched)] == ["a.txt"]


async def test_sub_folders_become_tags_that_move_with_the_file(
    parts: Parts, cast: Cast, folder: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder), "subfolders": "tags"})
    watchers = Watchers(watched)
    (folder / "Leis" / "2020").mkdir(parents=True)
    (folder / "Leis" / "2020" / "lei.txt").write_text("um")
    await watchers.settle()
    assert [d.tags for d in (await documents(watched)).values()] == [["Leis", "2020"]]
    (folder / "Leis").rename(folder / "Normas")
    await watchers.settle()
    assert [d.tags for d in (await documents(watched)).values()] == [["Normas", "2020"]]


async def test_sub_folders_become_collections_with_the_grants_of_the_first(
    parts: Parts, cast: Cast, folder: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder), "subfolders": "collections"})
    watchers = Watchers(watched)
    (folder / "Contratos" / "2020").mkdir(parents=True)
    (folder / "Contratos" / "2020" / "c.txt").write_text("contrato")
    (folder / "solto.txt").write_text("solto")
    await watchers.settle()
    found = await documents(watched)
    assert found["solto.txt"].collection == "A"
    assert found["Contratos/2020/c.txt"].collection == "A / Contratos"
    async with as_actor(watched.pool, cast.curator) as conn:
        made = await collections.collection_by_name(conn, "A / Contratos")
        assert made is not None
        given = await grants.list_grants(conn, Target.collection(made.id))
        await collections.get_collection(conn, cast.a)
    assert {(g.name, g.level) for g in given} == {
        ("curator", Level.MANAGE),
        ("writer", Level.WRITE),
        ("reader", Level.READ),
    }


async def test_a_collection_that_somebody_renames_still_gets_the_files(
    watched: Parts, cast: Cast, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    async with as_actor(watched.pool, cast.curator, write=True) as conn:
        await collections.rename_collection(conn, cast.curator, cast.a, name="Leis", description="")
    (folder / "outra.txt").write_text("dois")
    await watchers.start()
    await watchers.settle()
    assert {d.collection for d in (await documents(watched)).values()} == {"Leis"}


async def test_the_collection_is_created_when_there_is_none(
    parts: Parts, cast: Cast, folder: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder), "collection": "Pasta"})
    (folder / "lei.txt").write_text("um")
    await Watchers(watched).settle()
    async with as_actor(watched.pool, cast.admin) as conn:
        found = await collections.collection_by_name(conn, "Pasta")
    assert found is not None
    assert found.documents == 1


async def test_a_folder_taken_out_of_the_settings_leaves_its_documents(
    watched: Parts, folder: Path, second: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    before = (await documents(watched))["lei.txt"].id
    other = Watchers(with_folders(watched, {"path": str(second)}))
    shutil.copy(folder / "lei.txt", second / "lei.txt")
    await other.start()
    assert [f.path for f in await health(watched)] == [str(second)]
    await other.settle()
    # The same content under another path: the archive moved, its documents move with it.
    (after,) = (await documents(watched)).values()
    assert (after.id, after.folder) == (before, str(second))
    assert await count(watched, "document_versions") == 1


async def test_a_folder_given_to_another_collection_leaves_what_is_in_the_first(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "lei.txt").write_text("um")
    await watchers.settle()
    await Watchers(with_folders(watched, {"path": str(folder), "collection": "B"})).settle()
    async with as_system(watched.pool) as conn:
        found = await store.list_documents(conn)
    assert sorted(d.collection for d in found) == ["A", "B"]


async def test_a_document_under_legal_hold_stays_when_its_file_goes(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    for name in ("lei", "outra"):
        (folder / f"{name}.txt").write_text(name)
    await watchers.settle()
    async with as_system(watched.pool) as conn:
        await conn.execute("UPDATE documents SET legal_hold = 'processo' WHERE path = 'lei.txt'")
    (folder / "lei.txt").unlink()
    await watchers.settle()
    assert sorted(await documents(watched)) == ["lei.txt", "outra.txt"]
    assert [(f.place, f.error_code) for f in await refused(watched, folder)] == [
        ("lei.txt", "E-LEGAL-HOLD")
    ]
    async with as_system(watched.pool) as conn:
        await conn.execute("UPDATE documents SET legal_hold = ''")
    await watchers.settle()
    assert list(await documents(watched)) == ["outra.txt"]


async def test_an_unavailable_part_stops_the_look_and_loses_nothing(
    watched: Parts, folder: Path, watchers: Watchers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise Unavailable("disk full")

    (folder / "lei.txt").write_text("um")
    with monkeypatch.context() as patch:
        patch.setattr(watched.files, "put", full)
        with pytest.raises(Unavailable):
            await watchers.settle()
    await watchers.settle()
    assert len(await documents(watched)) == 1


async def test_the_source_is_never_touched(
    watched: Parts, folder: Path, watchers: Watchers
) -> None:
    (folder / "sub").mkdir()
    for n in range(5):
        (folder / "sub" / f"{n}.txt").write_text(f"ato {n}")
    shutil.copy(folder / "sub" / "0.txt", folder / "copia.txt")
    (folder / "foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = _tree(folder)
    await watchers.settle()
    await watched.work()
    assert _tree(folder) == before
    assert len(await documents(watched)) == 5
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700)


async def test_events_bring_a_file_in_without_waiting_for_the_next_rescan(
    parts: Parts, cast: Cast, folder: Path, second: Path
) -> None:
    """And a folder that is not there does not keep the others from being watched."""
    quick = with_folders(
        parts,
        {"path": str(folder), "settle_seconds": 0.1},
        {"path": str(second / "nada"), "collection": "B"},
    )
    task = asyncio.create_task(watch(quick))
    await asyncio.sleep(0.5)  # past the look at start
    (folder / "lei.txt").write_text("um")
    async with asyncio.timeout(20):
        while await count(quick, "documents") == 0:
            await asyncio.sleep(0.05)
    assert [f.error_code for f in await health(quick)] == [None, "E-FOLDER"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _tree(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    return {
        str(path): (info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        for path in [folder, *folder.rglob("*")]
        for info in [path.stat()]
    }


def _warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [
        r for r in caplog.records if r.name == "govbot.ingest.look" and r.levelname == "WARNING"
    ]
