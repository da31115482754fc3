"""The GGUF file of an embedding model on this machine: where it is and what its header says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.catalog import PRESETS, Preset, find_preset
from govbot.models.files import MAX_TOKENS, ModelFiles
from govbot.models.llama_vocab import VocabFile

SUFFIX = ".gguf"
# What llama.cpp calls them in `<architecture>.pooling_type`.
NONE, MEAN, CLS, LAST, RANK = range(5)


@dataclass(frozen=True, slots=True)
class LlamaFiles:
    """A GGUF embedder; `pooling` makes one vector of those of its tokens."""

    model: ModelFiles
    path: Path
    pooling: int
    vocab: VocabFile


def find_gguf(settings: Settings) -> LlamaFiles:
    """The configured file; raises Unavailable when it is missing or is no embedding model.

    Reads the file once (about a second per 2 GB) for the fingerprint.
    """
    path = gguf_path(settings)
    if path is None:
        raise Unavailable(
            'There is no GGUF file of the embedding model "%(name)s" on this machine: put it at '
            "%(place)s, or name another in [embedder] model.",
            name=settings.embedder.model,
            place=settings.data_dir / "models" / f"{settings.embedder.model}{SUFFIX}",
        )
    vocab = VocabFile(path)
    architecture = vocab.value("general.architecture")
    own = settings.embedder
    preset = find_preset(own.model) or preset_of_file(path.stem) or Preset(path.stem, "")
    trained = _number(vocab, f"{architecture}.context_length")
    limits = (trained, own.max_tokens or (preset.max_tokens if preset.repository else MAX_TOKENS))
    max_tokens = min(limit for limit in limits if limit)
    query, passage = prefixes_of(own, preset)
    pooling = _pooling(vocab, architecture, path)
    return LlamaFiles(
        model=ModelFiles(
            name=path.stem,
            folder=path.parent,
            dimension=_dimension(vocab, architecture, path),
            max_tokens=max_tokens,
            query_prefix=query,
            passage_prefix=passage,
            weight=preset.weight if own.weight is None else own.weight,
            fingerprint=_fingerprint(path, (query, passage, str(max_tokens), str(pooling))),
        ),
        path=path,
        pooling=pooling,
        vocab=vocab,
    )


def gguf_path(settings: Settings) -> Path | None:
    """The GGUF file that `embedder.model` names; None when there is none.

    Raises Unavailable when several files bear the name.
    """
    wanted, models = settings.embedder.model, settings.data_dir / "models"
    for place in (Path(wanted).expanduser(), models / wanted, models / f"{wanted}{SUFFIX}"):
        if place.suffix.lower() == SUFFIX and place.is_file():
            return place.resolve()
    preset = find_preset(wanted)
    if preset is None or not models.is_dir():
        return None
    found = [
        file
        for file in sorted(models.rglob(f"*{SUFFIX}"))
        if (named := preset_of_file(file.stem)) is not None and named.name == preset.name
    ]
    if len(found) > 1:
        raise Unavailable(
            'Several GGUF files are of the embedding model "%(name)s": name one of them in '
            "[embedder] model (%(files)s).",
            name=wanted,
            files=", ".join(str(file.relative_to(models)) for file in found),
        )
    return found[0] if found else None


def preset_of_file(stem: str) -> Preset | None:
    """The preset whose name a file begins with ("bge-m3-Q8_0"), the longest one."""
    wanted = stem.casefold()
    names = (
        (name.casefold(), preset)
        for preset in PRESETS.values()
        for name in (preset.name, preset.repository.rpartition("/")[2])
    )
    fitting = [
        (len(name), preset)
        for name, preset in names
        if wanted == name or wanted.startswith((f"{name}-", f"{name}.", f"{name}_"))
    ]
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def prefixes_of(own: EmbedderSettings, preset: Preset) -> tuple[str, str]:
    """What stands before a question and a passage: the settings', else the catalog's."""
    query = preset.query_prefix if own.query_prefix is None else own.query_prefix
    passage = preset.passage_prefix if own.passage_prefix is None else own.passage_prefix
    return query or "", passage or ""


def _number(vocab: VocabFile, key: str) -> int:
    text = vocab.value(key)
    return int(text) if text.isdigit() else 0


def _dimension(vocab: VocabFile, architecture: str, path: Path) -> int:
    for key in ("embedding_length_out", "embedding_length"):
        if size := _number(vocab, f"{architecture}.{key}"):
            return size
    raise Unavailable(
        "The embedding model %(file)s does not say its dimension.", file=path.name, code="E-MODEL"
    )


def _pooling(vocab: VocabFile, architecture: str, path: Path) -> int:
    """The header's; where it names none, the mean of a model that reads both ways, else the last
    token, which has seen all the others."""
    text = vocab.value(f"{architecture}.pooling_type")
    pooling = int(text) if text.isdigit() else NONE
    if pooling == RANK:
        raise Unavailable(
            "The model %(file)s is a reranker, not an embedding model.",
            file=path.name,
            code="E-MODEL",
        )
    if pooling in (MEAN, CLS, LAST):
        return pooling
    both_ways = vocab.value(f"{architecture}.attention.causal") == "false"
    return MEAN if both_ways or "bert" in architecture else LAST


def _fingerprint(path: Path, extra: tuple[str, ...]) -> str:
    """Identity of what the model gives: the whole file, and `extra`."""
    try:
        with path.open("rb") as stream:
            whole = hashlib.file_digest(stream, "sha256")
    except OSError as error:
        raise Unavailable("The model file %(file)s cannot be read.", file=path) from error
    for text in extra:
        whole.update(text.encode() + b"\0")
    return whole.hexdigest()
