"""What a look would do: told file by file, and nothing is done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from govbot.ingest.preview import Preview
from tests.ingestion import Cast, Parts, count, take
from tests.watching import Watchers, documents, with_folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "entrada"
    made.mkdir()
    return made


async def preview(parts: Parts) -> tuple[set[tuple[str, str, str]], int]:
    (folder,) = parts.settings.watch.folders
    found = Preview(parts.pool, parts.settings, folder)
    return {(step.act, step.place, step.words) async for step in found.steps()}, found.unchanged


async def test_each_kind_of_change_is_named(
    parts: Parts, cast: Cast, folder: Path, tmp_path: Path
) -> None:
    watched = with_folders(parts, {"path": str(folder)})
    watchers = Watchers(watched)
    for name in ("fica", "muda", "some", "vai", "volta", "toca"):
        (folder / f"{name}.txt").write_text(name)
    await watchers.settle()
    (folder / "volta.txt").unlink()
    await watchers.settle()
    await take(watched, cast.curator, cast.a, "enviado.txt", "enviado")
    (folder / "muda.txt").write_text("mudou")
    (folder / "some.txt").unlink()
    (folder / "vai.txt").rename(folder / "foi.txt")
    (folder / "volta.txt").write_text("volta")
    (folder / "nova.txt").write_text("nova")
    (folder / "vazia.txt").touch()
    (folder / "igual.txt").write_text("enviado")
    (folder / "fora.txt").symlink_to(tmp_path)
    shutil.copy(folder / "fica.txt", folder / "copia.txt")
    os.utime(folder / "toca.txt", (1, 1))
    before = await documents(watched)
    rows = await count(watched, "folder_files")
    assert await preview(watched) == (
        {
            ("changed", "muda.txt", ""),
            ("gone", "some.txt", ""),
            ("moved", "foi.txt", "from vai.txt"),
            ("back", "volta.txt", "from the trash"),
            ("new", "nova.txt", ""),
            ("waiting", "vazia.txt", "empty"),
            ("copy", "igual.txt", "of enviado.txt"),
            ("copy", "copia.txt", "of fica.txt"),
            ("refused", "fora.txt", "A link that leaves the watched folder."),
        },
        2,
    )
    assert await documents(watched) == before
    assert await count(watched, "folder_files") == rows


async def test_before_the_first_look_everything_is_new_and_nothing_is_created(
    parts: Parts, folder: Path
) -> None:
    watched = with_folders(
        parts, {"path": str(folder), "collection": "Nova", "subfolders": "collections"}
    )
    (folder / "Leis").mkdir()
    (folder / "Leis" / "a.txt").write_text("a")
    assert await preview(watched) == ({("new", "Leis/a.txt", "")}, 0)
    assert await count(watched, "collections") == 0


async def test_an_empty_folder_deletes_nothing(parts: Parts, cast: Cast, folder: Path) -> None:
    watched = with_folders(parts, {"path": str(folder)})
    (folder / "a.txt").write_text("a")
    await Watchers(watched).settle()
    (folder / "a.txt").unlink()
    assert await preview(watched) == (set(), 0)
