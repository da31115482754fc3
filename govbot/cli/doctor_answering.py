"""`govbot doctor`: the models that answer, file by file and server by server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import GovBotError

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.config.generation import Writer
    from govbot.generate.members import ModelState
    from govbot.generate.pool import Pool

Found = tuple[str, bool, str]  # what was looked at, whether it is well, and a remark


async def models(settings: Settings) -> list[Found]:
    """One line for each model; those that are set to run elsewhere are asked whether they are
    there, and none is loaded."""
    from govbot.generate.router import open_pool

    try:
        pool = open_pool(settings.generation)
    except GovBotError as error:
        return [("generator", False, str(error))]
    try:
        await pool.look()
        return [*(_model(each, settings) for each in pool.models()), *_memory(pool, settings)]
    finally:
        await pool.aclose()


def _model(state: ModelState, settings: Settings) -> Found:
    from govbot.generate import State

    name = "generator" if not settings.generation.models else f"generator {state.name}"
    if state.kind == "extractive":
        return (name, True, "extractive: no model is set, answers are excerpts")
    if state.kind == "openai":
        failing = state.status.state is State.FAILED
        words = f"openai: {state.status.device}"
        return (name, not failing, f"{words}: {state.status.error}" if failing else words)
    missing = [file for file in _files(settings, state.name) if not Path(file).is_file()]
    if missing:
        return (name, False, f"llama: there is no file {', '.join(missing)}")
    return (name, True, f"llama: {state.where}, about {state.bytes >> 20} MB when loaded")


def _files(settings: Settings, name: str) -> list[str]:
    own = settings.generation
    listed: list[Writer] = [each for each in own.models if each.name == name]
    return [
        file
        for each in listed or [own]
        for file in (each.model_path, *each.lora, each.draft)
        if file
    ]


def _memory(pool: Pool, settings: Settings) -> list[Found]:
    """Whether each model fits below the bound by itself."""
    bound = settings.generation.memory_mb
    large = [each.name for each in pool.models() if bound and each.bytes > bound << 20]
    if not large:
        return []
    return [("model memory", False, f"larger than generation.memory_mb: {', '.join(large)}")]
