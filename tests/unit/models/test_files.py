from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Embedder
from govbot.errors import Unavailable
from govbot.models import files as model_files
from govbot.models.catalog import PRESETS, find_preset
from govbot.models.files import find_model


def settings(model: str, data_dir: Path, weight: float | None = None) -> Settings:
    return Settings(data_dir=data_dir, embedder=Embedder(model=model, weight=weight))


def test_the_starter_is_found_in_its_package_with_its_small_weight(tmp_path: Path) -> None:
    found = find_model(settings("starter", tmp_path))
    assert (found.name, found.dimension, found.max_tokens, found.weight) == (
        "starter",
        384,
        256,
        0.1,
    )


def test_damaged_starter_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_model(settings("starter", tmp_path)).folder
    copy = tmp_path / "model"
    shutil.copytree(real, copy)
    with (copy / "model.safetensors").open("r+b") as stream:
        stream.seek(5_000_000)
        stream.write(b"\0\1\2")
    monkeypatch.setattr(model_files, "_package_folder", lambda preset: copy)
    with pytest.raises(Unavailable, match="not the ones GovBot was built with"):
        find_model(settings("starter", tmp_path))


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "starter"])
def test_a_catalog_model_that_is_not_here_says_where_to_put_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable) as caught:
        find_model(settings(name, tmp_path))
    assert str(tmp_path / "models" / name) in str(caught.value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("BAAI/bge-m3", "bge-m3"),
        ("BAAI/bge-base-pt-v1.5", "bge-base-pt-v1.5"),
        ("qwen3-embedding-0.6b", "Qwen3-Embedding-0.6B"),
        ("intfloat/multilingual-e5-large", "multilingual-e5-large"),
    ],
)
def test_repository_names_are_accepted_in_any_case(written: str, name: str) -> None:
    preset = find_preset(written)
    assert preset is not None
    assert preset.name == name


@pytest.mark.parametrize("place", ["multilingual-e5-base", "intfloat/multilingual-e5-base"])
def test_a_catalog_model_is_found_under_the_data_folder_with_its_prefixes(
    tmp_path: Path, bert: Callable[..., Path], place: str
) -> None:
    target = tmp_path / "models" / place
    target.parent.mkdir(parents=True)
    bert("feito").rename(target)
    found = find_model(settings("multilingual-e5-base", tmp_path))
    assert (found.query_prefix, found.passage_prefix) == ("query: ", "passage: ")


def test_a_folder_that_bears_a_catalog_name_keeps_its_prefixes(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    found = find_model(settings(str(bert("multilingual-e5-large")), tmp_path))
    assert found.query_prefix == "query: "


def test_the_prompts_of_a_local_folder_are_its_prefixes(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert()
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "pergunta: ", "document": "texto: "}})
    )
    found = find_model(settings(str(folder), tmp_path))
    assert (found.query_prefix, found.passage_prefix) == ("pergunta: ", "texto: ")


def test_the_dimension_is_read_from_the_last_module_that_changes_it(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert(dimension=48)
    assert find_model(settings(str(folder), tmp_path)).dimension == 48
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text(
        json.dumps({"in_features": 48, "out_features": 16})
    )
    assert find_model(settings(str(folder), tmp_path)).dimension == 16


def test_the_fingerprint_changes_with_weights_and_prefix_and_not_with_the_place(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    first = bert("um", seed=1)
    moved = tmp_path / "outro"
    shutil.copytree(first, moved)
    print_of = [
        find_model(settings(str(folder), tmp_path)).fingerprint
        for folder in (first, moved, bert("dois", seed=2))
    ]
    assert print_of[0] == print_of[1] != print_of[2]
    (moved / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "pergunta: "}})
    )
    assert find_model(settings(str(moved), tmp_path)).fingerprint != print_of[0]


def test_the_configured_weight_wins_over_the_catalog(tmp_path: Path) -> None:
    assert find_model(settings("starter", tmp_path, weight=0.3)).weight == 0.3


def test_a_folder_without_a_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "vazio"
    empty.mkdir()
    with pytest.raises(Unavailable, match="There is no embedding model in"):
        find_model(settings(str(empty), tmp_path))


def test_a_folder_without_weights_is_refused(tmp_path: Path, bert: Callable[..., Path]) -> None:
    folder = bert()
    (folder / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match="no weights"):
        find_model(settings(str(folder), tmp_path))


def test_a_broken_json_file_is_refused(tmp_path: Path, bert: Callable[..., Path]) -> None:
    folder = bert()
    (folder / "config_sentence_transformers.json").write_text("{")
    with pytest.raises(Unavailable, match=r"config_sentence_transformers\.json cannot be read"):
        find_model(settings(str(folder), tmp_path))
