"""From the settings to a placement, and from a placement to the parameters of llama.cpp."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from govbot.generate.devices import Device, DeviceKind
from govbot.generate.placement import MIB, Placement, Wanted, place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from govbot.generate import GenerationSettings
    from govbot.gguf import GgufHeader

log = logging.getLogger(__name__)

_TYPES: Final = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8,
                 "bf16": 30}  # fmt: skip
_SPLIT_NONE, _SPLIT_LAYER = 0, 1


def wanted_of(settings: GenerationSettings, header: GgufHeader) -> Wanted:
    """What the settings of one model ask for."""
    slots = int(getattr(settings, "slots", 1) or 1)
    tokens = min(settings.context_tokens, header.context or settings.context_tokens)
    flash = str(getattr(settings, "flash_attention", "auto")).lower()
    return Wanted(
        context_tokens=tokens * slots,
        layers=settings.n_gpu_layers,
        main_gpu=int(getattr(settings, "main_gpu", -1)),
        split=tuple(getattr(settings, "tensor_split", ())),
        kv_type=str(getattr(settings, "kv_type", "auto") or "auto"),
        flash_attention={"on": True, "true": True, "off": False, "false": False}.get(flash),
    )


def chosen(path: Path, settings: GenerationSettings, found: Sequence[Device]) -> Placement:
    """Where the model in the file is put; told to the log, device by device.

    Raises Unavailable E-MODEL-FILE for a file that is damaged or no GGUF.
    """
    from govbot.gguf import read_header

    header = read_header(path)
    placement = place(header, wanted_of(settings, header), found)
    tell(path.name, placement)
    return placement


def tell(name: str, placement: Placement) -> None:
    """Writes a placement into the log: one line for each device, and why."""
    for share in placement.shares:
        if share.layers or share.device.kind is DeviceKind.CPU:
            log.info(
                "%s on %s: %d layers, weights %d MiB, keys and values %d MiB, computation %d MiB, "
                "free %d MiB",
                name,
                share.device.name,
                share.layers,
                share.weights // MIB,
                share.kv // MIB,
                share.work // MIB,
                share.device.free // MIB,
                extra={"action": "model.placed"},
            )
    log.info("%s: %s", name, placement.why, extra={"action": "model.placed"})
    if not placement.fits:
        log.warning(
            "%s needs more memory than is free: it will be slow, or not load",
            name,
            extra={"action": "model.memory"},
        )


def fill_model(parameters: Any, placement: Placement) -> Any:
    """Sets layers, GPU and split of llama_model_params; returns what must live until the load."""
    import llama_cpp

    parameters.n_gpu_layers = placement.layers
    if placement.layers == 0:
        return None
    if placement.main_gpu >= 0:
        parameters.split_mode = _SPLIT_NONE
        parameters.main_gpu = placement.main_gpu
        return None
    parameters.split_mode = _SPLIT_LAYER
    import ctypes

    shares = (ctypes.c_float * int(llama_cpp.llama_max_devices()))(*placement.split)
    parameters.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
    return shares


def fill_context(parameters: Any, placement: Placement) -> None:
    """Sets the type of keys and values, and flash attention, of llama_context_params."""
    parameters.type_k = parameters.type_v = _TYPES[placement.kv_type]
    quantised = placement.kv_type not in ("f32", "f16", "bf16")
    # -1: llama.cpp decides by the device; quantised values need it.
    parameters.flash_attn_type = (
        int(placement.flash_attention) if quantised else (-1 if placement.flash_attention else 0)
    )
