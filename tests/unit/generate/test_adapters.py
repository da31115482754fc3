"""LoRA adapters over a model file: what they change, and what is none."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import gguf
import numpy as np
import pytest

from govbot.errors import Unavailable
from govbot.generate.llama import LlamaGenerator
from tests.tiny_gguf import char_token, vocabulary
from tests.unit.generate.conftest import GenerationOptions, MakeRequest


def write_adapter(path: Path, token: int, *, width: int = 64) -> Path:
    """Makes `token` the likeliest after anything: it reads the constant direction of the tiny
    model, which has 64 numbers."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 1.0)
    inputs = np.zeros((1, width), np.float32)
    inputs[0, 0] = 1.0
    outputs = np.zeros((len(vocabulary()[0]), 1), np.float32)
    outputs[token, 0] = 60.0
    writer.add_tensor("output.weight.lora_a", inputs)
    writer.add_tensor("output.weight.lora_b", outputs)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def _said(model: Path, *lora: Path, scale: float = 1.0, make_request: MakeRequest) -> str:
    generator = LlamaGenerator(
        GenerationOptions(model_path=model, lora=tuple(map(str, lora)), lora_scale=scale)
    )
    try:
        stream = generator.stream(make_request(max_tokens=3))
        async with aclosing(stream) as texts:  # type: ignore[type-var]
            return "".join([text async for text in texts])
    finally:
        await generator.aclose()


async def test_an_adapter_changes_what_the_model_says_by_its_strength(
    tiny_model: Path, tmp_path: Path, make_request: MakeRequest
) -> None:
    adapter = write_adapter(tmp_path / "y.gguf", char_token("Y"))
    assert await _said(tiny_model, make_request=make_request) == "ZZZ"
    assert await _said(tiny_model, adapter, make_request=make_request) == "YYY"
    assert await _said(tiny_model, adapter, scale=0.0, make_request=make_request) == "ZZZ"


async def test_what_is_no_adapter_for_the_model_is_told_by_name(
    tiny_model: Path, tmp_path: Path, make_request: MakeRequest
) -> None:
    foreign = write_adapter(tmp_path / "foreign.gguf", 5, width=32)
    for file in (foreign, tiny_model):
        with pytest.raises(Unavailable, match=rf"{file.name} is no LoRA adapter"):
            await _said(tiny_model, file, make_request=make_request)
