"""Embedders behind `/v1/embeddings`, over real HTTP."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models import embeddings_wire
from govbot.models.embedder import Embedder, open_embedder
from govbot.models.remote_canary import CANARY
from tests.embedding_server import EmbeddingServer


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings_wire, "FIRST_WAIT_S", 0.01)


Open = Callable[..., Embedder]


@pytest.fixture
def opened(server: EmbeddingServer, tmp_path: Path) -> Open:
    def make(**settings: object) -> Embedder:
        wanted = {"model": "modelo", "base_url": server.url} | settings
        own = EmbedderSettings(**wanted)  # type: ignore[arg-type]
        embedder = open_embedder(Settings(data_dir=tmp_path, embedder=own))
        assert embedder is not None
        return embedder

    return make


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_passages_go_in_bounded_batches_and_come_back_in_order_with_length_one(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened(batch_size=4, api_key=SecretStr("chave"), passage_prefix="p: ")
    texts = [f"texto número {n}" for n in range(10)]
    vectors = await embedder.embed_passages(texts)
    for text, vector in zip(texts, vectors, strict=True):
        raw = server.vector(f"p: {text}")
        assert math.isclose(cosine(vector, vector), 1, abs_tol=1e-9)
        assert cosine(vector, raw) == pytest.approx(math.sqrt(cosine(raw, raw)))
    assert [len(each["input"]) for each in server.received] == [1, 5, 5, 3]
    assert {each["path"] for each in server.received} == {"/v1/embeddings"}
    assert {each["authorization"] for each in server.headers} == {"Bearer chave"}
    assert embedder.dimension == 8
    await embedder.aclose()


async def test_a_known_dimension_needs_no_request_at_the_start_and_a_question_is_sent_once(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened(dimension=8, query_prefix="q: ")
    assert server.received == []
    first = await embedder.embed_query("prazo")
    assert await embedder.embed_query("prazo") == first
    assert await embedder.embed_query("prazo ") != []
    assert [each["input"] for each in server.received] == [["q: prazo", CANARY], ["q: prazo "]]
    await embedder.aclose()
    again = opened(query_prefix="q: ")
    assert (again.dimension, again.fingerprint) == (8, embedder.fingerprint)
    assert len(server.received) == 2
    await again.aclose()
    wrong = opened(dimension=5, query_prefix="outro: ")
    with pytest.raises(Unavailable, match="8 numbers instead of 5"):
        await wrong.embed_query("prazo")
    await wrong.aclose()


async def test_another_model_at_the_same_address_is_another_fingerprint(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened()
    before = embedder.fingerprint
    await embedder.embed_passages(["um"])
    server.noise = 0.001  # another machine's rounding
    await embedder.embed_passages(["dois"])
    assert embedder.fingerprint == before
    server.noise, server.seed = 0.0, "b"
    with pytest.raises(Unavailable, match="govbot reindex") as caught:
        await embedder.embed_passages(["três"])
    assert caught.value.error_code == "E-MODEL"
    assert embedder.fingerprint != before
    await embedder.embed_passages(["quatro"])
    fresh = opened()
    assert fresh.fingerprint == embedder.fingerprint
    await fresh.aclose()
    await embedder.aclose()


async def test_what_is_too_much_for_the_server_goes_in_smaller_pieces(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened(dimension=8)
    server.most, server.longest = 3, 200
    vectors = await embedder.embed_passages(["palavra " * 60, *(f"t{n}" for n in range(8))])
    assert len(vectors) == 9
    assert cosine(vectors[1], vectors[1]) == pytest.approx(1)
    await embedder.aclose()


async def test_a_server_that_restarts_is_asked_again_and_one_that_refuses_is_not(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened(dimension=8)
    server.replies.extend([(503, ""), (429, ""), (502, "")])
    assert len(await embedder.embed_passages(["um"])) == 1
    for status, code in ((401, "E-MODEL-KEY"), (404, "E-MODEL-NAME"), (400, "E-MODEL-REFUSED")):
        server.replies.append((status, "{}"))
        with pytest.raises(Unavailable) as caught:
            await embedder.embed_passages(["um"])
        assert caught.value.error_code == code
    for body in (
        "[]",
        "{}",
        '{"data": []}',
        '{"data": [{"index": 0, "embedding": [0, 0]}]}',
        "<p>",
    ):
        server.replies.append((200, body))
        with pytest.raises(Unavailable, match="does not answer like") as caught:
            await embedder.embed_passages(["um"])
    assert len(server.received) == 4 + 3 + 5
    await embedder.aclose()


async def test_a_slow_server_costs_one_question_its_wait_and_the_next_ones_nothing(
    server: EmbeddingServer, opened: Open
) -> None:
    embedder = opened(dimension=8, query_timeout_s=0.2)
    server.delay_s = 0.5
    with pytest.raises(Unavailable, match="in time"):
        await embedder.embed_query("prazo")
    started = time.monotonic()
    with pytest.raises(Unavailable, match="a moment ago"):
        await embedder.embed_query("prazo")
    assert time.monotonic() - started < 0.1
    server.delay_s = 0.0
    await embedder.embed_passages(["um"])
    assert len(await embedder.embed_query("prazo")) == 8
    await embedder.aclose()


async def test_questions_do_not_wait_for_passages(server: EmbeddingServer, opened: Open) -> None:
    embedder = opened(dimension=8, batch_size=1)
    server.delay_s = 0.1
    passages = asyncio.create_task(embedder.embed_passages([f"t{n}" for n in range(20)]))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(embedder.embed_query("prazo"), 1)
    assert not passages.done()
    passages.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passages
    await embedder.aclose()


def test_tokens_are_estimated_or_counted_by_a_tokenizer_s_file(
    opened: Open, bert: Callable[..., Path], tmp_path: Path
) -> None:
    estimated = opened(dimension=8, characters_per_token=2, max_tokens=100)
    assert estimated.count_tokens([" de", " servidor", "de servidor", ""]) == [1, 4, 5, 0]
    assert estimated.passage_tokens() == 96
    from tests.gguf_embedder import write_bert_gguf

    folder = bert()
    vocabulary = write_bert_gguf(tmp_path / "modelo.gguf", folder)
    by_vocabulary = opened(dimension=8, tokenizer=str(vocabulary), max_tokens=100)
    assert by_vocabulary.count_tokens([" prazo", " servidores"]) == [1, 3]
    assert by_vocabulary.passage_tokens() == 98
    with pytest.raises(Unavailable, match=r"neither a tokenizer\.json nor a GGUF file"):
        opened(dimension=8, tokenizer=str(tmp_path / "nada"))


async def test_without_an_address_or_with_a_dead_one_the_start_says_so(tmp_path: Path) -> None:
    for settings, sentence in (
        ({"kind": "openai"}, "needs base_url"),
        ({"base_url": "http://127.0.0.1:9", "model": "modelo"}, "cannot be reached"),
    ):
        own = EmbedderSettings(**settings)  # type: ignore[arg-type]
        with pytest.raises(Unavailable, match=sentence):
            open_embedder(Settings(data_dir=tmp_path, embedder=own))
