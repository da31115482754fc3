import asyncio
from contextlib import aclosing

import pytest
from pydantic import SecretStr

from govbot.errors import Busy, GovBotError, Invalid, Unavailable
from govbot.generate import Request, Source, State
from govbot.generate.remote import RemoteGenerator, completions_url
from tests.openai_server import OpenAIServer, Reply
from tests.unit.generate.conftest import GenerationOptions, MakeRequest, source


def _generator(server: OpenAIServer, *, timeout_s: float = 5.0, key: str = "") -> RemoteGenerator:
    options = GenerationOptions(
        base_url=server.url, model="qwen", timeout_s=timeout_s, api_key=SecretStr(key)
    )
    return RemoteGenerator(options, retry_wait_s=0.0)


async def _text(generator: RemoteGenerator, request: Request) -> str:
    try:
        return "".join([text async for text in generator.stream(request)])
    finally:
        await generator.aclose()


async def _answer(reply: Reply, request: Request, *, timeout_s: float = 5.0) -> str:
    async with OpenAIServer() as server:
        server.replies.append(reply)
        return await _text(_generator(server, timeout_s=timeout_s), request)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://host:8000", "http://host:8000/v1/chat/completions"),
        ("http://host:8000/v1/", "http://host:8000/v1/chat/completions"),
        ("https://host/openai/v2", "https://host/openai/v2/chat/completions"),
        ("http://host/v1/chat/completions", "http://host/v1/chat/completions"),
    ],
)
def test_the_address_may_be_given_with_or_without_v1(base_url: str, url: str) -> None:
    assert completions_url(base_url) == url


async def test_it_streams_the_deltas_and_sends_what_the_protocol_asks(
    make_request: MakeRequest,
) -> None:
    async with OpenAIServer() as server:
        server.replies.append(Reply(["O prazo", " é de 20 dias", " [1]."]))
        generator = _generator(server, key="segredo")
        texts = [text async for text in generator.stream(make_request(source(1, "x")))]
        await generator.aclose()
        (received,) = server.received
    assert texts == ["O prazo", " é de 20 dias", " [1]."]
    assert received.path == "/v1/chat/completions"
    assert received.headers["authorization"] == "Bearer segredo"
    assert received.body["model"] == "qwen"
    assert received.body["stream"] is True
    assert received.body["max_tokens"] == 16
    assert received.body["messages"][0] == {"role": "system", "content": "regras"}
    assert generator.name == "openai:qwen"


async def test_without_a_key_no_authorization_is_sent(make_request: MakeRequest) -> None:
    async with OpenAIServer() as server:
        server.replies.append(Reply(["ok"]))
        assert await _text(_generator(server), make_request()) == "ok"
        assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, Unavailable, "api_key"),
        (403, Unavailable, "api_key"),
        (404, Unavailable, "qwen"),
        (429, Busy, "busy"),
        (500, Unavailable, "HTTP 500"),
        (400, Unavailable, "HTTP 400"),
    ],
)
async def test_a_refusal_is_a_clear_error(
    make_request: MakeRequest, status: int, error: type[GovBotError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        await _answer(Reply(status=status, body='{"error": {"message": "no"}}'), make_request())


async def test_nobody_at_the_address_is_a_clear_error(make_request: MakeRequest) -> None:
    async with OpenAIServer() as server:
        generator = _generator(server)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await _text(generator, make_request())
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert generator.status().state is State.FAILED


async def test_a_server_that_is_still_loading_gets_one_more_try(make_request: MakeRequest) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([Reply(status=503), Reply(["pronto"])])
        assert await _text(_generator(server), make_request()) == "pronto"


async def test_a_server_that_stays_away_is_not_tried_for_ever(make_request: MakeRequest) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([Reply(status=503)] * 3)
        with pytest.raises(Unavailable, match="HTTP 503"):
            await _text(_generator(server), make_request())
        assert len(server.received) == 2


@pytest.mark.parametrize("ending", ["cut", "bare"])
async def test_a_broken_stream_is_an_error_and_not_tried_again(
    make_request: MakeRequest, ending: str
) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([Reply(["meia"], ending=ending), Reply(["outra"])])
        generator = _generator(server)
        shown: list[str] = []

        async def read() -> None:
            async for text in generator.stream(make_request()):
                shown.append(text)

        with pytest.raises(Unavailable, match="broke"):
            await read()
        await generator.aclose()
        assert shown == ["meia"]
        assert len(server.received) == 1


async def test_a_stream_without_end_mark_is_complete_when_it_gave_a_finish_reason(
    make_request: MakeRequest,
) -> None:
    event = 'data: {"choices": [{"delta": {"content": "fim"}, "finish_reason": "stop"}]}\n\n'
    assert await _answer(Reply(raw=[event], ending="bare"), make_request()) == "fim"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(["tarde"], headers_delay_s=5),
        Reply(["tarde"], delay_s=5),
        Reply(["cedo"], ending="hang"),
        Reply(raw=[": keep-alive\n\n"] * 40, delay_s=0.05),
    ],
    ids=["no headers", "no first token", "silence between tokens", "only comments"],
)
async def test_silence_ends_the_answer_after_the_timeout(
    make_request: MakeRequest, reply: Reply
) -> None:
    async with asyncio.timeout(4):
        with pytest.raises(Unavailable, match="in time"):
            await _answer(reply, make_request(), timeout_s=0.3)


