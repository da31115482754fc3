"""LoRA adapters over a loaded model."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp

from govbot import gguf
from govbot.errors import Unavailable

log = logging.getLogger(__name__)


def lay(model: object, context: object, files: Sequence[str], scale: float) -> None:
    """Lays the adapters over all that this context computes. llama.cpp frees them with the model.

    Raises Unavailable E-MODEL when a file is missing, no adapter, or made for another model.
    """
    if not files:
        return
    found = [_read(model, Path(file)) for file in files]
    adapters = (llama_cpp.llama_adapter_lora_p_ctypes * len(found))(*found)
    scales = (ctypes.c_float * len(found))(*([scale] * len(found)))
    if llama_cpp.llama_set_adapters_lora(context, adapters, len(found), scales) != 0:
        raise _unfit(", ".join(Path(file).name for file in files))
    log.info("%d adapters are laid over the model", len(found), extra={"action": "model.adapters"})


def _read(model: object, file: Path) -> Any:
    if gguf.read_header(file).kind != "adapter":  # says why a file that is none cannot be read
        raise _unfit(file.name)
    adapter = llama_cpp.llama_adapter_lora_init(model, os.fsencode(file))
    if not adapter:
        raise _unfit(file.name)
    return adapter


def _unfit(name: str) -> Unavailable:
    return Unavailable(
        "The adapter %(file)s is no LoRA adapter for this model.", file=name, code="E-MODEL"
    )
