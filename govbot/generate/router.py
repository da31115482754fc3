"""The models of the settings, opened as one generator."""

from __future__ import annotations

from pathlib import Path

from govbot.config.generation import Generation, ModelSettings
from govbot.errors import BadConfig
from govbot.generate import GenerationSettings, Generator
from govbot.generate.members import Entry, Kind, open_member
from govbot.generate.pool import Pool

__all__ = ["Kind", "entries_of", "kind_of", "open_generator", "open_pool", "pool_of"]


def open_pool(settings: Generation) -> Pool:
    """All models of the [generation] section; loads none and opens no connection yet.

    Without a list it is the one model that the section describes. Raises `BadConfig` when a model
    lacks a setting.
    """
    entries = entries_of(settings)
    looks = {each.name: each.health_s for each in settings.listed()}
    looks = looks or {entries[0].name: settings.health_s}
    return Pool(
        entries,
        complex_from=settings.complex_from,
        memory_bytes=settings.memory_mb * 2**20,
        health_s=lambda entry: looks[entry.name] if entry.kind == "openai" else 0.0,
    )


def entries_of(settings: Generation) -> list[Entry]:
    """The models of the section. Raises `BadConfig` when one lacks a setting."""
    listed = zip(settings.listed(), settings.models, strict=True)
    return [_listed(each, own) for each, own in listed] or [_only(settings)]


def pool_of(generator: Generator) -> Pool:
    """A pool of one generator that is there already."""
    kind: Kind = "extractive" if generator.excerpts else "openai"
    return Pool([Entry(generator.name, kind, Generation())], opening=lambda _entry: generator)


def open_generator(settings: GenerationSettings) -> Generator:
    """The one generator that a section describes, without a pool around it.

    "auto" takes a model file before a server, and excerpts when neither is set. Raises `BadConfig`
    when the chosen kind lacks a setting.
    """
    return open_member(Entry(_name_of(settings), _checked(settings), settings))


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


def _only(settings: Generation) -> Entry:
    return Entry(
        _name_of(settings), _checked(settings), settings, idle_unload_s=settings.idle_unload_s
    )


def _listed(settings: ModelSettings, own: ModelSettings) -> Entry:
    """`own` is the table as it was written, `settings` the same with what the section adds."""
    return Entry(
        settings.name,
        _checked(settings),
        settings,
        label=settings.label,
        tier=settings.tier,
        offered=settings.offered,
        idle_unload_s=settings.idle_unload_s,
        max_tokens=settings.max_tokens,
        temperature=own.temperature if "temperature" in own.model_fields_set else None,
    )


def _name_of(settings: GenerationSettings) -> str:
    """The name of the generator itself, which the only model bears."""
    match kind_of(settings):
        case "llama":
            return f"llama:{Path(settings.model_path).name}"
        case "openai":
            return f"openai:{settings.model}"
        case "extractive":
            return "extractive"


def _checked(settings: GenerationSettings) -> Kind:
    kind = kind_of(settings)
    if kind == "llama" and not str(settings.model_path or ""):
        raise BadConfig('generation.backend = "llama" needs generation.model_path')
    if kind == "openai" and not (settings.base_url and settings.model):
        raise BadConfig('generation.backend = "openai" needs generation.base_url and .model')
    return kind
