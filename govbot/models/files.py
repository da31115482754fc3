"""The files of an embedding model on this machine: where they are, what they say, their identity.

Nothing is ever downloaded: a model that is not here is `Unavailable` with the place to put it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.catalog import PRESETS, Preset, find_preset, preset_of_folder

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model folder and what its own files and the catalog say about it."""

    name: str
    folder: Path
    dimension: int
    max_tokens: int
    query_prefix: str
    passage_prefix: str
    weight: float
    fingerprint: str


def find_model(settings: Settings) -> ModelFiles:
    """Finds the configured model; raises Unavailable when it is missing or damaged.

    Reads the weights once (about a second per 2 GB) for the fingerprint.
    """
    wanted = settings.embedder.model
    preset = find_preset(wanted)
    folder = _folder(wanted, preset, settings.data_dir)
    digests = digests_of(folder)
    if preset is None:
        preset = preset_of_folder(folder.name) or Preset(name=folder.name, repository="")
    if preset.weights_sha256 and preset.weights_sha256 not in digests.values():
        raise Unavailable(
            'The weights of the embedding model "%(name)s" in %(folder)s are not the ones GovBot '
            "was built with: install it again.",
            name=preset.name,
            folder=folder,
        )
    prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    own = settings.embedder
    query = _prefix((own.query_prefix, preset.query_prefix), prompts, ("query",))
    passage = _prefix((own.passage_prefix, preset.passage_prefix), prompts, ("document", "passage"))
    known = preset.max_tokens if preset.repository else MAX_TOKENS
    max_tokens = window_of(folder, own.max_tokens or known)
    return ModelFiles(
        name=preset.name,
        folder=folder,
        dimension=_dimension(folder),
        max_tokens=max_tokens,
        query_prefix=query,
        passage_prefix=passage,
        weight=preset.weight if own.weight is None else own.weight,
        fingerprint=fingerprint_of(folder, digests, (query, passage, str(max_tokens))),
    )


def _folder(wanted: str, preset: Preset | None, data_dir: Path) -> Path:
    if preset is not None and preset.package:
        return _package_folder(preset)
    models = data_dir / "models"
    if preset is None:
        folder = Path(wanted).expanduser()
        places = [folder, models / wanted]
    else:
        short = preset.repository.rpartition("/")[2]
        places = [models / preset.name, models / preset.repository, models / short, Path(wanted)]
    for place in places:
        if (place / "config.json").is_file():
            return place.resolve()
    if preset is not None or not _looks_like_path(wanted):
        raise Unavailable(
            'The embedding model "%(name)s" is not on this machine: put its folder at %(place)s, '
            "or name another folder in [embedder] model (known names: %(known)s).",
            name=wanted,
            place=models / (preset.name if preset else wanted),
            known=", ".join(PRESETS),
        )
    raise Unavailable(
        "There is no embedding model in %(folder)s: a sentence-transformers folder holds "
        "config.json and model.safetensors.",
        folder=wanted,
    )


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or Path(name).is_dir()


def _package_folder(preset: Preset) -> Path:
    # The package's own code is not imported: only its files are wanted.
    spec = find_spec(preset.package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    raise Unavailable(
        'The embedding model "%(name)s" comes with the package %(package)s, which is not '
        "installed.",
        name=preset.name,
        package=preset.package.replace("_", "-"),
    )


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of weights; raises Unavailable when there is none."""
    for pattern in WEIGHTS:
        if found := sorted(folder.glob(pattern)):
            return {file.name: _digest(file) for file in found}
    raise Unavailable("The model in %(folder)s has no weights (model.safetensors).", folder=folder)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise Unavailable("The model file %(file)s cannot be read.", file=file) from error


def fingerprint_of(folder: Path, weights: dict[str, str], extra: tuple[str, ...]) -> str:
    """Identity of what a model gives: weights, every small JSON of the folder, and `extra`."""
    whole = hashlib.sha256()
    for name, digest in sorted(weights.items()):
        whole.update(f"{name}\0{digest}\0".encode())
    for file in sorted(folder.rglob("*.json")):
        if file.stat().st_size < 100_000_000 and file.name != "data_config.json":
            whole.update(f"{file.relative_to(folder)}\0{_digest(file)}\0".encode())
    for text in extra:
        whole.update(text.encode() + b"\0")
    return whole.hexdigest()


def _prefix(said: tuple[str | None, ...], prompts: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first that was said, by the settings or the catalog; else the folder's own."""
    for prefix in said:
        if prefix is not None:
            return prefix
    return next((str(prompts[name]) for name in names if prompts.get(name)), "")


def _dimension(folder: Path) -> int:
    """Dimension of the last module that changes it (Dense, else Pooling, else the transformer)."""
    shortened = read_json(folder / "config_sentence_transformers.json").get("truncate_dim")
    if shortened:
        return int(shortened)
    for module in reversed(_modules(folder)):
        config = read_json(folder / str(module.get("path", "")) / "config.json")
        kind = str(module.get("type", "")).rpartition(".")[2]
        keys = {
            "Dense": ("out_features",),
            "Pooling": ("word_embedding_dimension", "embedding_dimension"),
        }.get(kind, ())
        for key in keys:
            if key in config:
                return int(config[key])
    config = read_json(folder / "config.json")
    size = config.get("hidden_size") or config.get("dim") or config.get("d_model")
    if not size:
        raise Unavailable(
            "The embedding model in %(folder)s does not say its dimension.", folder=folder
        )
    return int(size)


def _modules(folder: Path) -> list[dict[str, Any]]:
    file = folder / "modules.json"
    if not file.is_file():
        return []
    return [module for module in json.loads(file.read_text("utf-8")) if isinstance(module, dict)]


def window_of(folder: Path, limit: int) -> int:
    """How many tokens the model takes, at most `limit`."""
    own = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    config = read_json(folder / "config.json")
    positions = config.get("max_position_embeddings")
    if own is None and positions and config.get("model_type") in {"roberta", "xlm-roberta"}:
        positions -= 2  # their positions start after the padding index
    return min(int(size) for size in (own, positions, limit) if size)


def read_json(file: Path) -> dict[str, Any]:
    """The object in the file; empty when there is no such file or it holds none."""
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Unavailable("The model file %(file)s cannot be read.", file=file) from error
    return value if isinstance(value, dict) else {}
