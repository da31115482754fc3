"""The model of moods: a tiny classifier with random weights, offline, in its own thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from govbot.config import load_settings
from govbot.errors import Unavailable
from govbot.models.mood import open_mood


async def test_any_folder_with_a_classifier_gives_its_own_labels(
    tmp_path: Path, cross_encoder: Callable[..., Path]
) -> None:
    folder = cross_encoder("models/humor", labels=3)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    names = ["Negativo", "Neutro", "Positivo"]
    config["id2label"] = {str(place): name for place, name in enumerate(names)}
    config["label2id"] = {name: place for place, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    mood = open_mood(
        load_settings(environ={
            "GOVBOT_ANALYTICS__SENTIMENT_MODEL": "humor", "GOVBOT_DATA_DIR": str(tmp_path),
        })
    )  # fmt: skip
    assert mood is not None
    try:
        first = await mood.judge("o prazo do recurso é de dez dias " * 400)
        assert first in {"negativo", "neutro", "positivo"}
        assert await mood.judge("o prazo do recurso é de dez dias " * 400) == first
    finally:
        await mood.aclose()
    with pytest.raises(Unavailable):
        await mood.judge("edital")


def test_without_the_setting_there_is_none_and_a_folder_that_is_missing_is_told() -> None:
    assert open_mood(load_settings(environ={})) is None
    with pytest.raises(Unavailable):
        open_mood(load_settings(environ={"GOVBOT_ANALYTICS__SENTIMENT_MODEL": "nada"}))
