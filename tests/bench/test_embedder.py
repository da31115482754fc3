"""What a question costs at the embedder: alone, beside fifteen others, and asked again.

The same weights, the starter's, under sentence-transformers and, written as GGUF, under llama.cpp.
`GOVBOT_BENCH_ROUNDS` is how often each is measured (5).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from govbot.config import Settings, load_settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.models.embedder import Embedder, open_embedder
from govbot.models.files import find_model
from tests.gguf_embedder import write_bert_gguf

ROUNDS = int(os.environ.get("GOVBOT_BENCH_ROUNDS", "5"))
AT_ONCE, ALONE, PASSAGES = 16, 24, 64
KINDS = ("sentence-transformers", "gguf")
TOPICS = ("férias", "licença", "diárias", "edital", "recurso", "contrato", "estágio", "vacância")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The starter's weights, by kind."""
    starter = find_model(load_settings(environ={})).folder
    path = write_bert_gguf(tmp_path_factory.mktemp("gguf") / "starter.gguf", starter)
    return {"sentence-transformers": "starter", "gguf": str(path)}


Open = Callable[..., Awaitable[Embedder]]


@pytest.fixture
async def opened(models: dict[str, str], tmp_path: Path) -> AsyncIterator[Open]:
    """Opens embedders of the same weights, loaded, and closes them at the end."""
    all_of_them: list[Embedder] = []

    async def make(kind: str, **settings: object) -> Embedder:
        own = EmbedderSettings(
            kind=kind, model=models[kind], device="cpu", max_tokens=256, **settings
        )
        embedder = open_embedder(Settings(data_dir=tmp_path, embedder=own))
        assert embedder is not None
        all_of_them.append(embedder)
        await asyncio.gather(*(embedder.embed_query(f"aquecimento {n}") for n in range(AT_ONCE)))
        await embedder.embed_passages(["aquecimento"] * AT_ONCE)
        return embedder

    yield make
    for embedder in all_of_them:
        await embedder.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_questions_alone_together_and_again(opened: Open, kind: str) -> None:
    one_by_one = await opened(kind, query_batch=1, query_cache=0)
    together = await opened(kind, query_batch=AT_ONCE, query_cache=0)
    found: dict[str, list[float]] = {}
    for round_ in range(ROUNDS):  # turn and turn about, so that a busy moment meets all alike
        for name, embedder in (("one by one", one_by_one), ("micro-batches", together)):
            found.setdefault(f"alone, {name}", []).append(await _alone(embedder, round_))
            found.setdefault(f"16 at once, {name}", []).append(await _at_once(embedder, round_))
    cached = await opened(kind)
    await cached.embed_query("Quantos dias de férias tem o servidor?")
    started = time.perf_counter()
    for _ in range(1000):
        await cached.embed_query("Quantos dias de férias tem o servidor?")
    found["asked again"] = [1000 / (time.perf_counter() - started)]
    print(f"\n| {kind} | questions/s, median of {ROUNDS} | ms each |\n|---|---|---|")
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"| {name} | {rate:.0f} | {1000 / rate:.3f} |")
    gain = [
        b / a
        for a, b in zip(
            found["16 at once, one by one"], found["16 at once, micro-batches"], strict=True
        )
    ]
    print(f"micro-batches: {statistics.median(gain):.2f} times as many questions at once")


@pytest.mark.parametrize("kind", KINDS)
async def test_questions_while_passages_are_encoded(opened: Open, kind: str) -> None:
    embedder = await opened(kind, query_cache=0)
    quiet = [await _timed(embedder, f"{n} em paz") for n in range(ALONE)]
    started = time.perf_counter()
    await embedder.embed_passages(_passages())
    rate = PASSAGES / (time.perf_counter() - started)
    work = asyncio.create_task(embedder.embed_passages(_passages() * 20))
    await asyncio.sleep(0.2)
    beside = [await _timed(embedder, f"{n} ao lado") for n in range(ALONE)]
    assert not work.done()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    print(
        f"\n{kind}: a question takes {statistics.median(quiet) * 1000:.1f} ms alone and "
        f"{statistics.median(beside) * 1000:.1f} ms beside passages; {rate:.1f} passages/s"
    )


async def _alone(embedder: Embedder, round_: int) -> float:
    """Questions in a second, one after the other."""
    started = time.perf_counter()
    for n in range(ALONE):
        await embedder.embed_query(_question(round_, n))
    return ALONE / (time.perf_counter() - started)


async def _at_once(embedder: Embedder, round_: int) -> float:
    """Questions in a second, when sixteen persons ask in the same moment, twice."""
    started = time.perf_counter()
    for wave in range(2):
        asked = (_question(round_, 1000 * (wave + 1) + n) for n in range(AT_ONCE))
        await asyncio.gather(*(embedder.embed_query(text) for text in asked))
    return 2 * AT_ONCE / (time.perf_counter() - started)


async def _timed(embedder: Embedder, words: str) -> float:
    started = time.perf_counter()
    await embedder.embed_query(f"Quantos dias de férias tem o servidor {words}?")
    return time.perf_counter() - started


def _question(round_: int, number: int) -> str:
    topic = TOPICS[number % len(TOPICS)]
    return f"Qual é o prazo para pedir {topic} segundo a norma {round_}-{number}?"


def _passages() -> list[str]:
    return [
        f"Art. {n} O servidor tem férias de trinta dias por ano de exercício. " * (1 + n % 9)
        for n in range(PASSAGES)
    ]
