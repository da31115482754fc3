"""The files of a cross-encoder on this machine: where they are, and whether they are one.

Nothing is ever downloaded: a model that is not here is `Unavailable` with the place to put it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.catalog import RERANKERS, RerankerPreset, find_reranker_preset
from govbot.models.files import digests_of, fingerprint_of, read_json, window_of

MAX_TOKENS = 512
ARCHITECTURE = "ForSequenceClassification"


@dataclass(frozen=True, slots=True)
class CrossFiles:
    """A cross-encoder's folder and what its own files and the catalog say about it."""

    name: str
    folder: Path
    max_tokens: int
    fingerprint: str


def find_cross_encoder(settings: Settings) -> CrossFiles:
    """Finds the configured reranker; raises Unavailable when it is missing or of another kind.

    Reads the weights once (about a second per 2 GB) for the fingerprint.
    """
    wanted = settings.reranker.model
    preset = find_reranker_preset(wanted)
    folder = _folder(wanted, preset, settings.data_dir)
    _require_one_score(folder)
    max_tokens = window_of(folder, preset.max_tokens if preset else MAX_TOKENS)
    return CrossFiles(
        name=preset.name if preset else folder.name,
        folder=folder,
        max_tokens=max_tokens,
        fingerprint=fingerprint_of(folder, digests_of(folder), (str(max_tokens),)),
    )


def _folder(wanted: str, preset: RerankerPreset | None, data_dir: Path) -> Path:
    models = data_dir / "models"
    if preset is None:
        places = [Path(wanted).expanduser(), models / wanted]
    else:
        short = preset.repository.rpartition("/")[2]
        places = [models / preset.name, models / preset.repository, models / short, Path(wanted)]
    for place in places:
        if (place / "config.json").is_file():
            return place.resolve()
    raise Unavailable(
        'The reranker "%(name)s" is not on this machine: put its folder at %(place)s, or name '
        "another folder in [reranker] model (known names: %(known)s).",
        name=wanted,
        place=models / (preset.name if preset else Path(wanted).name),
        known=", ".join(RERANKERS),
    )


def _require_one_score(folder: Path) -> None:
    """A model without that head would be given a random one by the library that loads it."""
    config = read_json(folder / "config.json")
    kinds = config.get("architectures") or []
    labels = config.get("id2label") or {}
    one = (len(labels) or config.get("num_labels", 2)) == 1
    if not one or not any(str(kind).endswith(ARCHITECTURE) for kind in kinds):
        raise Unavailable(
            "The model in %(folder)s is no reranker: it must be a cross-encoder with one score.",
            folder=folder,
        )
