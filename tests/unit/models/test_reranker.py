from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Reranker as RerankerSettings
from govbot.errors import Unavailable
from govbot.models.cross_files import CrossFiles, find_cross_encoder
from govbot.models.reranker import ThreadedReranker, open_reranker

Pair = tuple[str, str]


class RecordingScorer:
    """Stands for the model where the order of the work is what matters."""

    device = "cpu"

    def __init__(self) -> None:
        self.batches: list[list[Pair]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()

    def score(self, pairs: Sequence[Pair]) -> list[float]:
        self.batches.append(list(pairs))
        self.begun.set()
        assert self.gate.wait(10)
        if any(text == "defeito" for _, text in pairs):
            raise RuntimeError("numbers that are no numbers")
        if any(text == "nada" for _, text in pairs):
            return [float("nan")] * len(pairs)
        return [len(text) / 100 for _, text in pairs]


def files(folder: Path) -> CrossFiles:
    return CrossFiles("teste", folder, 16, "f" * 64)


def settings(model: str, data_dir: Path, device: str = "cpu") -> Settings:
    return Settings(
        data_dir=data_dir, reranker=RerankerSettings(model=model, device=device, batch_size=2)
    )


async def test_questions_take_turns_and_scores_come_in_the_order_of_the_passages(
    tmp_path: Path,
) -> None:
    scorer = RecordingScorer()
    reranker = ThreadedReranker(files(tmp_path), lambda: scorer, batch_size=2)
    lengths = (9, 1, 5, 3, 7, 2)
    first = asyncio.create_task(reranker.score("a", ["x" * n for n in lengths]))
    await asyncio.to_thread(scorer.begun.wait, 10)
    second = asyncio.create_task(reranker.score("b", ["y", "yy"]))
    await asyncio.sleep(0)
    scorer.gate.set()
    assert await first == [n / 100 for n in lengths]
    assert await second == [0.01, 0.02]
    assert [batch[0][0] for batch in scorer.batches] == ["a", "b", "a", "a"]
    assert await reranker.score("c", []) == []
    await reranker.aclose()


async def test_a_failing_model_is_unavailable_until_it_works_again(tmp_path: Path) -> None:
    scorer = RecordingScorer()
    scorer.gate.set()
    reranker = ThreadedReranker(files(tmp_path), lambda: scorer, batch_size=2)
    for text in ("defeito", "nada"):
        with pytest.raises(Unavailable):
            await reranker.score("q", [text])
    assert await reranker.score("q", ["abc"]) == [0.03]
    await reranker.aclose()
    with pytest.raises(Unavailable):
        await reranker.score("q", ["abc"])
    assert "reranker" not in {thread.name for thread in threading.enumerate()}


async def test_a_cancelled_question_leaves_no_batches_behind(tmp_path: Path) -> None:
    scorer = RecordingScorer()
    reranker = ThreadedReranker(files(tmp_path), lambda: scorer, batch_size=2)
    asked = asyncio.create_task(reranker.score("a", ["x"] * 40))
    await asyncio.to_thread(scorer.begun.wait, 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    scorer.gate.set()
    await reranker.score("b", ["y"])
    assert [batch[0][0] for batch in scorer.batches] == ["a", "b"]
    await reranker.aclose()


async def test_a_real_cross_encoder_of_any_folder_scores_pairs_alone_as_together(
    tmp_path: Path, cross_encoder: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = cross_encoder()
    capfd.readouterr()  # What writing the model said, where nothing silenced it before.
    reranker = open_reranker(settings(str(folder), tmp_path))
    assert reranker is not None
    texts = ["lei", "prazo de recurso do servidor", "edital de obra " * 40, ""]
    together = await reranker.score("qual o prazo?", texts)
    alone = [(await reranker.score("qual o prazo?", [text]))[0] for text in texts]
    other = await reranker.score("obra", texts)
    # What stands behind the window of the model counts for nothing.
    cut = await reranker.score("prazo", ["lei " * 80, "lei " * 80 + "edital " * 80])
    await reranker.aclose()
    assert all(0 <= score <= 1 for score in together)
    assert len({round(score, 4) for score in together}) > 1
    assert together == pytest.approx(alone, abs=1e-4)
    assert other != pytest.approx(together, abs=1e-3)
    assert cut[0] == pytest.approx(cut[1], abs=1e-5)
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert capfd.readouterr() == ("", "")


def test_a_catalog_name_is_found_below_the_data_folder_and_other_kinds_are_refused(
    tmp_path: Path, cross_encoder: Callable[..., Path], bert: Callable[..., Path]
) -> None:
    assert open_reranker(settings("", tmp_path)) is None
    with pytest.raises(Unavailable, match="not on this machine"):
        open_reranker(settings("bge-reranker-v2-m3", tmp_path))
    cross_encoder("models/bge-reranker-v2-m3")
    found = find_cross_encoder(settings("BAAI/bge-reranker-v2-m3", tmp_path))
    assert (found.name, found.max_tokens) == ("bge-reranker-v2-m3", 64)
    other = find_cross_encoder(settings(str(cross_encoder("largo", positions=128)), tmp_path))
    assert other.fingerprint != found.fingerprint
    for folder in (bert("embedder"), cross_encoder("nli", labels=3)):
        with pytest.raises(Unavailable, match="no reranker"):
            open_reranker(settings(str(folder), tmp_path))


async def test_a_device_that_is_not_there_is_refused_in_one_sentence(
    tmp_path: Path, cross_encoder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reranker = open_reranker(settings(str(cross_encoder()), tmp_path, "cuda"))
    assert reranker is not None
    with pytest.raises(Unavailable, match=r"\[reranker\] device is cuda"):
        await reranker.score("lei", ["lei"])
    await reranker.aclose()
