"""`govbot folder`: what it lists, what it says a look would do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from govbot.cli.main import main
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool


@pytest.fixture
def folder(tmp_path: Path, dsns: Dsns, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the settings in the working directory; the database is the test's."""

    @asynccontextmanager
    async def open_store(_: Any) -> AsyncIterator[Pool]:
        pool = await open_pool(dsns.app, size=2, name="test-cli")
        yield pool
        await pool.close()

    made = tmp_path / "normas"
    made.mkdir()
    (made / "lei.txt").write_text("um")
    (tmp_path / "govbot.toml").write_text(
        '[[watch.folders]]\npath = "normas"\ncollection = "Normas"\n'
        '[[watch.folders]]\npath = "nada"\ncollection = "Nada"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("govbot.app.open_store", open_store)
    return made


def test_list_names_the_folders_of_the_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folder", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{folder}\tNormas\t")
    assert lines[1].endswith("not looked at yet")
    assert main(["folder", "list", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(f["settings"]["collection"], f["state"]) for f in shown] == [
        ("Normas", None),
        ("Nada", None),
    ]


def test_check_says_what_would_happen_and_fails_for_a_folder_that_is_not_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folder", "check", str(folder)]) == 0
    assert capsys.readouterr().out == "new\tlei.txt\n"
    assert main(["folder", "check", "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["step"] == {"act": "new", "place": "lei.txt", "words": ""}
    assert f"{folder.parent / 'nada'}: No such file" in shown.err


def test_check_refuses_a_folder_that_is_not_in_the_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["folder", "check", "/etc"]) == 1
    assert "/etc is not one of [[watch.folders]]. [E-NOT-FOUND]" in capsys.readouterr().err
