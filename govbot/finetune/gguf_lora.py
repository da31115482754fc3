"""A LoRA adapter of peft as the GGUF file that llama.cpp loads beside its base model.

The layout is that of llama.cpp's own converter: for each weight `<name>.lora_a` (rank × inputs)
and `<name>.lora_b` (outputs × rank); llama.cpp adds alpha / rank · B · A to the weight.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from govbot.errors import Invalid, Unavailable

# Type in transformers -> architecture in GGUF, and whether rows of the query and key projections
# change places: llama's rotary positions take neighbours where transformers takes halves.
ARCHITECTURES: Final[dict[str, tuple[str, bool]]] = {
    "llama": ("llama", True),
    "mistral": ("llama", True),
    "qwen2": ("qwen2", False),
    "qwen3": ("qwen3", False),
}
_KEY: Final = re.compile(r"base_model\.model\.(?P<weight>.+)\.lora_(?P<part>[AB])\.weight")
_ROTATED: Final = ("q_proj", "k_proj")


def convert(adapter: Path, config: Any, target: Path) -> int:
    """Writes the adapter of a peft folder for a base with this configuration; how many tensors.

    Raises Invalid E-FINETUNE-BASE for an adapter or a base that llama.cpp would not compute alike.
    """
    import gguf
    from safetensors.numpy import load_file

    own = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    if own.get("use_rslora") or own.get("use_dora") or own.get("bias") != "none":
        raise Invalid("Only a plain LoRA adapter can be converted.", code="E-FINETUNE-BASE")
    architecture, rotated = _architecture(config)
    names = gguf.get_tensor_name_map(
        next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture),
        config.num_hidden_layers,
    )
    new = target.with_name(f".{target.name}.new")
    writer = gguf.GGUFWriter(new, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(own["lora_alpha"]))
    written = 0
    for key, tensor in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        found = _KEY.fullmatch(key)
        name = names.get_name(found["weight"]) if found else None
        if found is None or name is None:
            raise Invalid(
                "The adapter changes %(tensor)s, which llama.cpp cannot take.",
                code="E-FINETUNE-BASE",
                tensor=key,
            )
        values = tensor.astype("float32")
        if rotated and found["part"] == "B" and found["weight"].endswith(_ROTATED):
            values = _neighbours(values, _heads(config, found["weight"]))
        writer.add_tensor(f"{name}.weight.lora_{found['part'].lower()}", values)
        written += 1
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    new.replace(target)
    return written


def require_fits(adapter: Path, base: Path) -> None:
    """Loads both with llama.cpp; raises Unavailable E-FINETUNE-GGUF when they do not fit."""
    import llama_cpp

    from govbot.llama_log import silence

    silence()
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(base).encode(), parameters)
    if not model:
        raise Unavailable(
            "The GGUF file %(file)s cannot be loaded.", code="E-FINETUNE-GGUF", file=base
        )
    try:
        loaded = llama_cpp.llama_adapter_lora_init(model, str(adapter).encode())
        if not loaded:
            raise Unavailable(
                "The adapter does not fit %(file)s: it is another model than the base that was"
                " trained on.",
                code="E-FINETUNE-GGUF",
                file=base,
            )
        llama_cpp.llama_adapter_lora_free(loaded)
    finally:
        llama_cpp.llama_model_free(model)


def _architecture(config: Any) -> tuple[str, bool]:
    found = ARCHITECTURES.get(config.model_type)
    if found is None:
        raise Invalid(
            "The base model is a %(kind)s; adapters are made for %(known)s.",
            code="E-FINETUNE-BASE",
            kind=config.model_type,
            known=", ".join(ARCHITECTURES),
        )
    return found


def _heads(config: Any, weight: str) -> int:
    heads = config.num_attention_heads
    return (
        int(getattr(config, "num_key_value_heads", None) or heads)
        if "k_proj" in weight
        else int(heads)
    )


def _neighbours(rows: Any, heads: int) -> Any:
    """Rows of each head from halves to neighbours, as the weights of a llama GGUF have them."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(rows.shape)
