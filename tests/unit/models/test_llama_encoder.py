"""GGUF embedders through llama.cpp, against the same weights under sentence-transformers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import pytest

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.embedder import Embedder, open_embedder
from tests.gguf_embedder import write_bert_gguf
from tests.tiny_gguf import write_tiny_gguf

TEXTS = ["prazo de recurso", "obra " * 500, "", "Contrato, edital & lei!", "servidor a que"]


def opened(model: Path | str, data_dir: Path, **settings: object) -> Embedder:
    own = EmbedderSettings(model=str(model), device="cpu", **settings)  # type: ignore[arg-type]
    embedder = open_embedder(Settings(data_dir=data_dir, embedder=own))
    assert embedder is not None
    return embedder


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_the_same_weights_give_the_same_vectors_and_counts_as_under_torch(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert(dimension=48)
    theirs = opened(folder, tmp_path)
    ours = opened(write_bert_gguf(tmp_path / "modelo.gguf", folder), tmp_path)
    assert (ours.dimension, ours.max_tokens) == (theirs.dimension, theirs.max_tokens) == (48, 64)
    assert ours.passage_tokens() == theirs.passage_tokens() == 62
    words = [" prazo", " servidores", "a\na", "ação", ""]
    assert ours.count_tokens(words) == theirs.count_tokens(words)
    for one, other in zip(
        await ours.embed_passages(TEXTS), await theirs.embed_passages(TEXTS), strict=True
    ):
        assert cosine(one, other) == pytest.approx(1, abs=1e-4)
        assert cosine(one, one) == pytest.approx(1, abs=1e-9)
    together = await ours.embed_passages(["lei " * n for n in range(1, 40)])
    alone = [await ours.embed_query("lei " * n) for n in range(1, 40)]
    for one, other in zip(together, alone, strict=True):
        assert cosine(one, other) == pytest.approx(1, abs=1e-5)
    await ours.aclose()
    await theirs.aclose()


async def test_the_header_chooses_the_pooling_and_a_causal_model_takes_its_last_token(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert()
    vectors = {}
    for pooling in (gguf.PoolingType.MEAN, gguf.PoolingType.CLS, None):
        path = write_bert_gguf(tmp_path / f"{pooling}.gguf", folder, pooling=pooling)
        embedder = opened(path, tmp_path)
        vectors[pooling] = await embedder.embed_query("prazo de recurso")
        await embedder.aclose()
    assert cosine(vectors[gguf.PoolingType.MEAN], vectors[None]) == pytest.approx(1)
    assert cosine(vectors[gguf.PoolingType.MEAN], vectors[gguf.PoolingType.CLS]) < 0.999
    causal = opened(write_tiny_gguf(tmp_path / "causal.gguf"), tmp_path, max_tokens=32)
    short, long, other = await causal.embed_passages(["a" * 30 + "b", "a" * 30 + "c", "a" * 90])
    assert cosine(short, other) < 0.9999
    assert all(math.isfinite(number) for number in [*short, *long])
    await causal.aclose()


async def test_prefixes_window_and_weight_come_from_the_catalog_by_the_file_s_name(
    tmp_path: Path, bert: Callable[..., Path]
) -> None:
    folder = bert(positions=2048)
    (tmp_path / "models").mkdir()
    path = write_bert_gguf(tmp_path / "models" / "multilingual-e5-base-Q8_0.gguf", folder)
    by_name = opened("multilingual-e5-base", tmp_path, kind="gguf")
    by_path = opened(path, tmp_path)
    assert by_name.fingerprint == by_path.fingerprint
    partial = tmp_path / "models" / ".incoming" / "outro"
    partial.mkdir(parents=True)
    (partial / "multilingual-e5-base-Q4_0.gguf").write_bytes(b"GGUF")
    assert (by_name.name, by_name.max_tokens) == ("multilingual-e5-base-Q8_0", 512)
    plain = opened(path, tmp_path, query_prefix="", passage_prefix="", weight=0.3)
    assert (by_name.weight, plain.weight) == (0.5, 0.3)
    assert plain.fingerprint != by_name.fingerprint
    assert by_name.passage_tokens() < plain.passage_tokens()
    asked, written = await by_name.embed_query("lei"), await plain.embed_query("query: lei")
    assert cosine(asked, written) == pytest.approx(1, abs=1e-6)
    for embedder in (by_name, by_path, plain):
        await embedder.aclose()


async def test_what_cannot_be_an_embedder_is_one_sentence(
    tmp_path: Path, bert: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = bert()
    capfd.readouterr()  # What writing the model said, where nothing silenced it before.
    (tmp_path / "texto.gguf").write_text("isto não é um modelo")
    with pytest.raises(Unavailable, match=r"texto\.gguf"):
        opened(tmp_path / "texto.gguf", tmp_path)
    (tmp_path / "cortado.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(Unavailable, match=r"cortado\.gguf"):
        opened(tmp_path / "cortado.gguf", tmp_path)
    with pytest.raises(Unavailable, match="There is no GGUF file"):
        opened("nenhum.gguf", tmp_path)
    reranker = tmp_path / "ordenador.gguf"
    write_bert_gguf(reranker, folder, pooling=gguf.PoolingType.RANK)
    with pytest.raises(Unavailable, match="is a reranker"):
        opened(reranker, tmp_path)
    (tmp_path / "models").mkdir()
    for quantisation in ("Q4_K_M", "Q8_0"):
        (tmp_path / "models" / f"bge-m3-{quantisation}.gguf").write_bytes(b"GGUF")
    with pytest.raises(Unavailable, match=r"bge-m3-Q4_K_M\.gguf, bge-m3-Q8_0\.gguf"):
        opened("bge-m3", tmp_path, kind="gguf")
    assert capfd.readouterr() == ("", "")


async def test_no_text_of_a_question_reaches_the_log(
    tmp_path: Path, bert: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    embedder = opened(write_bert_gguf(tmp_path / "modelo.gguf", bert()), tmp_path)
    for _ in range(2):
        await embedder.embed_query("segredo do servidor")
    await embedder.aclose()
    assert "segredo" not in caplog.text
