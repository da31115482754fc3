"""How much memory a model file will take once it is loaded: a guess, before it is loaded."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot import gguf
from govbot.errors import GovBotError
from govbot.generate import GenerationSettings
from govbot.generate.placement import KV_BYTES
from govbot.generate.placing import wanted_of

if TYPE_CHECKING:
    from govbot.gguf import GgufHeader

_WORK_BYTES: Final = 128 * 2**20  # buffers for computing


def estimate(settings: GenerationSettings) -> int:
    """Bytes of the weights with adapters and draft model, of keys and values for all answers at a
    time, and of working buffers; a copy for prompts, once it is made, has its own. 0 for a model
    that lies elsewhere. A file that cannot be read weighs nothing: loading it says why."""
    if not str(settings.model_path or ""):
        return 0
    model = Path(settings.model_path)
    files = [model, *map(Path, settings.lora)]
    files += [Path(settings.draft)] if settings.draft else []
    copy = 0 if settings.prompt_weights == "file" else _size(gguf.copy_of(model))
    each = _cache(settings) + _WORK_BYTES
    return sum(map(_size, files)) + each + (copy + each if copy else 0)


def _size(file: Path) -> int:
    try:
        return sum(part.stat().st_size for part in gguf.shards_of(file))
    except (OSError, GovBotError):
        return 0


def _cache(settings: GenerationSettings) -> int:
    file = Path(settings.model_path)
    try:
        found = file.stat()
        header = _header(file, found.st_mtime_ns, found.st_size)
    except (OSError, GovBotError):
        return 0
    cells = wanted_of(settings, header).cells
    numbers = sum(heads * (header.key_length + header.value_length) for heads in header.kv_heads)
    return int(cells * numbers * KV_BYTES.get(settings.kv_type, 2.0))


@lru_cache(maxsize=32)
def _header(file: Path, _changed: int, _size: int) -> GgufHeader:
    return gguf.read_header(file)
