"""Tiny BERTs with random weights, made on the spot: any folder with a model must work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ["a", "de", "que", "lei", "prazo", "recurso", "servidor", "edital", "obra", "contrato"]


def make_bert(folder: Path, *, dimension: int = 32, positions: int = 64, seed: int = 7) -> Path:
    """Writes a sentence-transformers folder with one random layer; returns it."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    vocabulary = write_tokenizer(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dimension,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        architectures=["BertModel"],
    )
    config.save_pretrained(folder)
    weights = {k: v.contiguous() for k, v in BertModel(config).state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": dimension, "pooling_mode_mean_tokens": True})
    )
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {
                    "idx": i,
                    "name": str(i),
                    "path": path,
                    "type": f"sentence_transformers.models.{kind}",
                }
                for i, (path, kind) in enumerate(modules)
            ]
        )
    )
    return folder


def make_cross_encoder(folder: Path, *, positions: int = 64, labels: int = 1) -> Path:
    """Writes a cross-encoder's folder with one random layer and a random head; returns it."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    vocabulary = write_tokenizer(folder)
    torch.manual_seed(11)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.5,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path) -> list[str]:
    """Makes the folder with a tokenizer of words and letters; returns the vocabulary."""
    folder.mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    vocabulary = special + WORDS + [c for c in letters if c not in WORDS]
    vocabulary += [f"##{c}" for c in letters]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return vocabulary


@pytest.fixture
def cross_encoder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a tiny cross-encoder in a folder of the given name."""

    def make(name: str = "ordenador", **options: int) -> Path:
        return make_cross_encoder(tmp_path / name, **options)

    return make


@pytest.fixture
def bert(tmp_path: Path) -> Callable[..., Path]:
    """Makes a tiny BERT in a folder of the given name."""

    def make(name: str = "modelo", **options: int) -> Path:
        return make_bert(tmp_path / name, **options)

    return make
