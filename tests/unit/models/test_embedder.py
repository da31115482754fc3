from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.embedder import ThreadedEmbedder, open_embedder
from govbot.models.files import ModelFiles


class RecordingEncoder:
    """Stands for the model where the order of the work is what matters."""

    device = "cpu"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.threads: set[str] = set()

    def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
        self.calls.append("query" if query else f"passages {len(texts)}")
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        assert query or self.gate.wait(10)
        if "defeito" in texts:
            raise RuntimeError("numbers that are no numbers")
        return [[float(len(text))] for text in texts]


def files(folder: Path) -> ModelFiles:
    return ModelFiles("teste", folder, 1, 16, "", "", 0.5, "f" * 64)


class Words:
    """Counts words."""

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def room(self) -> int:
        return 16


OPTIONS = {"tokens": Words(), "settings": EmbedderSettings(batch_size=4)}


@pytest.fixture
def encoder() -> RecordingEncoder:
    return RecordingEncoder()


@pytest.fixture
async def embedder(tmp_path: Path, encoder: RecordingEncoder) -> ThreadedEmbedder:
    return ThreadedEmbedder(files(tmp_path), lambda: encoder, **OPTIONS)


async def test_a_question_does_not_wait_for_passages_under_way(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    passages = asyncio.create_task(embedder.embed_passages(["p"] * 12))
    await asyncio.to_thread(encoder.begun.wait, 10)
    assert await asyncio.wait_for(embedder.embed_query("q"), 10) == [1.0]
    assert not passages.done()
    encoder.gate.set()
    assert await passages == [[1.0]] * 12
    assert encoder.calls == ["passages 4", "query", "passages 4", "passages 4"]
    assert encoder.threads == {"embedder", "embedder of questions"}
    await embedder.aclose()


async def test_vectors_come_back_in_the_order_of_the_texts(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    encoder.gate.set()
    texts = ["x" * n for n in (9, 1, 5, 3, 7, 2, 8)]
    assert await embedder.embed_passages(texts) == [[float(len(text))] for text in texts]
    await embedder.aclose()


async def test_no_passages_need_no_thread(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    assert await embedder.embed_passages([]) == []
    assert encoder.calls == []
    await embedder.aclose()


async def test_cancelling_drops_the_batches_not_yet_begun(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    passages = asyncio.create_task(embedder.embed_passages(["p"] * 40))
    await asyncio.to_thread(encoder.begun.wait, 10)
    passages.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passages
    encoder.gate.set()
    await embedder.embed_query("q")
    assert encoder.calls == ["passages 4", "query"]
    await embedder.aclose()


async def test_a_failing_batch_is_unavailable_and_the_next_call_works(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    encoder.gate.set()
    with pytest.raises(Unavailable):
        await embedder.embed_passages(["defeito"] + ["p"] * 20)
    assert await embedder.embed_query("abc") == [3.0]
    await embedder.aclose()


async def test_after_closing_texts_are_refused_and_the_thread_is_gone(
    embedder: ThreadedEmbedder, encoder: RecordingEncoder
) -> None:
    waiting = asyncio.create_task(embedder.embed_passages(["p"] * 12))
    await asyncio.to_thread(encoder.begun.wait, 10)
    closing = asyncio.create_task(embedder.aclose())
    await asyncio.sleep(0.05)
    encoder.gate.set()
    await closing
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await embedder.embed_query("q")
    assert "embedder" not in {thread.name for thread in threading.enumerate()}


async def test_a_model_that_cannot_be_loaded_says_so_and_is_tried_again(tmp_path: Path) -> None:
    attempts = []

    def load() -> RecordingEncoder:
        attempts.append(1)
        if len(attempts) == 1:
            raise Unavailable("not yet")
        encoder = RecordingEncoder()
        encoder.gate.set()
        return encoder

    embedder = ThreadedEmbedder(files(tmp_path), load, **OPTIONS)
    with pytest.raises(Unavailable, match="not yet"):
        await embedder.embed_query("q")
    assert await embedder.embed_query("q") == [1.0]
    await embedder.aclose()


def settings(model: str, data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, embedder=EmbedderSettings(model=model, device="cpu"))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_the_starter_gives_normalised_vectors_that_know_what_is_alike(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    embedder = open_embedder(settings("starter", tmp_path))
    question = await embedder.embed_query("Who may appeal against the decision?")
    near, far = await embedder.embed_passages(
        ["The parties may file an appeal against the decision.", "Dolphins live in the ocean."]
    )
    await embedder.aclose()
    assert len(question) == embedder.dimension == 384
    assert math.isclose(cosine(question, question), 1, abs_tol=1e-3)
    assert cosine(question, near) > cosine(question, far) + 0.3
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert capfd.readouterr() == ("", "")


async def test_questions_beside_passages_get_the_vectors_that_they_get_alone(
    tmp_path: Path,
) -> None:
    embedder = open_embedder(settings("starter", tmp_path))
    questions = [f"Quantos dias de férias tem o servidor {n}?" for n in range(12)]
    passages = [f"Art. {n} O servidor tem férias. " * (n % 9 + 1) for n in range(24)]
    alone = [await embedder.embed_query(text) for text in questions]
    expected = await embedder.embed_passages(passages)
    together = asyncio.create_task(embedder.embed_passages(passages))
    beside = [await embedder.embed_query(text) for text in questions]
    for one, other in zip([*alone, *expected], [*beside, *await together], strict=True):
        assert cosine(one, other) == pytest.approx(1, abs=1e-5)
    await embedder.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux")
async def test_passages_give_way_and_questions_do_not(tmp_path: Path) -> None:
    class Looking(RecordingEncoder):
        def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
            nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return [[float(nice)] for _ in texts]

    here = os.getpriority(os.PRIO_PROCESS, 0)
    embedder = ThreadedEmbedder(files(tmp_path), Looking, **OPTIONS)
    assert await embedder.embed_query("q") == [float(here)]
    assert (await embedder.embed_passages(["p"]))[0][0] > here
    await embedder.aclose()


async def test_any_local_folder_works_and_sets_the_dimension(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    embedder = open_embedder(settings(str(bert(dimension=48)), tmp_path))
    vectors = await embedder.embed_passages(["prazo de recurso", "obra " * 500, ""])
    await embedder.aclose()
    assert [len(vector) for vector in vectors] == [48, 48, 48] == [embedder.dimension] * 3


async def test_text_beyond_the_window_does_not_change_the_vector(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    embedder = open_embedder(settings(str(bert(positions=32)), tmp_path))
    short, long = await embedder.embed_passages(["lei " * 40, "lei " * 40 + "edital " * 40])
    await embedder.aclose()
    assert embedder.max_tokens == 32
    assert cosine(short, long) == pytest.approx(1, abs=1e-5)


async def test_a_batch_gives_the_vectors_of_each_text_alone(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    embedder = open_embedder(settings(str(bert()), tmp_path))
    texts = ["lei", "prazo de recurso do servidor", "edital de obra " * 6]
    together = await embedder.embed_passages(texts)
    alone = [(await embedder.embed_passages([text]))[0] for text in texts]
    await embedder.aclose()
    for a, b in zip(together, alone, strict=True):
        assert cosine(a, b) == pytest.approx(1, abs=1e-5)


async def test_a_cuda_device_that_is_not_there_is_refused_in_one_sentence(
    tmp_path: Path, bert: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = Settings(data_dir=tmp_path, embedder=EmbedderSettings(model=str(bert()), device="cuda"))
    embedder = open_embedder(asked)
    with pytest.raises(Unavailable, match="finds no CUDA device"):
        await embedder.embed_query("lei")
    await embedder.aclose()
