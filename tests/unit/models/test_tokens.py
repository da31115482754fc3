"""Counting tokens without loading weights."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from govbot.config import load_settings
from govbot.errors import Unavailable
from govbot.models.files import ModelFiles, find_model
from govbot.models.tokens import TokenCounter


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return find_model(load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path_factory.mktemp("d"))}))


def test_it_counts_what_the_model_sees_without_its_marks(starter: ModelFiles) -> None:
    counter = TokenCounter(starter)
    assert counter.count(["", "the law", "the law the law"]) == [0, 2, 4]
    assert counter.room() == starter.max_tokens - 2


def test_nothing_is_cut_off(starter: ModelFiles) -> None:
    assert TokenCounter(starter).count(["law " * 5000]) == [5000]


def test_the_prefix_takes_its_share_of_the_room(starter: ModelFiles) -> None:
    counter = TokenCounter(replace(starter, passage_prefix="passage: "))
    assert counter.room() == starter.max_tokens - 2 - 2


def test_a_folder_with_a_vocabulary_alone_is_read_too(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert(positions=32)
    settings = load_settings(
        environ={"GOVBOT_DATA_DIR": str(tmp_path), "GOVBOT_EMBEDDER__MODEL": str(folder)}
    )
    counter = TokenCounter(find_model(settings))
    assert counter.count(["lei de prazo", ""]) == [3, 0]
    assert counter.room() == 30


def test_many_threads_get_the_same_figures(starter: ModelFiles) -> None:
    counter = TokenCounter(starter)
    texts = [f"artigo {number} da lei" for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(counter.count, [texts] * 16))
    assert all(counts == found[0] for counts in found)


def test_a_broken_tokenizer_is_named(starter: ModelFiles, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(Unavailable, match="tokenizer of the embedding model"):
        TokenCounter(replace(starter, folder=tmp_path)).count(["lei"])