async def test_a_slow_but_steady_stream_is_not_a_silence(make_request: MakeRequest) -> None:
    reply = Reply(["a"] * 8, delay_s=0.1)
    assert await _answer(reply, make_request(), timeout_s=0.6) == "a" * 8


async def test_closing_the_stream_closes_the_connection(make_request: MakeRequest) -> None:
    async with OpenAIServer() as server:
        server.replies.append(Reply(["um"], ending="hang"))
        generator = _generator(server)
        async with aclosing(generator.stream(make_request())) as stream:  # type: ignore[type-var]
            assert await anext(stream) == "um"
        async with asyncio.timeout(2):
            await server.hung_up.wait()
        assert generator.status().running == 0
        await generator.aclose()


async def test_passages_are_dropped_while_the_server_finds_the_prompt_too_long(
    make_request: MakeRequest,
) -> None:
    too_long = Reply(
        status=400, body='{"error": {"message": "maximum context length is 4096 tokens"}}'
    )
    used: list[tuple[Source, ...]] = []
    sources = [source(n, f"trecho {n}", score=n / 10) for n in range(1, 7)]
    async with OpenAIServer() as server:
        server.replies.extend([too_long, too_long, Reply(["coube"])])
        request = make_request(*sources, on_sources=used.append)
        assert await _text(_generator(server), request) == "coube"
    assert [[each.number for each in kept] for kept in used] == [[4, 5, 6]]


async def test_a_question_longer_than_the_model_is_refused(make_request: MakeRequest) -> None:
    too_long = Reply(status=400, body='{"error": {"code": "context_length_exceeded"}}')
    async with OpenAIServer() as server:
        server.replies.extend([too_long] * 9)
        with pytest.raises(Invalid, match="too long"):
            await _text(_generator(server), make_request(source(1, "x")))


async def test_a_server_that_does_not_stream_answers_whole(make_request: MakeRequest) -> None:
    assert await _answer(Reply(whole="Tudo de uma vez."), make_request()) == "Tudo de uma vez."


@pytest.mark.parametrize(
    "event",
    ['data: {"error": {"message": "out of memory"}}\n\n', "data: {nonsense\n\n", "data: [1]\n\n"],
)
async def test_an_error_inside_the_stream_ends_it(make_request: MakeRequest, event: str) -> None:
    with pytest.raises(Unavailable):
        await _answer(Reply(raw=[event]), make_request())


async def test_thoughts_and_empty_events_are_not_shown(make_request: MakeRequest) -> None:
    events = [
        'data: {"choices": []}\n\n',
        'data: {"choices": [{"delta": {"role": "assistant", "reasoning_content": "hm"}}]}\n\n',
        'data: {"choices": [{"delta": {"content": "<think>hm</think>Sim"}}]}\n\n',
    ]
    assert await _answer(Reply(raw=events), make_request()) == "Sim"
