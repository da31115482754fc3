import asyncio
import logging
from contextlib import aclosing
from pathlib import Path

import pytest

from govbot.errors import Invalid, Unavailable
from govbot.generate import Request, Source, State
from govbot.generate.llama import LlamaGenerator
from tests.tiny_gguf import END, byte_token, char_token, write_tiny_gguf
from tests.unit.generate.conftest import GenerationOptions, MakeRequest, source

ENDLESS = 100_000


async def _text(generator: LlamaGenerator, request: Request) -> list[str]:
    return [text async for text in generator.stream(request)]


async def test_it_streams_token_by_token_up_to_max_tokens(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model))
    texts = await _text(generator, make_request(max_tokens=9))
    assert len(texts) == 9
    assert generator.name == "llama:tiny.gguf"
    assert not generator.excerpts
    await generator.aclose()


async def test_it_stops_at_the_end_token_and_joins_bytes_to_characters(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    answer = (char_token("O"), *map(byte_token, "é€".encode()), char_token("!"), END)
    path = write_tiny_gguf(tmp_path / "m.gguf", sequence=(byte_token(10), *answer))
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    texts = await _text(generator, make_request(max_tokens=50))
    assert texts == ["O", "é", "€", "!"]
    await generator.aclose()


async def test_a_character_that_stays_incomplete_is_shown_as_such(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", sequence=(byte_token(10), byte_token(0xC3), END))
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    assert "".join(await _text(generator, make_request())) == "�"
    await generator.aclose()


async def test_closing_the_stream_frees_the_engine_at_once(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model, context_tokens=512))
    async with aclosing(generator.stream(make_request(max_tokens=ENDLESS))) as stream:  # type: ignore[type-var]
        assert await anext(stream)
    async with asyncio.timeout(2):
        assert len(await _text(generator, make_request(max_tokens=3))) == 3
    await generator.aclose()


async def test_an_answer_ends_where_the_context_ends(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model, context_tokens=512))
    texts = await _text(generator, make_request(max_tokens=ENDLESS))
    assert 300 < len(texts) < 512
    await generator.aclose()


async def test_the_weakest_passages_are_dropped_when_the_context_overflows(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    used: list[tuple[Source, ...]] = []
    sources = [source(n, "x" * 130, score=score) for n, score in ((1, 0.4), (2, 0.9), (3, 0.1))]
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model))
    await _text(generator, make_request(*sources, max_tokens=64, on_sources=used.append))
    assert [[each.number for each in kept] for kept in used] == [[1, 2]]
    await generator.aclose()


async def test_a_question_that_does_not_fit_is_refused_and_not_cut(
    tiny_model: Path, make_request: MakeRequest
) -> None:
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model))
    with pytest.raises(Invalid, match="too long"):
        await _text(generator, make_request(source(1, "x"), question="muito longa " * 60))
    assert len(await _text(generator, make_request(max_tokens=2))) == 2
    await generator.aclose()


async def test_a_shared_beginning_does_not_change_the_answer(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(tmp_path / "random.gguf")
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    first = await _text(generator, make_request(question="qual o prazo?"))
    await _text(generator, make_request(question="qual o valor da multa?"))
    again = await _text(generator, make_request(question="qual o prazo?"))
    assert "".join(first) == "".join(again)
    await generator.aclose()


async def test_the_context_is_no_longer_than_the_model_was_trained_for(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(tmp_path / "short.gguf", context=256, favourite=char_token("a"))
    generator = LlamaGenerator(GenerationOptions(model_path=path, context_tokens=8192))
    assert len(await _text(generator, make_request(max_tokens=ENDLESS))) < 256
    await generator.aclose()


async def test_a_model_without_a_chat_template_answers_too(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    path = write_tiny_gguf(tmp_path / "plain.gguf", template=None, favourite=char_token("b"))
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    assert "".join(await _text(generator, make_request(max_tokens=4))) == "bbbb"
    await generator.aclose()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be opened"),
        (b"%PDF-1.7 not a model", "not a GGUF file"),
        (b"GGUF" + b"\0" * 64, "is damaged or no GGUF"),
    ],
)
async def test_a_bad_model_file_is_a_clear_error_at_the_first_question(
    tmp_path: Path, make_request: MakeRequest, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "bad.gguf"
    if content is not None:
        path.write_bytes(content)
    generator = LlamaGenerator(GenerationOptions(model_path=path))
    assert generator.status().state is State.IDLE
    with pytest.raises(Unavailable, match=sentence) as caught:
        await _text(generator, make_request())
    assert "bad.gguf" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert generator.status().state is State.FAILED
    await generator.aclose()


async def test_without_a_gpu_it_says_that_it_runs_on_the_cpu(
    tiny_model: Path, make_request: MakeRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "govbot.generate")
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model, n_gpu_layers=0, threads=1))
    await _text(generator, make_request(max_tokens=1))
    assert generator.status().device == "CPU, 1 threads"
    assert "Model loaded on CPU" in caplog.text
    await generator.aclose()


async def test_llama_cpp_writes_to_the_log_and_not_to_standard_error(
    tiny_model: Path,
    make_request: MakeRequest,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, "govbot.llama_log")
    generator = LlamaGenerator(GenerationOptions(model_path=tiny_model))
    await _text(generator, make_request(max_tokens=1))
    await generator.aclose()
    assert capfd.readouterr().err == ""
    assert "llama.cpp: " in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
