"""GGUF files with random weights in the shapes of real models, to measure speed without any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.tiny_gguf import CHAT_TEMPLATE, END, char_token, vocabulary

_BLOCK = 32  # numbers of a block of Q8_0: a scale of 16 bits and a byte for each


@dataclass(frozen=True, slots=True)
class ModelShape:
    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    tokens: int
    context: int = 8192


# Those of SmolLM2-135M and Llama-3.2-1B, and one that only proves that the benchmark runs.
SMALL = ModelShape("135M", 576, 30, 9, 3, 1536, 49_152)
LARGE = ModelShape("1B", 2048, 16, 32, 8, 8192, 128_256)
TINY = ModelShape("tiny", 64, 2, 4, 2, 128, 512)
SHAPES = {shape.name: shape for shape in (SMALL, LARGE, TINY)}


def write_shape(path: Path, shape: ModelShape) -> Path:
    """Weights of 8 bits (Q8_0), output tied to the embedding; every token it writes is text."""
    texts, kinds = vocabulary()
    fill = shape.tokens - len(texts)
    texts += [f"\u27e8{number}\u27e9" for number in range(fill)]
    kinds += [int(gguf.TokenType.NORMAL)] * fill
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"random-{shape.name}")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.tokens)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores([-1000.0] * len(texts))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    _add_weights(writer, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_weights(writer: gguf.GGUFWriter, shape: ModelShape) -> None:
    random = np.random.default_rng(11)
    head = shape.width // shape.heads

    def add(name: str, rows: int, columns: int, spread: float) -> None:
        blocks = _random_blocks(random, rows, columns, spread)
        if name == "token_embd.weight":
            blocks[: char_token("!")] = 0  # controls and bytes: no text, and no end of an answer
        writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def one(name: str) -> None:
        writer.add_tensor(name, np.ones(shape.width, dtype=np.float32))

    inside = shape.width**-0.5
    # Logits then spread by 2.5, about as those of trained models do.
    add("token_embd.weight", shape.tokens, shape.width, 2.5 * inside)
    one("output_norm.weight")
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        one(f"{block}.attn_norm.weight")
        one(f"{block}.ffn_norm.weight")
        add(f"{block}.attn_q.weight", shape.heads * head, shape.width, inside)
        add(f"{block}.attn_k.weight", shape.kv_heads * head, shape.width, inside)
        add(f"{block}.attn_v.weight", shape.kv_heads * head, shape.width, inside)
        add(f"{block}.attn_output.weight", shape.width, shape.heads * head, inside)
        add(f"{block}.ffn_gate.weight", shape.hidden, shape.width, inside)
        add(f"{block}.ffn_up.weight", shape.hidden, shape.width, inside)
        add(f"{block}.ffn_down.weight", shape.width, shape.hidden, shape.hidden**-0.5)


def _random_blocks(
    random: np.random.Generator, rows: int, columns: int, spread: float
) -> NDArray[np.uint8]:
    """Bytes of a matrix in Q8_0, evenly distributed with this standard deviation."""
    count = columns // _BLOCK
    blocks = np.empty((rows, count, 2 + _BLOCK), dtype=np.uint8)
    scale = np.float16(spread / (255 / 12**0.5))
    blocks[:, :, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    blocks[:, :, 2:] = random.integers(0, 256, (rows, count, _BLOCK), dtype=np.uint8)
    return blocks.reshape(rows, count * (2 + _BLOCK))
