"""Which kind of embedder the settings mean, with and without PyTorch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from govbot.config import Settings, load_settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models import extra
from govbot.models.embedder import ThreadedEmbedder, kind_of, open_embedder
from govbot.models.entailment import open_entailment
from govbot.models.files import ModelFiles
from govbot.models.mood import open_mood
from govbot.models.reranker import open_reranker


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)


def kind(data_dir: Path, **settings: str) -> str:
    own = EmbedderSettings(**settings)  # type: ignore[arg-type]
    return kind_of(Settings(data_dir=data_dir, embedder=own))


def test_auto_follows_the_address_then_the_file_then_the_name(tmp_path: Path) -> None:
    assert kind(tmp_path) == "sentence-transformers"
    assert kind(tmp_path, model="bge-m3") == "sentence-transformers"
    assert kind(tmp_path, model="/modelos/bge-m3-Q8_0.GGUF") == "gguf"
    pulled = tmp_path / "models" / "bge-m3-gguf"
    pulled.mkdir(parents=True)
    (pulled / "bge-m3-Q8_0.gguf").write_bytes(b"GGUF")
    assert kind(tmp_path, model="bge-m3-gguf") == "gguf"
    assert kind(tmp_path, model="bge-m3") == "sentence-transformers"
    assert kind(tmp_path, base_url="http://localhost:8080", model="x.gguf") == "openai"
    assert kind(tmp_path, kind="none", base_url="http://localhost:8080") == "none"
    assert open_embedder(Settings(embedder=EmbedderSettings(kind="none"))) is None


@pytest.mark.usefixtures("no_torch")
def test_without_pytorch_a_gguf_file_of_the_name_is_taken_and_the_starter_is_done_without(
    tmp_path: Path,
) -> None:
    assert open_embedder(Settings(data_dir=tmp_path)) is None
    assert kind(tmp_path, model="bge-m3") == "sentence-transformers"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bge-m3-Q8_0.gguf").write_bytes(b"GGUF")
    assert kind(tmp_path, model="bge-m3") == "gguf"


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize(
    ("setting", "opened"),
    [
        ("EMBEDDER__KIND=sentence-transformers", open_embedder),
        ("EMBEDDER__MODEL=BAAI/bge-m3", open_embedder),
        ("RERANKER__MODEL=bge-reranker-v2-m3", open_reranker),
        ("ANSWERS__NLI_MODEL=/modelo", open_entailment),
        ("ANALYTICS__SENTIMENT_MODEL=/modelo", open_mood),
    ],
)
def test_what_needs_pytorch_says_what_to_install(
    setting: str, opened: object, tmp_path: Path
) -> None:
    name, _, value = setting.partition("=")
    settings = load_settings(environ={f"GOVBOT_{name}": value, "GOVBOT_DATA_DIR": str(tmp_path)})
    with pytest.raises(Unavailable, match=r'pip install "govbot\[torch\]"'):
        opened(settings)  # type: ignore[operator]


async def test_the_same_words_are_encoded_once_together_and_once_in_a_lifetime() -> None:
    class Encoder:
        device = "cpu"

        def __init__(self) -> None:
            self.batches: list[list[str]] = []

        def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
            self.batches.append(list(texts))
            return [[float(len(text))] for text in texts]

    class Tokens:
        def count(self, texts: Sequence[str]) -> list[int]:
            return [1 for _ in texts]

        def room(self) -> int:
            return 1

    encoder = Encoder()
    files = ModelFiles("teste", Path(), 1, 16, "", "", 0.5, "f")
    embedder = ThreadedEmbedder(
        files, lambda: encoder, tokens=Tokens(), settings=EmbedderSettings()
    )
    asked = ["um", "dois", "um", "três", "um"]
    assert await asyncio.gather(*map(embedder.embed_query, asked)) == [
        [2.0],
        [4.0],
        [2.0],
        [4.0],
        [2.0],
    ]
    before = len(encoder.batches)
    for text in asked:
        await embedder.embed_query(text)
    assert len(encoder.batches) == before
    await embedder.aclose()
