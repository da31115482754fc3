"""Writes a tiny llama model with random weights, for tests of the engine.

Vocabulary: control tokens, the 256 byte tokens, and every printable ASCII character as a word of
its own, so that any text can be read and written. It answers nonsense, deterministically per seed.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
END = 2  # id of </s>


def write_tiny_gguf(
    path: Path,
    *,
    template: str | None = CHAT_TEMPLATE,
    context: int = 512,
    seed: int = 7,
    favourite: int | None = None,
    sequence: tuple[int, ...] = (),
    controls: tuple[str, ...] = (),
) -> Path:
    """A model of two layers. `favourite` makes one token always the likeliest; `sequence` makes
    each of its tokens the likeliest after the one before; no token may come twice. `controls` are
    further control tokens."""
    width, layers, heads, hidden = 64, 2, 4, 128
    tokens, kinds = vocabulary(controls)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-1000.0 if kind == _BYTE else 0.0 for kind in kinds])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int, scale: float = 0.05) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(np.float32))

    embedding = (random.standard_normal((len(tokens), width)) * 0.5).astype(np.float32)
    output = (random.standard_normal((len(tokens), width)) * 0.05).astype(np.float32)
    if favourite is not None:
        embedding[:, 0] = 10.0  # a constant direction that survives both layers
        output[:, 0] = 0.0
        output[favourite, 0] = 20.0
    for before, after in pairwise(sequence):
        output[after] = embedding[before] * 20.0
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    scale = 0.001 if favourite is not None or sequence else 0.05
    for layer in range(layers):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", np.ones(width, dtype=np.float32))
        writer.add_tensor(f"{block}.ffn_norm.weight", np.ones(width, dtype=np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}.{part}.weight", width, width, scale=scale)
        add(f"{block}.ffn_gate.weight", hidden, width, scale=scale)
        add(f"{block}.ffn_up.weight", hidden, width, scale=scale)
        add(f"{block}.ffn_down.weight", width, hidden, scale=scale)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def byte_token(value: int) -> int:
    """Id of the token of one byte."""
    return 3 + value


def char_token(char: str) -> int:
    """Id of the token of one printable ASCII character ("▁" stands for the space)."""
    return 3 + 256 + _PRINTABLE.index(char)


_PRINTABLE = ["▁"] + [chr(code) for code in range(33, 127)]
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = (
    int(gguf.TokenType.NORMAL),
    int(gguf.TokenType.UNKNOWN),
    int(gguf.TokenType.CONTROL),
    int(gguf.TokenType.BYTE),
)


def vocabulary(controls: tuple[str, ...] = ()) -> tuple[list[str], list[int]]:
    """Texts and kinds of all tokens."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{value:02X}>" for value in range(256)] + _PRINTABLE
    kinds = [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256 + [_NORMAL] * len(_PRINTABLE)
    return tokens + list(controls), kinds + [_CONTROL] * len(controls)
