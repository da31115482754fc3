"""`govbot log level`: what it shows, what it changes, and that every node follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from govbot import logs
from govbot.cli.main import main
from govbot.config import Settings, load_settings
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.installation import changes


@dataclass
class Node:
    settings: Settings
    pool: Pool


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logs.adjust(Settings())
    logs._at_least = None
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def place(tmp_path: Path, dsns: Dsns, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose commands use the test's database."""

    @asynccontextmanager
    async def open_store(_: Any) -> AsyncIterator[Pool]:
        pool = await open_pool(dsns.app, size=2, name="test-cli")
        try:
            yield pool
        finally:
            await pool.close()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("govbot.app.open_store", open_store)
    return tmp_path


def test_levels_are_shown_changed_and_taken_back(
    place: Path, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(*words: str) -> list[list[str]]:
        assert main(["log", "level", *words]) == 0
        return [line.split("\t") for line in capsys.readouterr().out.splitlines()[1:]]

    assert lines() == [["all", "INFO", "default"]]
    page = "the page of the settings"
    assert lines("warning") == [["all", "WARNING", page]]
    assert lines("govbot.ingest", "debug")[1:] == [["govbot.ingest", "DEBUG", page]]
    assert len(lines("govbot.chat", "error")) == 3
    assert lines("govbot.ingest", "default") == [
        ["all", "WARNING", page], ["govbot.chat", "ERROR", page],
    ]  # fmt: skip
    asyncio.run(_follows(dsns))
    assert lines("default")[0] == ["all", "INFO", "default"]


async def _follows(dsns: Dsns) -> None:
    """Another node, which has its logs, takes the levels up at its next look."""
    logs.configure(load_settings(environ={}))
    assert logging.getLogger().level == logging.INFO
    pool = await open_pool(dsns.app, size=2, name="other-node")
    await changes.refresh(Node(load_settings(environ={}), pool), -1)
    await pool.close()
    assert logging.getLogger().level == logging.WARNING
    assert logging.getLogger("govbot.chat").level == logging.ERROR


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["loud"], "E-INVALID"),
        (["govbot.x", "debug", "more"], "E-INVALID"),
        (["httpx", "debug"], "E-CONFIG"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    assert main(["log", "level", *words]) == 1
    assert f"[{code}]" in capsys.readouterr().err


def test_a_level_that_the_file_holds_is_changed_there_and_parts_in_any_case(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "govbot.toml").write_text('[logging]\nlevel = "ERROR"\n')
    assert main(["log", "level", "debug"]) == 1
    assert "[E-SETTING-FIXED]" in capsys.readouterr().err
    assert main(["log", "level", "govbot", "debug"]) == 0
    assert "govbot\tDEBUG" in capsys.readouterr().out
