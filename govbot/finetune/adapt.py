"""An embedder adapted to the organisation's own questions: measured before and after, then placed.

The order: gather with the database, train and measure without it, place and write down.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from govbot.config import Settings
from govbot.errors import Conflict, Invalid
from govbot.eval.compare import Difference, compare
from govbot.finetune import plan, retrain
from govbot.finetune.examples import Material
from govbot.finetune.progress import Journal, OnStep
from govbot.finetune.ranking import MEASURES, rankings
from govbot.finetune.retrain import Recipe
from govbot.models.catalog import find_preset
from govbot.models.embedder import kind_of
from govbot.models.files import ModelFiles, find_model

LEAST: Final = 20  # questions to train on, and to hold back
REPORT: Final = "finetune.report"  # not .json: those are part of a model's fingerprint
MERIT: Final = "mrr@10"
_WORK: Final = "finetune"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it. `finished`: False when the minutes ran out and there is more to train.

    `placed` is the folder of the new model, None when it was not better; figures are of the
    cosine alone over `corpus` passages, paired over the held questions.
    """

    finished: bool
    examples: int
    held: int
    corpus: int
    corpus_of: int
    differences: tuple[Difference, ...] = ()
    better: bool = False
    placed: Path | None = None
    fingerprint: str = ""
    left_out: Mapping[str, int] | None = None


def base_of(settings: Settings) -> ModelFiles:
    """The embedder of the settings, to adapt. Raises Invalid unless it is one of torch."""
    if kind_of(settings) != "sentence-transformers":
        raise Invalid(
            "Only a sentence-transformers folder can be adapted: set embedder.model to one.",
            code="E-FINETUNE-BASE",
        )
    return find_model(settings)


def check_name(settings: Settings, name: str) -> Path:
    """Where a model of this name will lie. Raises Invalid, Conflict when it is taken."""
    if not _NAME.fullmatch(name) or find_preset(name) is not None:
        raise Invalid(
            "A name for the new model has 1 to 60 of a-z, 0-9, dot, hyphen, underscore, and is"
            " none of the catalog.",
            code="E-FINETUNE-NAME",
        )
    folder = settings.data_dir / "models" / name
    if folder.exists():
        raise Conflict("%(folder)s is there already.", code="E-FINETUNE-FOLDER", folder=folder)
    return folder


def adapt(
    settings: Settings,
    base: ModelFiles,
    material: Material,
    recipe: Recipe,
    name: str,
    *,
    force: bool = False,
    restart: bool = False,
    on_step: OnStep = lambda step: None,
    on_texts: Callable[[int], None] = lambda n: None,
) -> Adapted:
    """Trains, measures and places; blocks for as long as that takes, and may be run again.

    A model that is not better in the mean reciprocal rank is placed only with `force`. Raises
    Invalid when there are too few questions, Conflict when the working folder is of another one.
    """
    if len(material.examples) < LEAST or len(material.held) < LEAST:
        raise Invalid(
            "Too few questions: %(train)s to train on and %(held)s held back, %(least)s of each"
            " are needed.",
            code="E-FINETUNE-EMPTY",
            train=len(material.examples),
            held=len(material.held),
            least=LEAST,
        )
    target = check_name(settings, name)
    work = settings.data_dir / _WORK / name
    plan.begin(work, _plan(base, material, recipe), restart=restart)
    model = retrain.load(base, settings.embedder.device)
    before = rankings(model, base, material.held, material.corpus, on_texts)
    journal = Journal(work, on_step)
    done = Adapted(
        False,
        len(material.examples),
        len(material.held),
        len(material.corpus),
        material.corpus_of,
        left_out=material.left_out,
    )
    if not retrain.train(model, base, material.examples, recipe, work, journal):
        return done
    after = rankings(model, base, material.held, material.corpus, on_texts)
    differences = tuple(
        each for each in compare(before, after).differences if each.measure in MEASURES
    )
    better = next(each.change > 0 for each in differences if each.measure == MERIT)
    done = replace(done, finished=True, differences=differences, better=better)
    if not (better or force):
        return done
    _place(model, target, _report(base, recipe, done))
    shutil.rmtree(work)
    chosen = settings.embedder.model_copy(update={"model": str(target)})
    placed = find_model(settings.model_copy(update={"embedder": chosen}))
    return replace(done, placed=target, fingerprint=placed.fingerprint)


def _plan(base: ModelFiles, material: Material, recipe: Recipe) -> dict[str, Any]:
    """What makes the same model of the same checkpoint; how long it may run is no part of it."""
    return {
        "base": base.fingerprint,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "rate": recipe.rate,
        "warmup": recipe.warmup,
        "seed": recipe.seed,
        "questions": _digest([asdict(each) for each in material.examples]),
        "held": _digest([each.text for each in material.held]),
    }


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()[:16]


def _report(base: ModelFiles, recipe: Recipe, done: Adapted) -> str:
    """How the model came to be, for its folder: figures, no question."""
    return json.dumps(
        {
            "base": base.name,
            "base_fingerprint": base.fingerprint,
            "recipe": asdict(recipe),
            "examples": done.examples,
            "held": done.held,
            "corpus": done.corpus,
            "figures": [asdict(each) for each in done.differences],
            "forced": not done.better,
        },
        indent=1,
    )


def _place(model: Any, target: Path, report: str) -> None:
    """The whole folder or none."""
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    model.save_pretrained(str(new), create_model_card=False, safe_serialization=True)
    (new / REPORT).write_text(report + "\n", "utf-8")
    new.rename(target)
