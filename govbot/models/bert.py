"""A BERT whose tokens are pooled, as the smaller embedding models are, with PyTorch alone.

sentence-transformers can do much more, trainers included, and takes seconds to import: a command
that asks one question would spend most of its time on it. What is said here in few lines gives the
same vectors; a folder that asks for anything else is left to the library.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from govbot.models.files import read_json
from govbot.models.tokens import TOKENIZER

_WEIGHTS: Final = "model.safetensors"
_LAYER: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "attended_norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "norm": "output.LayerNorm",
}
_POOLING: Final = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the files of a folder say about the model."""

    layers: int
    heads: int
    epsilon: float
    padding: int  # the token that fills up a batch
    pooling: str  # "mean" or "cls"
    normalised: bool  # by the model itself, before anybody asks for it


class Bert:
    """The weights on one device; several threads may encode at once."""

    def __init__(self, plan: Plan, tokenizer: Any, weights: dict[str, Any], device: str):
        self.device = device
        self._plan = plan
        self._tokenizer = tokenizer
        self._words, self._positions, self._types = (
            weights[f"embeddings.{name}_embeddings.weight"].to(device)
            for name in ("word", "position", "token_type")
        )
        self._norm = _pair(weights, "embeddings.LayerNorm", device)
        self._layers = [
            {
                name: _pair(weights, f"encoder.layer.{number}.{path}", device)
                for name, path in _LAYER.items()
            }
            for number in range(plan.layers)
        ]

    def get_embedding_dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self._words.shape[1])

    def view(self) -> Self:
        """The same weights for another thread."""
        return copy.copy(self)

    def encode(self, texts: Sequence[str], prefix: str = "") -> list[list[float]]:
        """L2-normalised vectors, one per text, each text with the prefix before it."""
        import torch
        from torch.nn import functional

        found = self._tokenizer.encode_batch([prefix + text for text in texts])
        with torch.inference_mode():
            ids, types, mask = (
                torch.tensor([getattr(each, name) for each in found], device=self.device)
                for name in ("ids", "type_ids", "attention_mask")
            )
            pooled = self._pooled(self._hidden(ids, types, mask), mask)
            for _ in range(1 + self._plan.normalised):
                pooled = functional.normalize(pooled, p=2, dim=1)
            vectors: list[list[float]] = pooled.cpu().tolist()
        return vectors

    def _hidden(self, ids: Any, types: Any, mask: Any) -> Any:
        """The last hidden states, [texts, tokens, dimension]."""
        places = self._positions[: ids.shape[1]]
        hidden = self._normed(self._words[ids] + self._types[types] + places, self._norm)
        # Where nothing is padding, attention without a mask is faster.
        seen = None if bool(mask.all()) else mask.bool()[:, None, None, :]
        for layer in self._layers:
            hidden = self._passed(hidden, seen, layer)
        return hidden

    def _passed(self, hidden: Any, seen: Any, layer: dict[str, Any]) -> Any:
        from torch.nn import functional

        shape = (*hidden.shape[:2], self._plan.heads, -1)
        query, key, value = (
            functional.linear(hidden, *layer[name]).view(shape).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        heard = heard.transpose(1, 2).reshape(hidden.shape)
        heard = functional.linear(heard, *layer["attended"])
        hidden = self._normed(heard + hidden, layer["attended_norm"])
        wide = functional.gelu(functional.linear(hidden, *layer["wide"]))
        return self._normed(functional.linear(wide, *layer["narrow"]) + hidden, layer["norm"])

    def _normed(self, hidden: Any, norm: tuple[Any, Any]) -> Any:
        from torch.nn import functional

        return functional.layer_norm(hidden, hidden.shape[-1:], *norm, self._plan.epsilon)

    def _pooled(self, hidden: Any, mask: Any) -> Any:
        if self._plan.pooling == "cls":
            return hidden[:, 0]
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-9)


def _pair(weights: dict[str, Any], name: str, device: str) -> tuple[Any, Any]:
    return weights[f"{name}.weight"].to(device), weights[f"{name}.bias"].to(device)


def open_bert(folder: Path, max_tokens: int, device: str) -> Bert | None:
    """Loads the model; None where the folder holds another kind, or something is amiss with it.

    Raises RuntimeError when the device cannot take it.
    """
    plan = plan_of(folder)
    if plan is None:
        return None
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    try:
        weights = load_file(folder / _WEIGHTS)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except (OSError, SafetensorError):
        return None  # the library says what is wrong
    # Older files have the positions 0, 1, 2... beside the weights.
    weights = {
        name.removeprefix("bert."): tensor
        for name, tensor in weights.items()
        if not name.endswith(".position_ids")
    }
    if any(tensor.dtype != torch.float32 for tensor in weights.values()):
        return None
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=plan.padding)
    try:
        return Bert(plan, tokenizer, weights, device)
    except KeyError:
        return None


def plan_of(folder: Path) -> Plan | None:
    """What `Bert` needs to know; None unless everything that the folder asks for is done there."""
    config = read_json(folder / "config.json")
    pooling = _pooling_of(folder)
    plain = (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not any(config.get(key) for key in ("is_decoder", "quantization_config", "auto_map"))
        and (folder / _WEIGHTS).is_file()
        and _plain_tokenizer(folder)
    )
    if not plain or pooling is None:
        return None
    mode, normalised = pooling
    return Plan(
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        padding=int(config.get("pad_token_id") or 0),
        pooling=mode,
        normalised=normalised,
    )


def _pooling_of(folder: Path) -> tuple[str, bool] | None:
    """How tokens are pooled, and whether vectors are normalised; None for any other modules."""
    file = folder / "modules.json"
    try:
        modules = [dict(module) for module in json.loads(file.read_text("utf-8"))]
    except (OSError, ValueError):
        return None
    kinds = [str(module.get("type")).rpartition(".")[2] for module in modules]
    paths = [folder / str(module.get("path")) for module in modules]
    own = read_json(folder / "sentence_bert_config.json")
    if (
        kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        or paths[0] != folder
        or (paths[-1] / "config.json").is_file() != (len(kinds) == 2)  # Normalize has none
        or own.get("do_lower_case")
        or own.keys() - {"max_seq_length", "do_lower_case"}
        or read_json(folder / "config_sentence_transformers.json").get("truncate_dim")
    ):
        return None
    config = read_json(paths[1] / "config.json")
    modes = [key for key, value in config.items() if value and key.startswith("pooling_mode")]
    if len(modes) != 1 or not config.get("include_prompt", True):
        return None
    mode = _POOLING.get(modes[0], config[modes[0]])
    return (mode, len(kinds) == 3) if mode in _POOLING.values() else None


def _plain_tokenizer(folder: Path) -> bool:
    """Whether tokenizer.json says what the tokenizer's settings say, which the library follows."""
    file = read_json(folder / TOKENIZER)
    settings = read_json(folder / "tokenizer_config.json")
    wanted = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
        "strip_accents": settings.get("strip_accents"),
        "lowercase": settings.get("do_lower_case", True),
    }
    return (
        file.get("normalizer") == wanted
        and file.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
        and (file.get("model") or {}).get("type") == "WordPiece"
        and (file.get("post_processor") or {}).get("type")
        in {"TemplateProcessing", "BertProcessing"}
        and settings.get("padding_side", "right") == "right"
        and settings.get("truncation_side", "right") == "right"
    )
