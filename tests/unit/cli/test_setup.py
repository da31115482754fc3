"""`govbot setup` refuses nonsense in sentences, before it changes anything."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import BaseModel

from govbot.cli.main import main
from govbot.cli.setup_options import Options
from govbot.config import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "a file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOVBOT_DATA_DIR", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("postgresql://ana:hunter2@127.0.0.1:9/x\n"))
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("flags", "sentences"),
    [
        (["--port", "99999"], ["[web] port must be an integer from 1 to 65535, not 99999"]),
        (["--data-dir", "/proc/govbot"], ["cannot be written by this account", "changed"]),
        (["--data-dir", "a file/x"], ["is no folder"]),
        (["--watch", "/nada=Normas", "--admin", "A!"],
         ["There is no folder /nada", "A user name has 2 to 64 characters"]),
        (["--watch", "/srv"], ["Say which collection receives the folder"]),
        (["--model", "/nada.gguf"], ["There is no file or folder /nada.gguf"]),
        (["--database-url-file", "-"], ["Connection refused"]),
        (["--ldap-server", "ldap://127.0.0.1:9", "--ldap-base-dn", "dc=x"],
         ["Directory, connect", "no firewall stands between"]),
        (["--tls-certificate", "x.pem", "--tls-key", "x.key"], ["tls_certificate"]),
        (["--admin", "ana", "--admin-password-file", "-", "--database-url-file", "-"],
         ["Only one secret can come from standard input"]),
    ],
)  # fmt: skip
def test_nonsense_is_refused_and_changes_nothing(
    folder: Path, flags: list[str], sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", "--yes", "--config", str(folder / "new.toml"), *flags]) == 1
    shown = capsys.readouterr()
    for sentence in sentences:
        assert sentence in shown.err
    assert "hunter2" not in shown.out + shown.err
    assert list(folder.iterdir()) == []


def test_environment_that_says_otherwise_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOVBOT_WEB__PORT", "9000")
    words = ["setup", "--yes", "--check", "--config", str(folder / "new.toml"), "--port", "9001"]
    assert main(words) == 1
    assert "GOVBOT_WEB__PORT: the environment says web.port" in capsys.readouterr().err


def test_check_says_that_nothing_is_wrong_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["setup", "--yes", "--check", "--config", str(folder / "new.toml"), "--admin", "ana"]
    assert main(words) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def test_without_a_terminal_it_asks_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", "--config", str(folder / "new.toml")]) == 1
    assert "--yes" in capsys.readouterr().err


def test_options_write_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    options = Options(
        organisation="Casa",
        language="en",
        host="0.0.0.0",
        port=0,
        base_url="",
        tls_certificate=Path("~/a.pem"),
        tls_key=Path("/b.key"),
        data_dir=Path("data"),
        database_url_file="-",
        database_owner_url_file="owner",
        ldap_server=["ldaps://a", "ldaps://b"],
        ldap_kind="ad",
        ldap_base_dn="dc=x",
        ldap_bind_dn="cn=y",
        ldap_password_file="word",
        ldap_ca_file=Path("ca.pem"),
        backup_folder=Path("/backups"),
    )
    written = options.settings()
    assert (written["web.port"], written["web.base_url"]) == (0, "")  # given, so not left out
    assert written["ldap.servers"] == ["ldaps://a", "ldaps://b"]
    assert written["web.tls_certificate"] == "/home/ana/a.pem"
    assert written["data_dir"] == str(Path("data").absolute())
    assert options.secrets()["database.url_file"] == "-"
    keys = [*written, *options.secrets()]
    assert len(keys) == 17
    assert [key for key in keys if not _is_setting(key)] == []
    assert (Options().settings(), Options().secrets()) == ({}, {})


def _is_setting(key: str) -> bool:
    kind: object = Settings
    for part in key.split("."):
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return False
        if part not in kind.model_fields:
            return False
        kind = kind.model_fields[part].annotation
    return True
