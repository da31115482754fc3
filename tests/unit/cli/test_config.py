"""`govbot config`: what is shown, what is hidden, what is checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from govbot.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "govbot.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_show_names_the_source_of_each_value(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(folder, "[web]\nport = 9000\n")
    monkeypatch.setenv("GOVBOT_WEB__HOST", "0.0.0.0")
    assert main(["config", "show"]) == 0
    lines = dict.fromkeys(capsys.readouterr().out.splitlines())
    assert f"web.port\t9000\t{file}" in lines
    assert "web.host\t0.0.0.0\tGOVBOT_WEB__HOST" in lines
    assert "web.max_upload_mb\t200\tdefault" in lines
    assert "web.secure_cookies\tfalse\tdefault" in lines


def test_show_json_holds_values_with_their_types(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder, '[web]\nallowed_hosts = ["a"]\n')
    assert main(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["file"] == str(file)
    assert shown["settings"]["web.port"] == {"value": 8080, "source": "default"}
    assert shown["settings"]["web.allowed_hosts"] == {"value": ["a"], "source": str(file)}
    assert shown["settings"]["embedder.weight"]["value"] is None


def test_show_names_the_watched_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, '[[watch.folders]]\npath = "/srv/leis"\ncollection = "Leis"\n')
    assert main(["config", "show"]) == 0
    assert "watch.folders\t/srv/leis -> Leis\t" in capsys.readouterr().out
    assert main(["config", "show", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["settings"]["watch.folders"]["value"]
    assert (shown["collection"], shown["mode"]) == ("Leis", "events")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_masks_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    write(
        folder,
        '[database]\nurl = "postgresql://app:hunter2@db.example:5433/base?password=hunter2"\n'
        '[generation]\napi_key = "hunter2"\n',
    )
    assert main(["config", "show", *form]) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    assert "postgresql://app:********@db.example:5433/base" in shown


def test_check_accepts_a_good_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder, "")
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[generation]\nmodel_path = "m.gguf"\n', "[generation] model_path: there is no file"),
        (
            '[[watch.folders]]\npath = "in"\ncollection = "L"\n',
            "[[watch.folders]] number 1: path: there is no folder",
        ),
        ("[web]\nport = 0\n", "[web] port must be an integer from 1 to 65535, not 0"),
    ],
)
def test_check_refuses_with_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    file = write(folder, text)
    assert main(["config", "check"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith(f"govbot: {file}: {sentence}")
    assert shown.err.endswith("[E-CONFIG]\n")


def test_docs_print_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "docs"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# Settings\n")
    assert "### `generation.api_key`" in page
    assert "#### `collection` in `[[watch.folders]]`" in page
    assert "- Environment: `GOVBOT_GENERATION__API_KEY`\n- Secret" in page
