"""Several answers at a time, on real models of llama.cpp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govbot.errors import Invalid, Unavailable
from govbot.generate import ChatMessage, Grammar, Priority, Request, Sampling, Usage
from govbot.generate.llama import LlamaGenerator, LlamaModel
from govbot.generate.llama_context import LlamaContext
from tests.bench.shapes import ModelShape, write_shape
from tests.tiny_gguf import byte_token, char_token, write_tiny_gguf
from tests.tiny_mamba import write_tiny_mamba
from tests.unit.generate.conftest import GenerationOptions, MakeRequest, source

RULES = source(1, "as regras que todos leem, " * 12)


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "random.gguf", context=2048)


async def _text(generator: LlamaGenerator, request: Request) -> str:
    return "".join([text async for text in generator.stream(request)])


async def _together(generator: LlamaGenerator, requests: list[Request]) -> list[str]:
    return await asyncio.gather(*(_text(generator, request) for request in requests))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


def _observed(request: Request, seen: list[Usage]) -> Request:
    return replace(request, on_usage=seen.append)


async def test_answers_written_together_are_those_written_alone(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    path = write_tiny_gguf(
        tmp_path / "m.gguf",
        sequence=(byte_token(10), *map(char_token, letters)),
        context=1024,
    )
    generator = LlamaGenerator(GenerationOptions(model_path=path, context_tokens=1024, slots=4))
    requests = [
        make_request(source(1, "x" * size), max_tokens=20, owner=str(size))
        for size in (5, 700, 60, 300, 9, 500)
    ]
    assert await _together(generator, requests) == [letters[:20]] * 6
    assert generator.status().slots == 4
    assert generator.status().running == 0
    await generator.aclose()


async def test_streams_go_on_while_a_long_prompt_is_read(
    tiny_model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.generate.llama_loading._BATCH", 32)
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model, slots=2))
    order: list[str] = []

    async def write(name: str, request: Request) -> None:
        async with aclosing(generator.stream(request)) as stream:  # type: ignore[type-var]
            async for _ in stream:
                order.append(name)

    first = asyncio.create_task(write("first", make_request(max_tokens=60)))
    await _until(lambda: len(order) > 2)
    began = len(order)
    await write("second", make_request(source(1, "y" * 300), max_tokens=2))
    await first
    assert order[began:].index("second") >= 8  # each step of its prompt gave the first a token
    await generator.aclose()


@pytest.mark.parametrize("shared", [0, 700])
async def test_what_was_read_before_is_not_read_again_and_changes_nothing(
    random_model: Path, make_request: MakeRequest, shared: int
) -> None:
    """Alone, beside others, in the same slot, in another one, and back from host memory."""
    options = GenerationOptions(
        model_path=random_model, context_tokens=600, slots=2, shared_context_tokens=shared
    )
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
            assert await _text(generator, _observed(request, usages)) == expected
    assert usages[0].shared_tokens == 0
    assert all(usage.shared_tokens >= 300 for usage in usages[1:])
    assert all(usage.shared_tokens < usage.prompt_tokens for usage in usages)
    assert generator.status().prefix_tokens > 300
    await generator.aclose()


@pytest.mark.parametrize("flash", ["auto", "off"])
async def test_what_an_answer_is_drawn_from_is_the_same_beside_others_as_alone(
    tmp_path: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch, flash: str
) -> None:
    drawn: dict[str, list[Any]] = {}
    lengths: list[set[int]] = []
    draw, decode = LlamaModel._draw, LlamaContext.decode

    def seen(self: LlamaModel, answer: Any, index: int, step: Any) -> None:
        logits = self._context.logits(index).copy()
        drawn.setdefault(answer.ticket.request.owner, []).append(logits)
        draw(self, answer, index, step)

    def counted(self: LlamaContext, parts: Any, *, prompts: bool = False) -> list[int]:
        lengths.append({len(part.tokens) for part in parts})
        return decode(self, parts, prompts=prompts)

    monkeypatch.setattr(LlamaModel, "_draw", seen)
    monkeypatch.setattr(LlamaContext, "decode", counted)
    # Of floats, unlike bytes, one and several at a time differ in the last bits.
    path = write_shape(tmp_path / "m.gguf", ModelShape("small", 192, 4, 3, 1, 512, 1024, 2048))
    options = GenerationOptions(model_path=path, context_tokens=512, slots=8, flash_attention=flash)
    letters = np.random.default_rng(9).integers(ord("a"), ord("z"), (8, 270), dtype=np.uint8)
    requests = [
        make_request(
            source(1, bytes(row)[: 200 + 9 * number].decode()), max_tokens=12, owner=str(number)
        )
        for number, row in enumerate(letters)
    ]
    generator = LlamaGenerator(options)
    await _together(generator, requests)
    await generator.aclose()
    together = drawn.copy()
    drawn.clear()
    # llama.cpp would cut pieces of different lengths into shorter ones, which it computes in
    # another way; only in many layers of many numbers does that show in the end.
    assert all(len(each) == 1 for each in lengths)
    assert max(len(each) for each in together.values()) == 12
    for request in requests:
        fresh = LlamaGenerator(options)
        await _text(fresh, request)
        await fresh.aclose()
    assert drawn.keys() == together.keys()
    for owner, alone in drawn.items():
        # With flash attention one answer is written in another way than several are.
        compared = alone[:1] if flash == "auto" else alone
        for one, other in zip(compared, together[owner], strict=False):
            assert np.array_equal(one, other), owner


async def test_a_model_that_cannot_forget_answers_the_same_with_a_shared_beginning(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_mamba(tmp_path / "mamba.gguf")
    options = GenerationOptions(model_path=path, context_tokens=1024, slots=2)
    requests = [make_request(RULES, question=each * 9, max_tokens=8) for each in ("um", "do", "tr")]
    alone = []
    for request in requests:
        fresh = LlamaGenerator(options)
        alone.append(await _text(fresh, request))
        await fresh.aclose()
    usages: list[Usage] = []
    generator = LlamaGenerator(options)
    for _ in range(2):
        for request, expected in zip(requests, alone, strict=True):
            assert await _text(generator, _observed(request, usages)) == expected
    assert usages[-1].shared_tokens >= 300
    assert sorted(await _together(generator, requests)) == sorted(alone)
    await generator.aclose()


async def test_a_seed_repeats_an_answer_and_another_seed_does_not(
    random_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(
        GenerationOptions(model_path=random_model, context_tokens=600, slots=3)
    )

    def request(seed: int | None) -> Request:
        return replace(make_request(max_tokens=24), sampling=Sampling(temperature=1.5, seed=seed))

    first, other, none, *_ = await _together(generator, [request(7), request(8), request(None)])
    assert await _text(generator, request(7)) == first
    assert len({first, other, none, await _text(generator, request(None))}) == 4
    await generator.aclose()


async def test_a_penalty_keeps_a_model_from_repeating_itself(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model))
    plain = make_request(max_tokens=12)
    assert await _text(generator, plain) == "Z" * 12
    penalised = replace(plain, sampling=Sampling(temperature=0, repeat_penalty=1000.0))
    assert (await _text(generator, penalised)).count("Z") == 1
    await generator.aclose()


async def test_a_stop_text_ends_the_answer_before_it(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(
        tmp_path / "m.gguf", sequence=(byte_token(10), *map(char_token, "abcdefgh"))
    )
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    usages: list[Usage] = []
    request = _observed(make_request(max_tokens=8), usages)
    assert await _text(generator, replace(request, stop=("zz", "def", ""))) == "abc"
    assert await _text(generator, request) == "abcdefgh"
    assert [usage.finish for usage in usages] == ["stop", "length"]
    assert [usage.completion_tokens for usage in usages] == [6, 8]
    assert all(usage.first_token_ms > 0 for usage in usages)
    await generator.aclose()


async def test_a_grammar_or_a_schema_shapes_the_answer(
    random_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(
        GenerationOptions(model_path=random_model, context_tokens=600, slots=2)
    )
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "n": {"enum": [1, 22]}},
        "required": ["ok", "n"],
    }
    request = make_request(max_tokens=80)
    by_schema = replace(request, grammar=Grammar("json_schema", json.dumps(schema)))
    by_rule = replace(
        request,
        grammar=Grammar("gbnf", 'root ::= ("sim" | "nao") "."'),
        sampling=Sampling(temperature=1.0, seed=3),
    )
    found, word = await _together(generator, [by_schema, by_rule])
    assert set(json.loads(found)) == {"ok", "n"}
    assert word in ("sim.", "nao.")
    for kind, text in (
        ("gbnf", "root ::= nothing"),
        ("gbnf", "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000),
        ("json_schema", "{"),
        ("json_schema", '{"$ref": "https://example.com/schema.json"}'),
    ):
        with pytest.raises(Invalid, match="grammar"):
            await _text(generator, replace(request, grammar=Grammar(kind, text)))  # type: ignore[arg-type]
    assert generator.status().running == 0
    await generator.aclose()


async def test_background_work_makes_room_for_a_chat_and_goes_on_afterwards(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z"), context=2048)
    generator = LlamaGenerator(
        GenerationOptions(model_path=path, context_tokens=2048, slots=1, prefix_memory_mb=64)
    )
    pieces: list[str] = []

    async def work() -> None:
        request = replace(make_request(max_tokens=900), priority=Priority.BACKGROUND)
        async for text in generator.stream(request):
            pieces.append(text)

    background = asyncio.create_task(work())
    await _until(lambda: len(pieces) > 5)
    assert await _text(generator, make_request(max_tokens=3, owner="x")) == "ZZZ"
    assert len(pieces) < 900
    await background
    assert "".join(pieces) == "Z" * 900
    await generator.aclose()


async def test_an_answer_that_takes_too_long_ends_with_a_sentence(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model, slots=1))
    usages: list[Usage] = []
    endless = replace(_observed(make_request(max_tokens=100_000), usages), timeout_s=0.01)
    with pytest.raises(Unavailable, match="too long") as caught:
        await _text(generator, endless)
    assert caught.value.error_code == "E-MODEL-TIME"
    await _until(lambda: generator.status().running == 0)
    assert await _text(generator, make_request(max_tokens=2)) == "ZZ"
    await generator.aclose()


async def test_of_the_prompts_of_others_only_rules_and_passages_are_shared(
    random_model: Path, make_request: MakeRequest
) -> None:
    """Who could tell how much of a guess was read before would learn what others have asked."""
    generator = LlamaGenerator(
        GenerationOptions(model_path=random_model, context_tokens=1500, slots=3)
    )
    rules, passages, secret = "regras " * 30, "trecho do documento " * 12, "pergunta secreta " * 12
    usages: list[Usage] = []

    async def shares(owner: str, *turns: str) -> int:
        *before, last = turns
        messages = [ChatMessage("system", rules)]
        for turn in before:
            messages += [ChatMessage("user", turn), ChatMessage("assistant", "ok")]
        messages.append(ChatMessage("user", passages + last))
        request = _observed(make_request(question=last, max_tokens=2, owner=owner), usages)
        await _text(generator, replace(request, messages=tuple(messages)))
        return usages[-1].shared_tokens

    assert await shares("ana", secret) == 0
    opened = len(rules) + len(passages)
    tile = 64  # the end of a prompt is read again
    assert await shares("ana", secret) >= opened + len(secret) - tile - 10
    assert opened - tile <= await shares("rui", "outra") <= opened + 30
    assert opened - 10 <= await shares("bia", secret) <= opened + 30
    await shares("ana", secret, "e depois?")
    assert await shares("rui", secret, "e depois?") <= len(rules) + 30
    await generator.aclose()


async def test_guesses_change_no_answer_and_save_steps(
    tmp_path: Path,
    random_model: Path,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = []
    original = LlamaModel.step
    monkeypatch.setattr(
        LlamaModel, "step", lambda self, pace: steps.append(1) or original(self, pace)
    )
    monkeypatch.setattr("govbot.generate.pace.Pace.guess_cost", lambda _self, _writing: 0.1)
    letters = "".join(chr(code) for code in range(ord("0"), ord("z")) if chr(code).isalnum())
    path = write_tiny_gguf(
        tmp_path / "m.gguf", sequence=(byte_token(10), *map(char_token, letters)), context=1024
    )
    counts = {}
    for kind in ("off", "lookup"):
        options = GenerationOptions(model_path=path, context_tokens=1024, slots=2, speculation=kind)
        generator = LlamaGenerator(options)
        steps.clear()
        quoted = make_request(source(1, letters), max_tokens=len(letters))
        assert await _text(generator, quoted) == letters
        counts[kind] = len(steps)
        await generator.aclose()
    assert counts["lookup"] < counts["off"] / 2

    answers = {}
    for kind in ("off", "lookup"):
        generator = LlamaGenerator(
            GenerationOptions(
                model_path=random_model, context_tokens=900, slots=2, speculation=kind
            )
        )
        requests = [
            replace(make_request(RULES, max_tokens=60), sampling=sampling, stop=("q",))
            for sampling in (None, Sampling(temperature=0.7, seed=4))
        ]
        answers[kind] = await _together(generator, requests)
        await generator.aclose()
    assert answers["off"] == answers["lookup"]


async def test_a_draft_model_saves_steps_and_changes_no_answer(
    tmp_path: Path, random_model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    original = LlamaModel.step
    monkeypatch.setattr(
        LlamaModel, "step", lambda self, pace: steps.append(1) or original(self, pace)
    )
    monkeypatch.setattr("govbot.generate.pace.Pace.guess_cost", lambda _self, _writing: 0.1)
    letters = "".join(chr(code) for code in range(ord("0"), ord("z")) if chr(code).isalnum())
    large, small = (
        write_tiny_gguf(
            tmp_path / f"{seed}.gguf",
            sequence=(byte_token(10), *map(char_token, letters)),
            context=1024,
            seed=seed,
        )
        for seed in (1, 2)
    )
    counts = {}
    for draft in ("", str(small)):
        generator = LlamaGenerator(
            GenerationOptions(model_path=large, context_tokens=1024, slots=2, draft=draft)
        )
        steps.clear()
        requests = [make_request(max_tokens=len(letters), question=each) for each in ("a", "bb")]
        assert await _together(generator, requests) == [letters, letters]
        assert await _text(generator, requests[0]) == letters
        counts[draft] = len(steps)
        await generator.aclose()
    assert counts[str(small)] < counts[""] / 2

    other = write_tiny_gguf(tmp_path / "other.gguf", controls=("<x>",))
    for wrong, sentence in ((other, "another vocabulary"), (tmp_path / "none", "could not be")):
        generator = LlamaGenerator(
            GenerationOptions(model_path=random_model, context_tokens=600, draft=str(wrong))
        )
        with pytest.raises(Unavailable, match=sentence):
            await _text(generator, make_request())
        await generator.aclose()
