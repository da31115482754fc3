"""`govbot models show`: every model of the list, each with its own settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from govbot.cli.main import main
from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_tiny_gguf(tmp_path / "pequeno.gguf")
    (tmp_path / "cortado.gguf").write_bytes(b"GGUF" + bytes(40))
    return tmp_path


def _listed(folder: Path) -> None:
    (folder / "govbot.toml").write_text(
        """
[generation]
slots = 3
context_tokens = 2048

[[generation.models]]
name = "rapido"
tier = "fast"
model_path = "pequeno.gguf"
slots = 2

[[generation.models]]
name = "estragado"
model_path = "cortado.gguf"

[[generation.models]]
name = "longe"
base_url = "http://127.0.0.1:9/v1"
model = "grande"
""",
        encoding="utf-8",
    )


def test_without_a_name_each_model_that_answers_has_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _listed(folder)
    assert main(["models", "show", "--json"]) == 0
    fast, broken, far = json.loads(capsys.readouterr().out)
    assert (fast["name"], fast["tier"], fast["answers at once"]) == ("rapido", "fast", "2")
    assert (fast["place"], fast["memory"]) == (str(folder / "pequeno.gguf"), "enough")
    assert broken["name"] == "estragado"
    assert "cortado.gguf" in broken["memory"]
    assert (far["place"], far["memory"]) == ("http://127.0.0.1:9/v1", "-")


def test_a_name_of_the_list_is_shown_with_the_settings_of_that_model(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _listed(folder)
    assert main(["models", "show", "rapido", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["placement"]["slots"] == 2
    assert main(["models", "show", "pequeno.gguf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["placement"]["slots"] == 3


def test_it_says_with_which_weights_prompts_are_read_and_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> str:
        assert main(["models", "show", "pequeno.gguf", "--json"]) == 0
        return str(json.loads(capsys.readouterr().out)["prompts"])

    assert "the file itself: a copy gains little" in told()
    config = "[generation]\nn_gpu_layers = 0\nprompt_weights = "
    (folder / "govbot.toml").write_text(config + '"bf16"', encoding="utf-8")
    assert told() == "a copy in BF16 of 0.0 GB: the settings say so"
    assert main(["models", "show", "pequeno.gguf"]) == 0
    assert "a copy in BF16" in capsys.readouterr().out


def test_without_a_model_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show"]) == 0
    assert "answers are excerpts" in capsys.readouterr().out
