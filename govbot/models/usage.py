"""Which settings name a model that lies among the models, so that nobody deletes one in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from govbot.config import Settings
from govbot.models.catalog import find_preset, find_reranker_preset
from govbot.models.store import Installed


def uses(settings: Settings, model: Installed) -> list[str]:
    """The settings that the model is named in, such as "generation.model_path"."""
    return [key for key, value in _named(settings) if value and _is(value, model)]


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    own = settings.generation
    for key, each in [
        ("generation", own),
        *((f"generation.models.{m.name}", m) for m in own.models),
    ]:
        yield f"{key}.model_path", each.model_path
        yield f"{key}.draft", each.draft
        for path in each.lora:
            yield f"{key}.lora", path
    yield "embedder.model", settings.embedder.model
    yield "embedder.tokenizer", settings.embedder.tokenizer
    yield "reranker.model", settings.reranker.model
    yield "answers.nli_model", settings.answers.nli_model
    yield "analytics.sentiment_model", settings.analytics.sentiment_model


def _is(value: str, model: Installed) -> bool:
    """Whether a name, a folder or a file of the settings means this model."""
    preset = find_preset(value) or find_reranker_preset(value)
    names = {value.casefold()}
    if preset is not None:
        short = preset.repository.rpartition("/")[2]
        names |= {preset.name.casefold(), preset.repository.casefold(), short.casefold()}
    if model.name.casefold() in names or model.place.name.casefold() in names:
        return True
    place, path = model.place.resolve(), Path(value).expanduser().resolve()
    return path == place or place in path.parents
