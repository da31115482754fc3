"""The calibration of the evidence: kept for the models in use, used by every search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from govbot import audit
from govbot.config import Settings
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied
from govbot.eval.calibrate import discard, fit, keep, samples_of
from govbot.eval.questions import Question
from govbot.eval.run import Bench
from govbot.generate.extractive import ExtractiveGenerator
from govbot.retrieval import calibration
from govbot.retrieval.calibration import SHIPPED, Fitted
from govbot.retrieval.retrieve import find
from tests.database.library import FINGERPRINT, FixedEmbedder, Library

WORDS = [
    "férias",
    "licença",
    "diária",
    "contrato",
    "recurso",
    "edital",
    "obra",
    "viagem",
    "multa",
    "prazo",
]
PLACES = ["Natal", "Recife", "Manaus"]


async def _asked(pool: Pool, actor: Actor, question: str) -> bool:
    found = await find(
        pool,
        actor,
        question,
        embedder=FixedEmbedder(weight=0.1),
        settings=Settings(data_dir=Path("unused")),
    )
    return found.sufficient


async def test_what_was_fitted_decides_for_everybody_and_only_the_service_writes_it(
    pool: Pool,
) -> None:
    library = Library(pool)
    await library.model()
    questions = []
    for number, (word, place) in enumerate((w, p) for w in WORDS for p in PLACES):
        name = f"{number}.txt"
        text = f"A regra de {word} em {place} manda esperar {number} dias."
        await library.document("Normas", name, text, vectors=[(1, 0, 0)])
        asked = f"Qual a regra de {word} em {place}?"
        questions.append(Question(str(number), asked, (f"{number} dias",), (name,)))
    reader = await library.person("leitora", "Normas")
    stranger = await library.person("estranho")
    bench = Bench(
        pool,
        Settings(data_dir=Path("unused")),
        FixedEmbedder(weight=0.1),
        ExtractiveGenerator(),
    )
    samples = await samples_of(bench, reader, questions)
    report = fit(samples, max_wrong=0.0)
    assert (report.fitted.refused_right, report.fitted.refused_wrong) == (1.0, 0.0)
    assert report.area == 1.0

    known, unknown = "Qual a regra de multa em Recife?", "Qual a regra de multa em Cuiabá?"
    await keep(bench, report)
    assert await _asked(pool, reader, known)
    assert not await _asked(pool, reader, unknown)
    async with as_system(pool) as conn:
        strict = Fitted(replace(SHIPPED, threshold=1.0), 20, 20, 1.0, 1.0)
        await calibration.store(conn, FINGERPRINT, "", strict)
    assert not await _asked(pool, reader, known)

    async with as_actor(pool, stranger) as conn:
        assert (await calibration.load(conn, FINGERPRINT, "")).threshold == 1.0
        assert await calibration.load(conn, "another", "") == SHIPPED
    async with as_actor(pool, stranger, write=True) as conn:
        assert not await calibration.forget(conn, FINGERPRINT, "")
    loose = replace(strict, calibration=replace(SHIPPED, threshold=0.0))
    with pytest.raises(Denied):
        async with as_actor(pool, stranger, write=True) as conn:
            await calibration.store(conn, FINGERPRINT, "", loose)
    async with as_system(pool) as conn:
        assert (await calibration.load(conn, FINGERPRINT, "")).threshold == 1.0
        await conn.execute("""UPDATE calibrations SET weights = '{"old": 1}'""")
        assert await calibration.load(conn, FINGERPRINT, "") == SHIPPED
    assert await discard(bench)
    assert not await discard(bench)
    async with as_system(pool) as conn:
        done = [entry.action for entry in await audit.entries(conn)]
    assert done == ["evidence.calibration-forgotten", "evidence.calibrated"]
