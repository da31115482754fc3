"""The starter adapted to half of the questions of FaQuAD and Pirá, measured on the other half.

Prints the vectors alone before and after, and the whole search with several weights. About ten
minutes of one core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from govbot.config import load_settings
from govbot.db.access import OPERATOR, as_actor
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.eval.compare import compare
from govbot.eval.questions import Question, read_questions
from govbot.eval.run import Bench, evaluate
from govbot.eval.score import Scored, scored
from govbot.finetune.adapt import Adapted, adapt, base_of
from govbot.finetune.examples import Material, material
from govbot.finetune.ranking import MEASURES
from govbot.finetune.reach import reach_of
from govbot.finetune.retrain import Recipe
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ingest.reindex import reindex
from govbot.models.embedder import Embedder, open_embedder
from tests.database.library import Library

SETS = ("faquad", "pira")
WEIGHTS = (0.1, 0.2, 0.3, 0.5)
RECIPE = Recipe(epochs=2)


@dataclass(frozen=True, slots=True)
class _Embedded:
    """What making the vectors anew needs."""

    pool: Pool
    embedder: Embedder


@pytest.fixture
async def bench_pool(dsns: Dsns) -> Pool:
    return await open_pool(dsns.app, size=2, name="bench")


@pytest.mark.timeout(7200)
async def test_an_adapted_starter_on_questions_that_it_never_saw(
    bench_pool: Pool, shared_data: Path, tmp_path: Path
) -> None:
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    library = Library(bench_pool)
    await _fill(library, shared_data)
    questions = [
        question
        for name in SETS
        for question in read_questions(shared_data / "qa" / f"{name}.dev.jsonl")
    ]
    bench = Bench(bench_pool, settings, None, ExtractiveGenerator())
    async with as_actor(bench_pool, OPERATOR) as conn:
        reach = await reach_of(conn, None)
    found = await material(
        bench, base_of(settings), reach, questions, held=0.5, negatives=1, corpus=5000, seed=20
    )
    done = adapt(settings, base_of(settings), found, RECIPE, "adaptado", force=True)
    _print_vectors(found, done)
    chosen = settings.embedder.model_copy(update={"model": "adaptado"})
    adapted = settings.model_copy(update={"embedder": chosen})
    print("\nwhole search, the same questions")
    words = await _searched(bench, found.held)
    _print_search("words alone", words, words)
    for name, used in (("starter", settings), ("adapted", adapted)):
        embedder = open_embedder(used)
        assert embedder is not None
        await reindex(_Embedded(bench_pool, embedder))
        for weight in WEIGHTS:
            embedder.weight = weight
            rows = await _searched(replace(bench, embedder=embedder), found.held)
            _print_search(f"{name}, weight {weight}", words, rows)
        await embedder.aclose()
    await bench_pool.close()


async def _fill(library: Library, data: Path) -> None:
    """One passage for each file."""
    for name in SETS:
        for file in sorted((data / name).iterdir()):
            await library.document("Mista", file.name, file.read_text("utf-8").strip())


async def _searched(bench: Bench, questions: tuple[Question, ...]) -> list[Scored]:
    outcomes = await evaluate(bench, OPERATOR, questions, answers=False)
    return [scored(outcome) for outcome in outcomes]


def _print_vectors(found: Material, done: Adapted) -> None:
    print(
        f"\n{len(found.examples)} questions trained on, {len(found.held)} held back,"
        f" {len(found.corpus)} passages, left out: {dict(found.left_out)}"
    )
    for each in done.differences:
        print(
            f"{each.measure:8} {each.before:.3f} -> {each.after:.3f}"
            f" ({each.low:+.3f} to {each.high:+.3f}, p {each.p:.4f})"
        )


def _print_search(name: str, before: list[Scored], after: list[Scored]) -> None:
    figures = {each.measure: each for each in compare(before, after).differences}
    shown = " ".join(f"{measure} {figures[measure].after:.3f}" for measure in MEASURES)
    print(f"{name:24} {shown} p {figures['mrr@10'].p:.3f}")
