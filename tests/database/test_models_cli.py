"""`govbot models` as people type it, over a small hub; each act in the audit log."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from govbot import audit
from govbot.audit import Filter
from govbot.cli.main import main
from govbot.config import load_settings
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.installation.model_files import stored
from tests.hub_server import HubServer
from tests.tiny_gguf import write_tiny_gguf

SOURCE = "orgao/pequeno-GGUF"


@pytest.fixture
def folder(dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder; commands work in the test's database."""

    @asynccontextmanager
    async def open_store(_: Any) -> AsyncIterator[Pool]:
        opened = await open_pool(dsns.app, size=2, name="test-cli")
        try:
            yield opened
        finally:
            await opened.close()

    monkeypatch.setattr("govbot.app.open_store", open_store)
    monkeypatch.setenv("GOVBOT_DATA_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def served(hub: HubServer) -> Iterator[None]:
    """The hub in a loop of its own: commands have theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(hub.__aenter__(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(hub.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_models_are_pulled_added_shown_verified_and_removed(
    folder: Path, dsns: Dsns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_tiny_gguf(folder / "m-Q8_0.gguf").read_bytes()
    hub = HubServer({SOURCE: {"m-Q4_K_M.gguf": data, "LICENSE": b"livre"}})
    with served(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert main(["models", "list"]) == 0
        assert main(["models", "list", "--catalog"]) == 0
        assert hub.asked == []
        hub.changed["m-Q4_K_M.gguf"] = data[:-1] + b"!"
        assert main(["models", "pull", SOURCE, "--yes"]) == 1
        assert "E-MODEL-CHECKSUM" in capsys.readouterr().err
        hub.changed.clear()
        assert main(["models", "pull", SOURCE, "--yes", "--name", "um"]) == 0
        assert "apache-2.0" in capsys.readouterr().out
        monkeypatch.setenv("GOVBOT_MODELS__HUB", "")
        before = len(hub.asked)
        assert main(["models", "pull", SOURCE, "--yes"]) == 1
        assert "E-MODEL-OFFLINE" in capsys.readouterr().err
        assert len(hub.asked) == before
    assert main(["models", "add", str(folder / "m-Q8_0.gguf"), "--yes"]) == 0
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(listed) == {"um", "m-Q8_0"}
    assert listed["um"]["licence"] == "apache-2.0"
    assert main(["models", "show", "um"]) == 0
    shown = capsys.readouterr().out
    assert "sees no GPU" in shown or "fits" in shown
    assert "sha256 of m-Q4_K_M.gguf" in shown
    assert main(["models", "verify"]) == 0
    file = Path(listed["um"]["file"])
    file.write_bytes(data[:-1] + b"!")
    assert main(["models", "verify", "um"]) == 1
    assert "checksum" in capsys.readouterr().out
    monkeypatch.setenv("GOVBOT_GENERATION__MODEL_PATH", str(file))
    assert main(["models", "remove", "um", "--yes"]) == 1
    assert "E-MODEL-IN-USE" in capsys.readouterr().err
    monkeypatch.delenv("GOVBOT_GENERATION__MODEL_PATH")
    assert main(["models", "remove", "um", "--yes"]) == 0
    assert not file.exists()
    assert asyncio.run(_written(dsns)) == [
        "model.refused", "model.added", "model.refused", "model.added", "model.verified",
        "model.verified", "model.removed",
    ]  # fmt: skip


async def _written(dsns: Dsns) -> list[str]:
    """What the audit log holds of models, oldest first."""
    pool = await open_pool(dsns.app, size=1, name="test-audit")
    try:
        async with as_system(pool) as conn:
            found = await audit.entries(conn, Filter(), limit=50)
    finally:
        await pool.close()
    return [each.action for each in reversed(found) if each.action.startswith("model.")]


def test_the_doctor_tells_of_model_files_that_cannot_be_read(folder: Path) -> None:
    settings = load_settings(None)
    assert stored(settings)[0]
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "ruim.gguf").write_bytes(b"GGUF")
    fine, words = stored(settings)
    assert not fine
    assert "ruim" in words
