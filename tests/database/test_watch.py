"""The watched folder: what comes, changes, moves, goes; what is left alone."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from govbot.db.access import as_actor, as_system
from govbot.documents import collections, store
from govbot.documents.types import Document
from govbot.errors import Unavailable
from govbot.ingest.watch import Look, watch
from tests.ingestion import Cast, Parts, count, take

SETTLE = 2.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "entrada"
    made.mkdir()
    return made


@pytest.fixture
def watched(parts: Parts, cast: Cast, folder: Path) -> Parts:
    section = parts.settings.watch.model_copy(
        update={"folder": str(folder), "collection": "A", "settle_seconds": SETTLE}
    )
    return parts.with_settings(parts.settings.model_copy(update={"watch": section}))


class Clock:
    """Looks at the folder at moments that the test chooses."""

    def __init__(self, parts: Parts, folder: Path):
        self.look = Look(parts, folder)
        self.now = 100.0

    async def settle(self) -> bool:
        """Two looks, the settle time apart."""
        await self.look.compare(now=self.now)
        self.now += SETTLE
        return await self.look.compare(now=self.now)


@pytest.fixture
def clock(watched: Parts, folder: Path) -> Clock:
    return Clock(watched, folder)


async def documents(parts: Parts) -> dict[str, Document]:
    async with as_system(parts.pool) as conn:
        return {d.path: d for d in await store.list_documents(conn)}


async def test_a_file_comes_in_when_it_has_settled(
    watched: Parts, folder: Path, clock: Clock
) -> None:
    (folder / "2020").mkdir()
    (folder / "2020" / "lei.txt").write_text("Lei de 2020")
    assert await clock.look.compare(now=100)
    assert await documents(watched) == {}
    assert not await clock.look.compare(now=100 + SETTLE)
    found = await documents(watched)
    assert list(found) == ["2020/lei.txt"]
    assert (found["2020/lei.txt"].filename, found["2020/lei.txt"].source) == ("lei.txt", "folder")


async def test_a_file_that_still_grows_waits(watched: Parts, folder: Path, clock: Clock) -> None:
    file = folder / "lei.txt"
    for n in range(3):
        file.write_text("texto " * (n + 1))
        os.utime(file, (1, 1))  # a copy that keeps the time of the original
        assert await clock.look.compare(now=100 + n * SETTLE)
    assert await documents(watched) == {}
    assert not await clock.look.compare(now=100 + 3 * SETTLE)
    assert len(await documents(watched)) == 1


async def test_a_changed_file_is_a_new_version(watched: Parts, folder: Path, clock: Clock) -> None:
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    (folder / "lei.txt").write_text("dois")
    await clock.settle()
    assert (await documents(watched))["lei.txt"].version.number == 2


async def test_a_touched_file_is_not(watched: Parts, folder: Path, clock: Clock) -> None:
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    os.utime(folder / "lei.txt")
    await clock.settle()
    assert (await documents(watched))["lei.txt"].version.number == 1


async def test_a_deleted_file_goes_to_the_trash_after_the_settle_time(
    watched: Parts, folder: Path, clock: Clock
) -> None:
    (folder / "lei.txt").write_text("um")
    (folder / "outra.txt").write_text("outra")
    await clock.settle()
    (folder / "lei.txt").unlink()
    assert await clock.look.compare(now=clock.now)
    assert len(await documents(watched)) == 2
    await clock.settle()
    assert list(await documents(watched)) == ["outra.txt"]


async def test_a_renamed_file_is_the_same_document(
    watched: Parts, folder: Path, clock: Clock
) -> None:
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    before = (await documents(watched))["lei.txt"]
    (folder / "lei.txt").rename(folder / "lei-1.txt")
    await clock.settle()
    after = await documents(watched)
    assert list(after) == ["lei-1.txt"]
    assert after["lei-1.txt"].id == before.id
    assert after["lei-1.txt"].filename == "lei-1.txt"
    assert after["lei-1.txt"].version.number == 1


async def test_what_changed_while_nobody_watched_is_found_at_start(
    watched: Parts, folder: Path
) -> None:
    for name in ("fica", "muda", "some"):
        (folder / f"{name}.txt").write_text(name)
    await Clock(watched, folder).settle()
    (folder / "muda.txt").write_text("mudou")
    (folder / "some.txt").unlink()
    (folder / "nova.txt").write_text("nova")
    await Clock(watched, folder).settle()
    numbers = {path: d.version.number for path, d in (await documents(watched)).items()}
    assert numbers == {"fica.txt": 1, "muda.txt": 2, "nova.txt": 1}


async def test_a_copy_stays_out_until_the_first_is_deleted(
    watched: Parts, folder: Path, clock: Clock
) -> None:
    (folder / "a.txt").write_text("mesmo")
    (folder / "b.txt").write_text("mesmo")
    await clock.settle()
    assert list(await documents(watched)) == ["a.txt"]
    (folder / "a.txt").unlink()
    await clock.settle()
    assert list(await documents(watched)) == ["b.txt"]


@pytest.mark.parametrize(
    "name", [".oculto.txt", "~$lei.docx", "lei.txt.part", "lei.tmp", "lei.txt~", "Thumbs.db"]
)
async def test_temporary_and_hidden_files_are_left_alone(
    watched: Parts, folder: Path, clock: Clock, name: str
) -> None:
    (folder / name).write_text("texto")
    (folder / ".git").mkdir()
    (folder / ".git" / "lei.txt").write_text("texto")
    await clock.settle()
    assert await documents(watched) == {}


async def test_links_that_leave_the_folder_are_refused(
    watched: Parts, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "segredo").mkdir()
    (tmp_path / "segredo" / "senha.txt").write_text("segredo")
    (folder / "senha.txt").symlink_to(tmp_path / "segredo" / "senha.txt")
    (folder / "tudo").symlink_to(tmp_path / "segredo")
    (folder / "nada.txt").symlink_to(tmp_path / "nada")
    os.mkfifo(folder / "cano.txt")
    await clock.settle()
    assert await documents(watched) == {}


async def test_a_refused_file_is_reported_once_until_it_changes(
    watched: Parts, folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    for _ in range(2):
        await clock.settle()
    assert [r.__dict__["code"] for r in _warnings(caplog)] == ["E-FORMATO"]
    assert await documents(watched) == {}
    (folder / "foto.png").write_text("agora é texto")
    await clock.settle()
    assert list(await documents(watched)) == ["foto.png"]


async def test_an_empty_folder_deletes_nothing(
    watched: Parts, folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    (folder / "lei.txt").unlink()
    await clock.settle()
    assert len(await documents(watched)) == 1
    assert _warnings(caplog)


async def test_a_folder_that_is_not_there_deletes_nothing(
    watched: Parts, folder: Path, clock: Clock
) -> None:
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    (folder / "lei.txt").unlink()
    folder.rmdir()
    with pytest.raises(OSError, match="entrada"):
        await clock.look.compare()
    assert len(await documents(watched)) == 1


async def test_documents_from_elsewhere_stay_in_the_collection(
    watched: Parts, cast: Cast, folder: Path, clock: Clock
) -> None:
    await take(watched, cast.curator, cast.a, "enviado.txt", "enviado")
    (folder / "lei.txt").write_text("um")
    await clock.settle()
    await clock.settle()
    assert set(await documents(watched)) == {"enviado.txt", "lei.txt"}


async def test_the_collection_is_created_when_there_is_none(
    watched: Parts, cast: Cast, folder: Path
) -> None:
    section = watched.settings.watch.model_copy(update={"collection": "Pasta"})
    other = watched.with_settings(watched.settings.model_copy(update={"watch": section}))
    (folder / "lei.txt").write_text("um")
    await Clock(other, folder).settle()
    async with as_actor(other.pool, cast.admin) as conn:
        found = await collections.collection_by_name(conn, "Pasta")
    assert found is not None
    assert found.documents == 1


async def test_an_unavailable_part_stops_the_look_and_loses_nothing(
    watched: Parts, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise Unavailable("disk full")

    (folder / "lei.txt").write_text("um")
    with monkeypatch.context() as patch:
        patch.setattr(watched.files, "put", full)
        with pytest.raises(Unavailable):
            await clock.settle()
    await clock.settle()
    assert len(await documents(watched)) == 1


async def test_events_bring_a_file_in_without_waiting_for_the_next_rescan(
    watched: Parts, folder: Path
) -> None:
    section = watched.settings.watch.model_copy(update={"settle_seconds": 0.1})
    quick = watched.with_settings(watched.settings.model_copy(update={"watch": section}))
    task = asyncio.create_task(watch(quick))
    await asyncio.sleep(0.5)  # past the look at start
    (folder / "lei.txt").write_text("um")
    async with asyncio.timeout(20):
        while await count(watched, "documents") == 0:
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [
        r for r in caplog.records if r.name == "govbot.ingest.watch" and r.levelname == "WARNING"
    ]
