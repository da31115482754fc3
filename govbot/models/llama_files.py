"""The GGUF file of an embedding model on this machine: where it is and what its header says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from govbot import resources
from govbot.config import Settings
from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.gguf import GgufHeader, read_header, shards_of
from govbot.models.catalog import PRESETS, Preset, find_preset
from govbot.models.files import MAX_TOKENS, ModelFiles
from govbot.models.llama_vocab import VocabFile

SUFFIX = ".gguf"
# What llama.cpp calls them in `<architecture>.pooling_type`.
MEAN, CLS, LAST, RANK = 1, 2, 3, 4


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
    header = read_header(path)  # which bounds what llama.cpp would believe
    vocab = VocabFile(path)
    own = settings.embedder
    preset = find_preset(own.model) or preset_of_file(path.stem) or Preset(path.stem, "")
    limits = (
        header.context,
        own.max_tokens or (preset.max_tokens if preset.repository else MAX_TOKENS),
    )
    max_tokens = min(limit for limit in limits if limit)
    query, passage = prefixes_of(own, preset)
    pooling = _pooling(header, vocab)
    return LlamaFiles(
        model=ModelFiles(
            name=path.stem,
            folder=path.parent,
            dimension=_dimension(header, vocab),
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
    """The GGUF file that `embedder.model` names, in the data folder or else in the package; None
    when there is none.

    Raises Unavailable when several files bear the name.
    """
    if (named := named_gguf(settings)) is not None:
        return named
    wanted = settings.embedder.model
    preset = find_preset(wanted)
    if preset is None:
        return None
    for folder in (settings.data_dir / "models", resources.models_dir()):
        found = _only(
            wanted,
            [
                file
                for file in _files(folder)
                if (of := preset_of_file(file.stem)) is not None and of.name == preset.name
            ],
        )
        if found is not None:
            return found
    return None


def named_gguf(settings: Settings) -> Path | None:
    """The GGUF file whose own name, or whose folder's, stands in `embedder.model`."""
    wanted, models = settings.embedder.model, settings.data_dir / "models"
    for place in (Path(wanted).expanduser(), models / wanted, models / f"{wanted}{SUFFIX}"):
        if place.suffix.lower() == SUFFIX and place.is_file():
            return place.resolve()
        if (place / "config.json").is_file():
            continue  # the folder of a sentence-transformers model
        if place.is_dir() and (found := _only(wanted, _files(place))) is not None:
            return found.resolve()
    return None


def _files(folder: Path) -> list[Path]:
    """The GGUF files in a folder; of a model in several files, the first. What is hidden is not
    there yet."""
    if not folder.is_dir():
        return []
    found = (file for file in folder.rglob(f"*{SUFFIX}") if file.is_file())
    return sorted(
        file
        for file in found
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and shards_of(file)[0] == file
    )


def _only(name: str, files: list[Path]) -> Path | None:
    if len(files) > 1:
        raise Unavailable(
            'Several GGUF files are of the embedding model "%(name)s": name one of them in '
            "[embedder] model (%(files)s).",
            name=name,
            files=", ".join(file.name for file in files),
        )
    return files[0] if files else None


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


def _dimension(header: GgufHeader, vocab: VocabFile) -> int:
    """Numbers in a vector; where the header names none of its own, those inside the model."""
    text = vocab.value(f"{header.architecture}.embedding_length_out")
    return int(text) if text.isdigit() and int(text) else header.embedding


def _pooling(header: GgufHeader, vocab: VocabFile) -> int:
    """The header's; where it names none, the mean of a model that reads both ways, else the last
    token, which has seen all the others."""
    if header.pooling == RANK:
        raise Unavailable(
            "The model %(file)s is a reranker, not an embedding model.",
            file=vocab.path.name,
            code="E-MODEL",
        )
    if header.pooling in (MEAN, CLS, LAST):
        return header.pooling
    both_ways = vocab.value(f"{header.architecture}.attention.causal") == "false"
    return MEAN if both_ways or "bert" in header.architecture else LAST


def _fingerprint(path: Path, extra: tuple[str, ...]) -> str:
    """Identity of what the model gives: its files, and `extra`."""
    whole = hashlib.sha256()
    for part in shards_of(path):
        try:
            with part.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise Unavailable("The model file %(file)s cannot be read.", file=part) from error
    for text in extra:
        whole.update(text.encode() + b"\0")
    return whole.hexdigest()
