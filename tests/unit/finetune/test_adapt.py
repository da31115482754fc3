"""The embedder adapted: trained in pieces or at once, measured, placed only when it is better."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from govbot.config import Settings, load_settings
from govbot.errors import Conflict, Invalid
from govbot.eval.questions import Question
from govbot.eval.score import Place
from govbot.finetune.adapt import REPORT, Adapted, adapt, base_of
from govbot.finetune.examples import Candidate, Example, Material
from govbot.finetune.progress import Step
from govbot.finetune.retrain import Recipe
from govbot.models.files import find_model
from tests.unit.models.conftest import make_bert

TOPICS = ("lei", "prazo", "recurso", "servidor", "edital", "obra", "contrato", "que")
# Each topic is asked for by the letter that its passages do not hold: there is something to learn.
CODES = "bcdfghjk"


def windows(at: int) -> tuple[str, ...]:
    return (f"{TOPICS[at % 8]} de {TOPICS[at % 8]} a {at}",)


def question(at: int) -> str:
    return f"{CODES[at % 8]} de {CODES[at % 8]} {at // 8}"


MATERIAL = Material(
    examples=tuple(
        Example(question(at), windows(at)[0], (windows(at + 1)[0],)) for at in range(48)
    ),
    held=tuple(
        Question(str(at), question(at), ("x",), documents=(f"{at % 8}.txt",))
        for at in range(48, 72)
    ),
    corpus=tuple(Candidate(Place(f"{at}.txt", 1, 1), windows(at)) for at in range(8)),
    corpus_of=8,
)
RECIPE = Recipe(epochs=6, batch=8, rate=5e-3, seed=3, save_steps=4)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = make_bert(tmp_path / "base")
    environ = {"GOVBOT_DATA_DIR": str(tmp_path / "data"), "GOVBOT_EMBEDDER__MODEL": str(folder)}
    return load_settings(environ=environ)


def run(settings: Settings, name: str, recipe: Recipe = RECIPE, **options: bool) -> Adapted:
    return adapt(settings, base_of(settings), MATERIAL, recipe, name, **options)


def test_a_training_that_was_stopped_goes_on_and_ends_with_the_same_model(
    settings: Settings,
) -> None:
    steps: list[Step] = []
    base = base_of(settings)
    whole = adapt(settings, base, MATERIAL, RECIPE, "whole", on_step=steps.append)
    assert (whole.finished, whole.better) == (True, True)
    assert [step.step for step in steps] == list(range(1, 37))
    assert steps[0].of == 36
    first, last = steps[0].loss, steps[-1].loss
    assert first is not None
    assert last is not None
    assert last < first
    [merit] = [each for each in whole.differences if each.measure == "mrr@10"]
    assert (merit.n, merit.better) == (24, True)
    assert whole.placed is not None
    chosen = settings.embedder.model_copy(update={"model": "whole"})
    files = find_model(settings.model_copy(update={"embedder": chosen}))
    assert files.fingerprint == whole.fingerprint != base.fingerprint
    assert (files.max_tokens, files.dimension) == (base.max_tokens, base.dimension)
    report = json.loads((whole.placed / REPORT).read_text("utf-8"))
    assert (report["base_fingerprint"], report["forced"]) == (base.fingerprint, False)
    with pytest.raises(Conflict):
        run(settings, "whole")

    hurried = replace(RECIPE, minutes=1e-9)
    steps.clear()
    stopped = adapt(settings, base, MATERIAL, hurried, "pieces", on_step=steps.append)
    assert (stopped.finished, stopped.placed, len(steps)) == (False, None, 1)
    with pytest.raises(Conflict) as other:
        run(settings, "pieces", replace(RECIPE, rate=1e-3))
    assert other.value.error_code == "E-FINETUNE-RESUME"
    journal = settings.data_dir / "finetune" / "pieces" / "progress.jsonl"
    assert json.loads(journal.read_text("utf-8"))["step"] == 1
    adapt(settings, base, MATERIAL, hurried, "pieces", on_step=steps.append)
    resumed = run(settings, "pieces")
    assert [step.step for step in steps] == [1, 2]
    assert resumed.fingerprint == whole.fingerprint
    assert not journal.exists()


def test_a_model_that_is_not_better_is_placed_only_when_it_is_forced(settings: Settings) -> None:
    still = replace(RECIPE, rate=0.0, epochs=1)
    refused = run(settings, "same", still)
    assert (refused.finished, refused.better, refused.placed) == (True, False, None)
    assert not (settings.data_dir / "models" / "same").exists()
    forced = run(settings, "same", still, force=True)
    assert forced.placed == settings.data_dir / "models" / "same"
    few = replace(MATERIAL, examples=MATERIAL.examples[:5])
    with pytest.raises(Invalid):
        adapt(settings, base_of(settings), few, RECIPE, "few")
    for name in ("starter", "../x", "BGE-M3", ""):
        with pytest.raises(Invalid):
            run(settings, name)
