"""`govbot secret`, `govbot key`, and the doctor's look at the files of keys."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from govbot.auth import sealed
from govbot.auth.bearer import Bearer, bearer_of
from govbot.cli.main import main
from govbot.config import load_settings
from govbot.config.table import Api
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool, open_pool
from govbot.installation.key_files import open_to_others, sealing_problem
from govbot.sealing import KEY_FILE, new_key, open_sealer
from tests.troupe import Troupe

T = TypeVar("T")


@pytest.fixture
async def folder(
    dsns: Dsns, troupe: Troupe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
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


def govbot(*arguments: str) -> int:
    return main(list(arguments))


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What stands on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def ask(dsns: Dsns, action: Callable[[Connection], Awaitable[T]]) -> T:
    """Something asked of the database as the system."""

    async def run() -> T:
        pool = await open_pool(dsns.app, size=1, name="test-ask")
        async with as_system(pool) as conn:
            found = await action(conn)
        await pool.close()
        return found

    return asyncio.run(run())


def test_a_secret_is_read_from_standard_input_and_only_its_name_is_told(
    folder: Path, dsns: Dsns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "quimera azul\n")
    assert govbot("secret", "set", "generation.api_key") == 0
    assert govbot("secret", "list") == 0
    assert govbot("secret", "rotate") == 0
    said = capsys.readouterr()
    assert said.out == "generation.api_key\n1 values sealed again.\n"
    assert "quimera" not in said.err
    sealer = open_sealer("", folder)
    opened = ask(dsns, lambda conn: sealed.open_secrets(conn, sealer, ["generation.api_key"]))
    assert opened == {"generation.api_key": "quimera azul"}
    assert govbot("secret", "remove", "generation.api_key") == 0
    assert ask(dsns, sealed.names) == []


def test_a_secret_is_no_argument_and_not_every_setting_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "x")
    assert govbot("secret", "set", "generation.api_key", "quimera") == 2
    for name in ("security.key", "database.url", "web.port", "nothing"):
        given(monkeypatch, "x")
        assert govbot("secret", "set", name) == 1
    assert "ldap.bind_password" in capsys.readouterr().err


def test_a_secret_that_the_environment_gives_too_is_said_not_to_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOVBOT_GENERATION__API_KEY", "outro")
    given(monkeypatch, "x")
    assert govbot("secret", "set", "generation.api_key") == 0
    assert "GOVBOT_GENERATION__API_KEY" in capsys.readouterr().err


def test_a_key_is_made_used_listed_and_revoked(
    folder: Path, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ("key", "create", "reader", "--name", "Portal", "--scope", "ask")
    assert govbot(*made, "--json") == 0
    key = json.loads(capsys.readouterr().out)
    found = ask(dsns, lambda conn: bearer_of(conn, key["key"], ip="192.0.2.7", settings=Api()))
    assert isinstance(found, Bearer)
    assert found.actor.name == "reader"
    assert govbot("key", "list", "--user", "reader") == 0
    listed = capsys.readouterr().out
    assert key["id"] in listed
    assert key["key"] not in listed
    assert govbot("key", "revoke", key["id"]) == 0
    found = ask(dsns, lambda conn: bearer_of(conn, key["key"], ip="192.0.2.7", settings=Api()))
    assert not isinstance(found, Bearer)


def test_an_administrator_gets_no_key_from_the_command_line_either(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert govbot("key", "create", "admin", "--name", "x", "--scope", "ask") == 1
    assert "E-KEY-ROLE" in capsys.readouterr().err


def test_the_doctor_sees_files_of_keys_that_others_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVBOT_DATA_DIR", str(tmp_path))
    open_sealer("", tmp_path)
    password = tmp_path / "bind"
    password.write_text("x")
    password.chmod(0o600)
    file = tmp_path / "govbot.toml"
    file.write_text('[ldap]\nbind_password_file = "bind"\n')
    settings = load_settings(file, environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    assert open_to_others(settings) == []
    (tmp_path / KEY_FILE).chmod(0o644)
    password.chmod(0o604)
    assert open_to_others(settings) == [tmp_path / KEY_FILE, password]


def test_a_configuration_file_with_a_secret_in_it_counts_as_one(tmp_path: Path) -> None:
    file = tmp_path / "govbot.toml"
    file.write_text('[generation]\napi_key = "x"\n')
    file.chmod(0o644)
    settings = load_settings(file, environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    assert open_to_others(settings) == [file]
    file.write_text("[web]\nport = 8081\n")
    plain = load_settings(file, environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    assert open_to_others(plain) == []


def test_the_doctor_says_when_the_key_cannot_be_used(tmp_path: Path) -> None:
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    assert sealing_problem(settings) == ""
    (tmp_path / KEY_FILE).write_text(new_key() + "\n")
    assert sealing_problem(settings) == ""
    (tmp_path / KEY_FILE).write_text("AAAA\n")
    assert "32 bytes" in sealing_problem(settings)
    (tmp_path / KEY_FILE).write_bytes(b"\xff\xfe")
    assert str(tmp_path / KEY_FILE) in sealing_problem(settings)
