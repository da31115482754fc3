"""A BERT with pooled tokens gives what sentence-transformers gives, without loading it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models import encoder as encoders
from govbot.models.bert import Bert, Plan, plan_of
from govbot.models.files import find_model

TEXTS = ["lei", "", "o prazo do recurso é de dez dias úteis", "Obra?! contrato\n\tedital " * 60]
Change = Callable[[Path], object]


def write(folder: Path, name: str, **values: Any) -> None:
    """Changes values of a JSON file; None takes one away."""
    file = folder / name
    found = json.loads(file.read_text()) if file.is_file() else {}
    kept = {key: value for key, value in {**found, **values}.items() if value is not None}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept))


@pytest.fixture
def plain(bert: Callable[..., Path]) -> Path:
    """A tiny BERT as published ones are: with a tokenizer.json."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = bert()
    vocabulary = {
        word: number
        for number, word in enumerate((folder / "vocab.txt").read_text("utf-8").splitlines())
    }
    made: Any = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        special_tokens=[(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")],
    )
    made.save(str(folder / "tokenizer.json"))
    return folder


def normalised(folder: Path) -> None:
    file = folder / "modules.json"
    module = {"idx": 2, "name": "2", "path": "2_Normalize"}
    module["type"] = "sentence_transformers.models.Normalize"
    file.write_text(json.dumps([*json.loads(file.read_text()), module]))


def by_its_first_token(folder: Path) -> None:
    write(folder, "1_Pooling/config.json", pooling_mode_mean_tokens=False,
          pooling_mode_cls_token=True)  # fmt: skip


def by_newer_names(folder: Path) -> None:
    write(folder, "1_Pooling/config.json", pooling_mode_mean_tokens=None, pooling_mode="mean")


def encoder_of(model: str, **settings: Any) -> encoders.TorchEncoder:
    files = find_model(Settings(embedder={"model": model, **settings}))
    return encoders.TorchEncoder(files, "cpu", 1)


@pytest.mark.parametrize("change", [None, normalised, by_its_first_token, by_newer_names])
def test_vectors_are_those_of_the_library(
    plain: Path, change: Change | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change is not None:
        change(plain)
    own = encoder_of(str(plain), query_prefix="edital: ")
    assert isinstance(own._model, Bert)
    monkeypatch.setattr(encoders, "open_bert", lambda *_: None)
    library = encoder_of(str(plain), query_prefix="edital: ")
    for query in (True, False):
        for texts in (TEXTS, TEXTS[2:3], TEXTS[3:]):
            expected = library.encode(texts, query=query)
            for vector, wanted in zip(own.encode(texts, query=query), expected, strict=True):
                assert vector == pytest.approx(wanted, abs=1e-6)


def test_vectors_of_the_starter_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    own = encoder_of("starter")
    assert isinstance(own._model, Bert)
    found = own.encode(TEXTS, query=False)
    monkeypatch.setattr(encoders, "open_bert", lambda *_: None)
    expected = encoder_of("starter").encode(TEXTS, query=False)
    for vector, wanted in zip(found, expected, strict=True):
        assert vector == pytest.approx(wanted, abs=1e-6)


def test_the_starter_answers_without_the_large_libraries() -> None:
    code = (
        "import sys\n"
        "from govbot.config import Settings\n"
        "from govbot.models.encoder import open_encoder\n"
        "from govbot.models.files import find_model\n"
        "vectors = open_encoder(find_model(Settings()), 'cpu', 1).encode(['lei'], query=True)\n"
        "large = {'transformers', 'sentence_transformers', 'sklearn', 'scipy', 'datasets'}\n"
        "print(len(vectors[0]), sorted(large & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "384 []\n"


def test_what_the_files_say_is_read(plain: Path) -> None:
    assert plan_of(plain) == Plan(
        layers=1, heads=2, epsilon=1e-12, padding=0, pooling="mean", normalised=False
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"quantization_config": {"bits": 8}}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}),
        ("config_sentence_transformers.json", {"truncate_dim": 16}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"strip_accents": True}),
        ("tokenizer_config.json", {"padding_side": "left"}),
        ("2_Dense/config.json", {}),
    ],
)
def test_a_folder_that_asks_for_more_is_left_to_the_library(
    plain: Path, name: str, values: dict[str, Any]
) -> None:
    write(plain, name, **values)
    if name.startswith("2_Dense"):
        modules = json.loads((plain / "modules.json").read_text())
        modules.append({"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
        (plain / "modules.json").write_text(json.dumps(modules))
    assert plan_of(plain) is None


def test_damaged_weights_are_refused_in_a_sentence(plain: Path) -> None:
    (plain / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        encoder_of(str(plain))
