"""How much memory a model file will take once it is loaded: a guess, before it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from govbot import gguf
from govbot.errors import GovBotError

_KV_BYTES: Final = 2  # of one number of the cache, as half floats
_WORK_BYTES: Final = 128 * 2**20  # buffers for computing


class Weighed(Protocol):
    """The settings of a model, as far as they weigh."""

    @property
    def model_path(self) -> str | Path: ...
    @property
    def context_tokens(self) -> int: ...
    @property
    def lora(self) -> Sequence[str]: ...
    @property
    def draft(self) -> str: ...


def estimate(settings: Weighed) -> int:
    """Bytes of the weights with adapters and draft model, of the cache for the context and of
    working buffers; 0 for a model that lies elsewhere. A file that cannot be read weighs nothing:
    loading it says why."""
    if not str(settings.model_path or ""):
        return 0
    files = [Path(settings.model_path), *map(Path, settings.lora)]
    weights = sum(_size(file) for file in files)
    if settings.draft:
        weights += _size(Path(settings.draft))
    return weights + _cache(Path(settings.model_path), settings.context_tokens) + _WORK_BYTES


def _size(file: Path) -> int:
    try:
        return sum(part.stat().st_size for part in gguf.shards_of(file))
    except (OSError, GovBotError):
        return 0


def _cache(file: Path, wanted: int) -> int:
    try:
        header = gguf.read_header(file)
    except GovBotError:
        return 0
    tokens = min(wanted, header.context or wanted)
    per_token = sum(heads * (header.key_length + header.value_length) for heads in header.kv_heads)
    return tokens * per_token * _KV_BYTES
