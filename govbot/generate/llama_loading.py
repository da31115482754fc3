"""Loads a GGUF file: where it fits best, with as many slots as there is memory for."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

import llama_cpp

from govbot.devices import DeviceKind, build, devices
from govbot.errors import Unavailable
from govbot.generate import GenerationSettings, adapters, prompt_copy
from govbot.generate.llama_context import LlamaContext, Shape
from govbot.generate.llama_prompts import PromptContext, PromptCopy
from govbot.generate.lookup import LONGEST
from govbot.generate.placement import Placement
from govbot.generate.placing import attempts, fill_model
from govbot.gguf import read_header
from govbot.llama_log import silence

log = logging.getLogger(__name__)

_BATCH = 512  # tokens of one step
_KV_SHARE = 0.6  # of the free memory, that keys and values may take on the CPU


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, the context of its answers, its device in words, and the copy that reads prompts."""

    model: object
    context: LlamaContext
    device: str
    copy: PromptCopy | None

    def close(self) -> None:
        self.context.close()
        if self.copy is not None:
            self.copy.close()
        llama_cpp.llama_model_free(self.model)


def load(settings: GenerationSettings) -> Loaded:
    """The model with what it needs to answer.

    Raises `Unavailable` with a sentence when the file is missing, is no GGUF, or does not load;
    tries without the GPU before giving up.
    """
    path = Path(settings.model_path)
    _require_gguf(path)
    silence()
    llama_cpp.llama_backend_init()
    for placement in attempts(path, settings):
        model = _model(path, placement)
        if model is None:
            continue
        choice = prompt_copy.choose(settings, read_header(path), placement, build().features)
        forgets = not _is_recurrent(model)
        if choice.copied and not forgets:
            choice = replace(choice, copied=False, why="the model cannot forget a part of a prompt")
        kind = PromptContext if choice.copied else LlamaContext
        context = _context(model, settings, placement, kind)
        if context is not None:
            _lay_adapters(model, context, settings)
            context.forgets = forgets
            device = _device(placement, _threads(settings))
            return Loaded(model, context, device, _copy(settings, choice, context))
        llama_cpp.llama_model_free(model)
    raise Unavailable(
        "The model file %(file)s could not be loaded: it is damaged, of a kind this version "
        "of llama.cpp does not know, or larger than the memory.",
        file=path.name,
        code="E-MODEL",
    )


def _model(path: Path, placement: Placement) -> object | None:
    parameters = llama_cpp.llama_model_default_params()
    shares = fill_model(parameters, placement)
    model: object | None = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
    del shares  # llama.cpp has read them
    if model is None:
        return None
    if not llama_cpp.llama_model_has_decoder(model) or llama_cpp.llama_model_has_encoder(model):
        llama_cpp.llama_model_free(model)
        raise Unavailable(
            "The model file %(file)s is not a model that writes text.",
            file=path.name,
            code="E-MODEL",
        )
    return model


def _copy(
    settings: GenerationSettings, choice: prompt_copy.Choice, context: LlamaContext
) -> PromptCopy | None:
    name, why = Path(settings.model_path).name, {"action": "model.prompts"}
    if isinstance(context, PromptContext):
        log.info("Prompts for %s are read by a copy: %s", name, choice.why, extra=why)
        return PromptCopy(settings, choice.size, context)
    log.info("Prompts for %s are read by itself: %s", name, choice.why, extra=why)
    return None


def _context(
    model: object,
    settings: GenerationSettings,
    placement: Placement,
    kind: type[LlamaContext],
) -> LlamaContext | None:
    """A context with as many slots as there is memory for, up to what is wanted."""
    cells = _cells(model, settings.context_tokens)
    slots, on_gpu = placement.slots, placement.layers > 0
    if not on_gpu:
        slots = min(slots, _slots_for_memory(model, cells, settings.shared_context_tokens))
    while slots >= 1:
        try:
            context = kind(model, _shape(settings, placement, slots, cells), on_gpu=on_gpu)
        except MemoryError:
            slots //= 2
            continue
        if slots < settings.slots:
            log.warning(
                "There is memory for %d answers at a time, not for %d",
                slots,
                settings.slots,
                extra={"action": "model.slots"},
            )
        return context
    return None


def _shape(settings: GenerationSettings, placement: Placement, slots: int, cells: int) -> Shape:
    shared = settings.shared_context_tokens
    return Shape(
        slots=slots,
        cells=cells,
        shared_cells=max(shared, cells) if 0 < shared < cells * slots else 0,
        batch=max(min(_BATCH, cells * slots), slots),
        outputs=slots * (1 + LONGEST),
        threads=_threads(settings),
        kv_type=placement.kv_type,
        flash_attention=_flash(settings, placement),
    )


def _lay_adapters(model: object, context: LlamaContext, settings: GenerationSettings) -> None:
    try:
        adapters.lay(model, context.pointer, settings.lora, settings.lora_scale)
    except Unavailable:
        context.close()
        llama_cpp.llama_model_free(model)
        raise


def _threads(settings: GenerationSettings) -> int:
    return settings.threads or len(os.sched_getaffinity(0))


def _device(placement: Placement, threads: int) -> str:
    if placement.layers == 0:
        return f"CPU, {threads} threads"
    names = " + ".join(share.device.name for share in placement.shares[1:] if share.layers)
    return f"{names}, {placement.layers} of {placement.of} layers"


def _cells(model: object, wanted: int) -> int:
    trained = int(llama_cpp.llama_model_n_ctx_train(model))
    if trained < wanted:
        log.info(
            "The model was trained with %d tokens of context: using that instead of %d",
            trained,
            wanted,
            extra={"action": "model.context"},
        )
    return min(wanted, trained)


def _slots_for_memory(model: object, cells: int, shared_cells: int) -> int:
    """For how many slots the keys and values, of 16 bits, fit the free memory of this machine."""
    if shared_cells:
        return 256
    width = int(llama_cpp.llama_model_n_embd(model)) // max(
        int(llama_cpp.llama_model_n_head(model)), 1
    )
    heads = int(llama_cpp.llama_model_n_head_kv(model)) * int(llama_cpp.llama_model_n_layer(model))
    free = next((each.free for each in devices() if each.kind is DeviceKind.CPU), 0)
    return max(1, int(free * _KV_SHARE) // max(4 * width * heads * cells, 1))


def _flash(settings: GenerationSettings, placement: Placement) -> str:
    """On the CPU it is the faster one, for prompts as for answers (tests/bench/README.md)."""
    if settings.flash_attention == "auto" and placement.layers == 0:
        return "on"
    return settings.flash_attention


def _is_recurrent(model: object) -> bool:
    return bool(llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model))


def _require_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Unavailable(
            "The model file %(file)s cannot be opened (%(reason)s): check generation.model_path.",
            file=path.name,
            reason=error.strerror or type(error).__name__,
            code="E-MODEL",
        ) from error
    if magic != b"GGUF":
        raise Unavailable(
            "The model file %(file)s is not a GGUF file: check generation.model_path.",
            file=path.name,
            code="E-MODEL",
        )
