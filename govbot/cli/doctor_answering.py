"""`govbot doctor`: the models that answer, file by file and server by server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from govbot.cli.doctor_finding import Seen, absent, fail, ok

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.config.generation import Writer
    from govbot.generate.members import ModelState
    from govbot.generate.pool import Pool


async def models(settings: Settings) -> list[Seen]:
    """One finding for each model; those that are set to run elsewhere are asked whether they are
    there, and none is loaded. Raises GovBotError."""
    from govbot.generate.router import open_pool

    pool = open_pool(settings.generation)
    try:
        await pool.look()
        return [*(_model(each, settings) for each in pool.models()), *_memory(pool, settings)]
    finally:
        await pool.aclose()


def _model(state: ModelState, settings: Settings) -> Seen:
    from govbot.generate import State

    name = "" if not settings.generation.models else state.name
    if state.kind == "extractive":
        return absent("extractive: no model is set, answers are excerpts", "docs/models.md")
    if state.kind == "openai":
        words = f"openai: {state.status.device}"
        if state.status.state is State.FAILED:
            remedy = "See that the server runs, and check base_url, model and api_key."
            return fail(f"{words}: {state.status.error}", remedy, name)
        return ok(words, name)
    missing = [file for file in _files(settings, state.name) if not Path(file).is_file()]
    if missing:
        remedy = "Bring the file back (`govbot models add`), or correct model_path."
        return fail(f"llama: there is no file {', '.join(missing)}", remedy, name)
    return ok(f"llama: {state.where}, about {state.bytes >> 20} MB when loaded", name)


def _files(settings: Settings, name: str) -> list[str]:
    own = settings.generation
    listed: list[Writer] = [each for each in own.models if each.name == name]
    return [
        file
        for each in listed or [own]
        for file in (each.model_path, *each.lora, each.draft)
        if file
    ]


def _memory(pool: Pool, settings: Settings) -> list[Seen]:
    """Whether each model fits below the bound by itself."""
    bound = settings.generation.memory_mb
    large = [each.name for each in pool.models() if bound and each.bytes > bound << 20]
    if not large:
        return []
    words = f"larger than generation.memory_mb: {', '.join(large)}"
    return [fail(words, "Raise it, or give the model less context or fewer slots.", "memory")]
