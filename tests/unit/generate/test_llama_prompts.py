"""Prompts that are read by a copy of the model in BF16, on real models of llama.cpp."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govbot.errors import Unavailable
from govbot.generate import Request, Usage
from govbot.generate.llama import LlamaGenerator, LlamaModel
from govbot.generate.llama_context import LlamaContext, Part
from govbot.generate.prompt_copy import Maker
from govbot.gguf import copy_of
from tests.soak import nothing_left, soak
from tests.tiny_gguf import byte_token, char_token, write_tiny_gguf
from tests.tiny_mamba import write_tiny_mamba
from tests.unit.generate.conftest import GenerationOptions, MakeRequest, make_copy, source
from tests.unit.generate.test_adapters import write_adapter

RULES = source(1, "as regras que todos leem, " * 12)


def _copied(model: Path) -> Path:
    assert make_copy(model).problem == ""
    return model


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    return _copied(write_tiny_gguf(folder / "random.gguf", context=2048))


def _options(model: Path, **settings: Any) -> GenerationOptions:
    return replace(
        GenerationOptions(model_path=model, context_tokens=600, prompt_weights="bf16"), **settings
    )


async def _text(generator: LlamaGenerator, request: Request) -> str:
    return "".join([text async for text in generator.stream(request)])


async def test_answers_written_together_are_those_written_alone(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    model = write_tiny_gguf(
        tmp_path / "m.gguf", sequence=(byte_token(10), *map(char_token, letters)), context=1024
    )
    generator = LlamaGenerator(_options(_copied(model), context_tokens=1024, slots=4))
    requests = [
        make_request(source(1, "x" * size), max_tokens=20, owner=str(size))
        for size in (5, 700, 60, 300, 9, 500)
    ]
    texts = await asyncio.gather(*(_text(generator, each) for each in requests))
    assert texts == [letters[:20]] * 6
    assert generator.status().copied
    await generator.aclose()


async def test_what_was_read_before_is_not_read_again_and_changes_nothing(
    random_model: Path, make_request: MakeRequest
) -> None:
    """Alone, beside others, in the same slot, in another one, and back from host memory."""
    options = _options(random_model)
    requests = [
        make_request(RULES, question=each * 9, max_tokens=12) for each in ("um", "do", "tr")
    ]
    alone = []
    for request in requests:
        fresh = LlamaGenerator(options)
        alone.append(await _text(fresh, request))
        await fresh.aclose()
    usages: list[Usage] = []
    generator = LlamaGenerator(options)
    for _ in range(2):
        for request, expected in zip(requests, alone, strict=True):
            assert await _text(generator, replace(request, on_usage=usages.append)) == expected
    together = await asyncio.gather(*(_text(generator, request) for request in requests))
    assert together == alone
    assert all(usage.shared_tokens >= 250 for usage in usages[1:])
    await generator.aclose()


def _first_logits(options: GenerationOptions, tokens: list[int]) -> np.ndarray[Any, Any]:
    model = LlamaModel(options)
    parts = [Part(0, 0, tokens, 1)]
    [index] = model._context.decode(parts, prompts=True)
    logits = model._context.logits(index).copy()
    model.close()
    return logits


def test_it_is_the_copy_that_reads(random_model: Path) -> None:
    tokens = [1, *range(100, 220)]
    read = _first_logits(_options(random_model), tokens)
    by_copy = _first_logits(_options(copy_of(random_model), prompt_weights="file"), tokens)
    by_file = _first_logits(_options(random_model, prompt_weights="file"), tokens)
    assert np.array_equal(read, by_copy)
    assert not np.array_equal(read, by_file)
    assert np.abs(read - by_file).max() < 0.1


def test_a_sequence_moves_whole_between_file_and_copy(random_model: Path) -> None:
    """Read by one, gone on with by the other and back: what is written depends on all of it."""
    model = LlamaModel(_options(random_model, context_tokens=512))
    context = model._context
    tokens = [1, *range(100, 300)]

    def then(slot: int) -> np.ndarray[Any, Any]:
        [index] = context.decode([Part(slot, 200, tokens[200:], 1)])
        return context.logits(index).copy()

    context.decode([Part(0, 0, tokens[:200], 0)], prompts=True)
    expected = then(0)
    assert context.forget(0, 100)  # at the file now; its beginning goes back to the copy
    context.decode([Part(0, 100, tokens[100:200], 0)], prompts=True)
    assert context.copy(0, 1, 200)  # from the copy
    assert context.forget(1, 64)
    context.decode([Part(1, 64, tokens[64:200], 0)], prompts=True)
    saved = context.save(1)
    assert context.forget(1)
    assert context.restore(1, saved)
    for slot in (0, 1):
        assert np.abs(then(slot) - expected).max() < 0.02
    context.clear()
    context.decode([Part(0, 0, tokens[:200], 0)], prompts=True)
    assert np.array_equal(then(0), expected)
    model.close()


async def test_it_is_made_while_answers_are_written_and_read_with_from_then_on(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z"))
    generator = LlamaGenerator(_options(model, context_tokens=512))
    request = make_request(RULES, max_tokens=4)
    assert await _text(generator, request) == "ZZZZ"
    async with asyncio.timeout(60):
        while not generator.status().copied:
            assert await _text(generator, request) == "ZZZZ"
            await asyncio.sleep(0.05)
    assert await _text(generator, request) == "ZZZZ"
    await generator.aclose()
    again = LlamaGenerator(_options(model, context_tokens=512))
    assert await _text(again, request) == "ZZZZ"
    assert again.status().copied
    await again.aclose()


async def test_a_model_that_goes_while_its_copy_is_made_leaves_no_process(
    tmp_path: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Maker] = []
    original = Maker.__init__

    def remember(self: Maker, model: Path, size: int) -> None:
        original(self, model, size)
        made.append(self)

    monkeypatch.setattr(Maker, "__init__", remember)
    model = write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z"))
    generator = LlamaGenerator(_options(model, context_tokens=512))
    assert await _text(generator, make_request(max_tokens=1)) == "Z"
    await generator.aclose()
    assert [each._process for each in made] == [None]


async def test_without_a_copy_answers_go_on_and_the_log_says_why(
    tmp_path: Path,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("govbot.generate.prompt_copy._obstacle", lambda *_: "the disk is too small")
    model = write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z"))
    generator = LlamaGenerator(_options(model, context_tokens=512))
    for _ in range(2):
        assert await _text(generator, make_request(max_tokens=3)) == "ZZZ"
    assert not generator.status().copied
    told = [each.getMessage() for each in caplog.records if "no copy" in each.getMessage()]
    assert told == ["There is no copy of m.gguf for prompts: the disk is too small"]
    await generator.aclose()


async def test_a_model_that_cannot_forget_reads_for_itself_and_the_log_says_why(
    tmp_path: Path, make_request: MakeRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = write_tiny_mamba(tmp_path / "mamba.gguf")
    generator = LlamaGenerator(_options(model))
    await _text(generator, make_request(max_tokens=2))
    assert "read by itself: the model cannot forget" in caplog.text
    assert not copy_of(model).exists()
    await generator.aclose()


async def test_a_copy_that_cannot_be_loaded_is_done_without(
    tmp_path: Path,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = _copied(write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z")))
    copy_of(model).unlink()
    monkeypatch.setattr("govbot.generate.prompt_copy.is_made", lambda _: True)
    generator = LlamaGenerator(_options(model, context_tokens=512))
    assert await _text(generator, make_request(max_tokens=3)) == "ZZZ"
    assert not generator.status().copied
    assert "There is no copy of m.gguf for prompts: it does not load" in caplog.text
    await generator.aclose()


async def test_a_copy_that_fails_ends_the_answers_and_the_next_ones_are_written(
    random_model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = LlamaGenerator(_options(random_model))
    request = make_request(RULES, max_tokens=6)
    expected = await _text(generator, request)
    monkeypatch.setattr(LlamaContext, "save", lambda *_: np.zeros(8, np.uint8))
    with pytest.raises(Unavailable):
        await _text(generator, make_request(source(1, "outro " * 60), max_tokens=6))
    monkeypatch.undo()
    assert await _text(generator, request) == expected
    await generator.aclose()


async def test_adapters_lie_over_the_copy_too(
    tmp_path: Path, make_request: MakeRequest, tiny_model: Path
) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(tiny_model.read_bytes())
    adapter = write_adapter(tmp_path / "y.gguf", char_token("Y"))
    generator = LlamaGenerator(_options(_copied(model), context_tokens=512, lora=(str(adapter),)))
    # The first token is drawn from what the copy computed, the others from the file.
    async with aclosing(generator.stream(make_request(RULES, max_tokens=3))) as texts:  # type: ignore[type-var]
        assert "".join([text async for text in texts]) == "YYY"
    assert generator.status().copied
    await generator.aclose()


async def test_requests_of_every_kind_leave_nothing_behind(random_model: Path) -> None:
    generator = LlamaGenerator(
        _options(
            random_model, context_tokens=512, slots=3, prefix_memory_mb=1, speculation="lookup",
            max_waiting_per_owner=64,
        )
    )  # fmt: skip
    ends = await soak(generator, 80, seed=5, context=512)
    assert ends["done"] > 10
    assert ends.keys() >= {"cancelled", "left", "E-GRAMMAR", "E-QUESTION-LENGTH"}
    assert "E-MODEL" not in ends
    await nothing_left(generator)
    await generator.aclose()
