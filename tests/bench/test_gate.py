"""When answers are refused: the figures of README.md, printed by `make bench`.

Questions are asked with their document there and hidden, of their own corpus and of all together,
and about corpora that know nothing of them. Laws are without vectors here, cut every 150 words.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.eval.calibrate import Report, Sample, fit, judged, samples_of
from govbot.eval.questions import Question, read_questions
from govbot.eval.run import Bench
from govbot.generate.extractive import ExtractiveGenerator
from govbot.models.embedder import Embedder, open_embedder
from govbot.retrieval.calibration import SHIPPED
from tests.database.library import Library

MAX_WRONG = 0.03
LAW_WORDS = 150
SETS = ("faquad", "pira")
# Who asks, by what they read: "tudo" reads everything.
READERS = ("faquad", "pira", "laws", "tudo")


@pytest.fixture
async def bench_pool(dsns: Dsns) -> Pool:
    return await open_pool(dsns.app, size=2, name="bench")


async def test_refusals_of_hidden_documents_and_of_foreign_questions(
    bench_pool: Pool, owner_pool: Pool, shared_data: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    embedder = open_embedder(settings)
    library = Library(bench_pool)
    await _fill(library, embedder, shared_data)
    async with owner_pool.connection() as conn:
        await conn.set_autocommit(True)
        await conn.execute("VACUUM ANALYZE")
    bench = Bench(bench_pool, settings, embedder, ExtractiveGenerator())
    samples = await _samples(bench, library, shared_data)
    await embedder.aclose()
    await bench_pool.close()
    _print_shipped(samples)
    _print_fitted(samples)


async def _fill(library: Library, embedder: Embedder, data: Path) -> None:
    await library.model(embedder.fingerprint)
    for name in SETS:
        files = sorted((data / name).iterdir())
        texts = [file.read_text("utf-8") for file in files]
        vectors = await embedder.embed_passages(texts)
        for file, text, vector in zip(files, texts, vectors, strict=True):
            await library.document(name, file.name, text, vectors=[vector])
    for file in sorted((data / "laws").glob("*.txt")):
        words = file.read_text("utf-8").split()
        pieces = [words[at : at + LAW_WORDS] for at in range(0, len(words), LAW_WORDS)]
        await library.document("laws", file.name, *(" ".join(piece) for piece in pieces))


async def _samples(
    bench: Bench, library: Library, data: Path
) -> dict[tuple[str, str], list[Sample]]:
    """By question set and reader; a corpus that is not the set's own cannot answer."""
    readers = {name: await library.person(name, name) for name in READERS[:-1]}
    readers["tudo"] = await library.person("tudo", *READERS[:-1])
    samples = {}
    for name in SETS:
        questions = read_questions(data / "qa" / f"{name}.dev.jsonl")
        foreign = [Question(question.id, question.text) for question in questions]
        for reader, actor in readers.items():
            asked = questions if reader in (name, "tudo") else foreign
            samples[name, reader] = await samples_of(bench, actor, asked)
    return samples


def _print_shipped(samples: dict[tuple[str, str], list[Sample]]) -> None:
    print(f"\nAs shipped (threshold {SHIPPED.threshold})\nquestions\treads\trightly\twrongly\tarea")
    own = [sample for (name, reader), some in samples.items() if name == reader for sample in some]
    answerable = [sample for sample in own if sample.answerable]
    for (name, reader), some in samples.items():
        cut, area = judged(some, SHIPPED)
        wrong = f"{cut.refused_wrong:.3f}" if reader in (name, "tudo") else "-"
        if wrong == "-":
            area = judged([*some, *answerable], SHIPPED)[1]
        print(f"{name}\t{reader}\t{cut.refused_right:.3f}\t{wrong}\t{area:.3f}")
        assert area > 0.75


def _print_fitted(samples: dict[tuple[str, str], list[Sample]]) -> None:
    """Calibrated on one set and judged on the other, and within one set."""
    print("\nFitted (at 3 %)\nfitted on\tjudged on\trightly\twrongly\tarea")
    for name in SETS:
        report = fit(samples[name, name], MAX_WRONG)
        _print_within(name, report)
        for other in SETS:
            if other != name:
                cut, area = judged(samples[other, other], report.fitted.calibration)
                print(
                    f"{name}\t{other}\t{cut.refused_right:.3f}\t{cut.refused_wrong:.3f}\t{area:.3f}"
                )
    everything = [
        Sample(1000 * number + sample.question, sample.signals, sample.answerable)
        for number, name in enumerate(SETS)
        for sample in samples[name, name]
    ]
    report = fit(everything, MAX_WRONG)
    _print_within("both", report)
    print(report.fitted.calibration)


def _print_within(name: str, report: Report) -> None:
    fitted = report.fitted
    figures = f"{fitted.refused_right:.3f}\t{fitted.refused_wrong:.3f}\t{report.area:.3f}"
    print(f"{name}\tthe same, other fifths\t{figures}")
