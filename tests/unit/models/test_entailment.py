from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Answers
from govbot.errors import Unavailable
from govbot.models.entailment import open_entailment


def settings(model: str, data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, answers=Answers(nli_model=model))


def labelled(folder: Path, *names: str) -> Path:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["id2label"] = {str(place): name for place, name in enumerate(names)}
    config["label2id"] = {name: place for place, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


async def test_a_real_classifier_of_any_folder_judges_pairs_by_its_own_labels(
    tmp_path: Path, cross_encoder: Callable[..., Path]
) -> None:
    folder = labelled(
        cross_encoder("models/nli", labels=3), "CONTRADICTION", "neutral", "Entailment"
    )
    model = open_entailment(settings("nli", tmp_path))
    turned = open_entailment(
        settings(
            str(
                labelled(cross_encoder("outro", labels=3), "entailment", "neutral", "contradiction")
            ),
            tmp_path,
        )
    )
    assert model is not None
    assert turned is not None
    pairs = [("prazo de recurso", "lei"), ("edital " * 3000, "obra"), ("contrato", "servidor")] * 4
    first, again = await asyncio.gather(model.judge(pairs), model.judge(pairs))
    other = await turned.judge(pairs)
    await asyncio.gather(model.aclose(), turned.aclose())
    assert len(first) == len(pairs)
    assert first == again
    assert all(0 < v.entailed < 1 and v.entailed + v.contradicted < 1 for v in first)
    # The same weights under labels in another order: what was entailed is now contradicted.
    assert [v.entailed for v in first] == pytest.approx([v.contradicted for v in other], abs=1e-5)
    assert model.name == folder.name
    with pytest.raises(Unavailable):
        await model.judge(pairs[:1])


def test_only_a_classifier_that_names_entailment_is_taken(
    tmp_path: Path, cross_encoder: Callable[..., Path], bert: Callable[..., Path]
) -> None:
    assert open_entailment(settings("", tmp_path)) is None
    with pytest.raises(Unavailable, match="not on this machine"):
        open_entailment(settings("nli", tmp_path))
    for folder in (
        bert("embedder"),
        cross_encoder("ordenador"),
        labelled(cross_encoder("dois", labels=2), "not_entailment", "other"),
    ):
        with pytest.raises(Unavailable, match="entailment"):
            open_entailment(settings(str(folder), tmp_path))
