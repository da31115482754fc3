"""A question set put through search and answer on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.db.pool import Pool
from govbot.eval.questions import Question
from govbot.eval.run import Bench, evaluate
from govbot.eval.score import summary
from govbot.generate.router import open_generator
from govbot.retrieval.retrieve import Mode
from tests.database.library import FixedEmbedder, Library

ANSWERABLE = Question("1", "Qual o prazo de recurso?", ("dez dias",), ("lei.txt",), (1,))
UNANSWERABLE = Question("2", "Qual o telefone do helicóptero vermelho?")


@pytest.fixture
async def bench(pool: Pool) -> Bench:
    library = Library(pool)
    await library.model()
    await library.document(
        "Normas",
        "lei.txt",
        "O prazo de recurso é de dez dias, contados da publicação.",
        "A obra será medida a cada mês.",
        vectors=[(0, 1, 0), (1, 0, 0)],
    )
    settings = Settings(data_dir=Path("unused"))
    return Bench(pool, settings, FixedEmbedder(weight=0.1), open_generator(settings.generation))


async def test_search_answers_and_refusals_are_measured_together(bench: Bench, pool: Pool) -> None:
    reader = await Library(pool).person("leitor")
    await Library(pool).grant(reader, collection_key=await _only_collection(pool))
    done: list[int] = []
    outcomes = await evaluate(
        bench, reader, [ANSWERABLE, UNANSWERABLE], on_done=lambda: done.append(1)
    )
    figures = summary(outcomes)
    assert (figures["n"], figures["hit@1"], figures["answer_hit"]) == (2, 1.0, 1.0)
    assert (figures["refused"], figures["refused_right"], figures["refused_wrong"]) == (0.5, 1, 0)
    assert len(done) == 2


@pytest.mark.parametrize(("mode", "hit"), [("lexical", 1.0), ("dense", 0.0)])
async def test_a_mode_measures_its_leg_alone(
    bench: Bench, pool: Pool, mode: Mode, hit: float
) -> None:
    reader = await Library(pool).person("leitor")
    await Library(pool).grant(reader, collection_key=await _only_collection(pool))
    figures = summary(await evaluate(bench, reader, [ANSWERABLE], mode=mode, answers=False))
    assert figures["hit@1"] == hit
    assert figures["answer_hit"] is None


async def test_a_reader_of_nothing_hits_nothing_and_is_refused(bench: Bench, pool: Pool) -> None:
    stranger = await Library(pool).person("estranho")
    figures = summary(await evaluate(bench, stranger, [ANSWERABLE]))
    assert (figures["hit@10"], figures["doc_hit@10"]) == (0.0, 0.0)
    assert (figures["answer_hit"], figures["refused_wrong"]) == (0.0, 1.0)


async def _only_collection(pool: Pool) -> int:
    library = Library(pool)
    row = await library._one("SELECT key FROM collections", {})
    return int(row["key"])
