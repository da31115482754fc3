"""From the settings to a placement, and from a placement to the parameters of llama.cpp."""

from __future__ import annotations

import ctypes
import logging
from typing import TYPE_CHECKING, Any

from govbot.devices import Device, DeviceKind, devices
from govbot.errors import Unavailable
from govbot.generate.placement import MIB, Placement, Wanted, on_cpu, place
from govbot.gguf import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from govbot.generate import GenerationSettings
    from govbot.gguf import GgufHeader

log = logging.getLogger(__name__)

_SPLIT_NONE, _SPLIT_LAYER = 0, 1


def wanted_of(settings: GenerationSettings, header: GgufHeader) -> Wanted:
    """What the settings of one model ask for."""
    return Wanted(
        context_tokens=min(settings.context_tokens, header.context or settings.context_tokens),
        slots=settings.slots,
        shared_tokens=settings.shared_context_tokens,
        layers=settings.n_gpu_layers,
        main_gpu=settings.main_gpu,
        split=settings.tensor_split,
        kv_type=settings.kv_type,
        flash_attention={"on": True, "off": False}.get(settings.flash_attention),
    )


def attempts(
    path: Path, settings: GenerationSettings, found: Sequence[Device] | None = None
) -> Iterator[Placement]:
    """Where to load the model of a file: the best place, then the CPU when that did not work.

    Each is told to the log, device by device. Raises Unavailable E-MODEL for a file that is
    damaged, cut off or no GGUF.
    """
    try:
        header = read_header(path)
    except Unavailable as error:
        raise Unavailable(error.template, code="E-MODEL", **error.params) from error
    wanted = wanted_of(settings, header)
    here = devices() if found is None else found
    best = place(header, wanted, here)
    tell(path.name, best)
    yield best
    if best.layers:
        log.warning(
            "%s does not load on the GPU: trying the CPU",
            path.name,
            extra={"action": "model.cpu"},
        )
        rest = on_cpu(header, wanted, here, "it does not load on the GPU")
        tell(path.name, rest)
        yield rest


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
    shares = (ctypes.c_float * int(llama_cpp.llama_max_devices()))(*placement.split)
    parameters.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
    return shares
