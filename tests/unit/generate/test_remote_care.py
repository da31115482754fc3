"""How a remote server is handled with care: breaker, health, waits, its line, its count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from govbot.errors import Unavailable
from govbot.generate import Grammar, Request, Sampling, State, Usage
from govbot.generate.breaker import Breaker
from govbot.generate.remote import RemoteGenerator
from tests.openai_server import OpenAIServer, Reply
from tests.unit.generate.conftest import GenerationOptions, MakeRequest

USAGE = (
    '"usage": {"prompt_tokens": 20, "completion_tokens": 3, '
    '"prompt_tokens_details": {"cached_tokens": 8}}'
)


def _generator(server: OpenAIServer, **options: Any) -> RemoteGenerator:
    settings = GenerationOptions(base_url=server.url, model="qwen", **options)
    clock: Callable[[], float] = asyncio.get_running_loop().time
    return RemoteGenerator(settings, retry_wait_s=0.001, breaker=Breaker(clock=clock))


async def _text(generator: RemoteGenerator, request: Request) -> str:
    return "".join([text async for text in generator.stream(request)])


async def test_a_server_that_fails_three_times_is_left_alone_until_a_look_finds_it_well(
    make_request: MakeRequest,
) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([Reply(status=500)] * 3)
        generator = _generator(server, retries=0)
        for _ in range(3):
            with pytest.raises(Unavailable, match="HTTP 500"):
                await _text(generator, make_request())
        with pytest.raises(Unavailable, match="failed several times"):
            await _text(generator, make_request())
        assert len(server.received) == 3
        assert (generator.breaker, generator.status().state) == ("open", State.FAILED)
        server.replies.append(Reply(status=404))  # no list of models, but it is there
        await generator.check()
        assert server.received[-1].path == "/v1/models"
        assert (generator.breaker, generator.status().state) == ("closed", State.READY)
        server.replies.append(Reply(["de volta"]))
        assert await _text(generator, make_request()) == "de volta"
        server.replies.append(Reply(status=401))
        await generator.check()
        assert "api_key" in generator.status().error
    await generator.check()
    assert "cannot be reached" in generator.status().error
    await generator.aclose()


async def test_a_server_that_starts_is_asked_again_as_often_as_the_settings_say(
    make_request: MakeRequest,
) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([Reply(status=503), Reply(status=502), Reply(["pronto"])])
        generator = _generator(server, retries=2)
        assert await _text(generator, make_request()) == "pronto"
        assert generator.breaker == "closed"
        await generator.aclose()


async def test_what_programs_ask_for_is_sent_and_the_tokens_are_counted(
    make_request: MakeRequest,
) -> None:
    used: list[Usage] = []
    events = [
        'data: {"choices": [{"delta": {"content": "oi"}, "finish_reason": "length"}]}\n\n',
        f'data: {{"choices": [], {USAGE}}}\n\n',
    ]
    asked = replace(
        make_request(),
        sampling=Sampling(temperature=0.5, top_p=0.9, seed=7),
        stop=("FIM",),
        grammar=Grammar("json_schema", '{"type": "object"}'),
        on_usage=used.append,
    )
    async with OpenAIServer() as server:
        server.replies.append(Reply(raw=events))
        generator = _generator(server)
        assert await _text(generator, asked) == "oi"
        body = server.received[0].body
        # A server that does not know how to count is asked without.
        refuses = Reply(status=400, body='{"error": "unknown field stream_options"}')
        server.replies.extend([refuses, Reply(["abcdefgh"]), Reply(["x"])])
        assert await _text(generator, asked) == "abcdefgh"
        assert await _text(generator, asked) == "x"
        assert len(server.received) == 4
        await generator.aclose()
    schema = {"name": "answer", "strict": True, "schema": {"type": "object"}}
    assert {key: body[key] for key in ("temperature", "top_p", "seed", "stop")} == {
        "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["FIM"],
    }  # fmt: skip
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert body["stream_options"] == {"include_usage": True}
    first, second, _ = used
    assert (first.prompt_tokens, first.shared_tokens, first.completion_tokens) == (20, 8, 3)
    assert first.finish == "length"
    assert (second.completion_tokens, second.finish) == (2, "stop")


async def test_more_answers_than_the_server_writes_wait_in_turns_and_see_their_place(
    make_request: MakeRequest,
) -> None:
    places: list[int] = []
    async with OpenAIServer() as server:
        server.replies.extend([Reply(["um"], ending="hang"), Reply(["dois"])])
        generator = _generator(server, parallel=1)
        waiting = make_request(owner="b", on_position=places.append)
        stream = generator.stream(make_request(owner="a"))
        async with aclosing(stream) as first:  # type: ignore[type-var]
            assert await anext(first) == "um"
            second = asyncio.create_task(_text(generator, waiting))
            gone = asyncio.create_task(_text(generator, replace(waiting, owner="c")))
            await asyncio.sleep(0.01)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            status = generator.status()
            assert (status.running, status.waiting, len(server.received)) == (1, 1, 1)
        assert await second == "dois"
        assert places[0] == 1
        assert places[-1] == 0
        assert (generator.status().running, generator.status().waiting) == (0, 0)
        await generator.aclose()


async def test_the_time_of_a_request_bounds_waiting_and_writing_together(
    make_request: MakeRequest,
) -> None:
    request = replace(make_request(), timeout_s=0.2)
    async with OpenAIServer() as server:
        server.replies.extend([Reply(["a"] * 50, delay_s=0.05), Reply(["um"], ending="hang")])
        generator = _generator(server, parallel=1)
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable, match="in time"):
                await _text(generator, request)
            stream = generator.stream(make_request())
            async with aclosing(stream) as first:  # type: ignore[type-var]
                await anext(first)
                with pytest.raises(Unavailable, match="in time"):
                    await _text(generator, request)
        await generator.aclose()
