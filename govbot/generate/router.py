"""Chooses the kind of generator from the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from govbot.errors import BadConfig
from govbot.generate import GenerationSettings, Generator

Kind = Literal["llama", "openai", "extractive"]


def open_generator(settings: GenerationSettings) -> Generator:
    """The generator of the [generation] section; loads no model and opens no connection yet.

    "auto" takes a model file before a server, and excerpts when neither is set. Raises `BadConfig`
    when the chosen kind lacks a setting.
    """
    return _KINDS[kind_of(settings)](settings)


def kind_of(settings: GenerationSettings) -> Kind:
    match settings.backend:
        case "llama" | "openai" | "extractive" as kind:
            return kind
        case "auto":
            if str(settings.model_path or ""):
                return "llama"
            return "openai" if settings.base_url else "extractive"
        case other:
            raise BadConfig("generation.backend: there is no kind %(kind)s", kind=other)


def _llama(settings: GenerationSettings) -> Generator:
    if not str(settings.model_path or ""):
        raise BadConfig('generation.backend = "llama" needs generation.model_path')
    from govbot.generate.llama import LlamaGenerator

    return LlamaGenerator(settings)


def _openai(settings: GenerationSettings) -> Generator:
    if not settings.base_url or not settings.model:
        raise BadConfig('generation.backend = "openai" needs generation.base_url and .model')
    from govbot.generate.remote import RemoteGenerator

    return RemoteGenerator(settings)


def _extractive(_settings: GenerationSettings) -> Generator:
    from govbot.generate.extractive import ExtractiveGenerator

    return ExtractiveGenerator()


_KINDS: dict[Kind, Callable[[GenerationSettings], Generator]] = {
    "llama": _llama,
    "openai": _openai,
    "extractive": _extractive,
}
