"""What ingestion costs on top of the embedder, and what the chat notices of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from govbot.chat.answer import ask
from govbot.config import load_settings
from govbot.db.access import Actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.eval.score import percentile
from govbot.generate.extractive import ExtractiveGenerator
from govbot.generate.router import open_generator
from govbot.ids import CollectionId
from govbot.ingest.pipeline import EMBED_AT_ONCE
from govbot.ingest.receive import receive
from govbot.models.embedder import Embedder, open_embedder
from tests.answering import Desk
from tests.ingestion import Parts, add_person
from tests.system.archive import WRITERS
from tests.tiny_gguf import write_tiny_gguf

DOCUMENTS = 24
ARTICLES = 90
QUESTIONS = 60
QUESTION = "Em quantos dias o setor publicará o edital?"


@pytest.fixture
async def embedder(tmp_path: Path) -> AsyncIterator[Embedder]:
    """The starter, loaded."""
    opened = open_embedder(load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path)}))
    await opened.embed_query("aquecimento")
    await opened.embed_passages(["aquecimento"] * 16)
    yield opened
    await opened.aclose()


@pytest.fixture
async def working(parts: Parts, embedder: Embedder) -> Parts:
    parts.embedder = embedder  # type: ignore[assignment]
    return parts


# Short documents with one and with two workers; and ones of about the length that the documents
# of a public archive have on average.
@pytest.mark.parametrize(
    ("count", "articles", "workers"),
    [(DOCUMENTS, ARTICLES, 1), (DOCUMENTS, ARTICLES, 2), (DOCUMENTS // 4, ARTICLES * 4, 1)],
)
async def test_cost_of_ingestion_beside_the_embedder_alone(
    working: Parts,
    embedder: Embedder,
    tmp_path: Path,
    count: int,
    articles: int,
    workers: int,
) -> None:
    collection = await _collection(working)
    started = time.perf_counter()
    await _receive(working, collection, tmp_path, count, articles=articles)
    received = time.perf_counter() - started

    started = time.perf_counter()
    await working.work(concurrency=workers)
    whole = time.perf_counter() - started
    documents = await _texts(working)
    started = time.perf_counter()
    for texts in documents:
        for first in range(0, len(texts), EMBED_AT_ONCE):
            await embedder.embed_passages(texts[first : first + EMBED_AT_ONCE])
    alone = time.perf_counter() - started

    passages = sum(map(len, documents))
    print(f"\n{count} documents (PDF, DOCX, ODT, HTML, text), {passages} passages,", end=" ")
    print(f"workers {workers}; seconds")
    print(f"taken in (stored, queued)\t{received:.2f}\t{count / received:.0f} files/s")
    print(f"read, cut, embedded, stored\t{whole:.2f}\t{passages / whole:.1f} passages/s")
    print(f"the embedder alone\t{alone:.2f}\t{passages / alone:.1f} passages/s")
    print(f"ratio\t{whole / alone:.3f}")


@pytest.mark.parametrize(("kind", "questions"), [("extractive", QUESTIONS), ("llama", 20)])
async def test_time_to_the_first_token_while_documents_are_ingested(
    working: Parts, embedder: Embedder, tmp_path: Path, kind: str, questions: int
) -> None:
    collection = await _collection(working)
    await _receive(working, collection, tmp_path, 3)
    await working.work()
    reader = await _reader(working.pool, collection)
    if kind == "llama":
        model = write_tiny_gguf(tmp_path / "tiny.gguf", context=16384)
        environ = {
            "GOVBOT_GENERATION__MODEL_PATH": str(model),
            "GOVBOT_GENERATION__MAX_TOKENS": "16",
            "GOVBOT_GENERATION__THREADS": "1",
        }
        generation = load_settings(environ=environ).generation
        generator = open_generator(generation)
    else:
        generator = ExtractiveGenerator()
    desk = Desk(working.settings, working.pool, embedder, generator)  # type: ignore[arg-type]
    await _first_tokens(desk, reader, 5)
    idle = await _first_tokens(desk, reader, questions)

    await _receive(working, collection, tmp_path, DOCUMENTS, first=100)
    work = asyncio.create_task(working.work())
    await asyncio.sleep(1)
    busy = await _first_tokens(desk, reader, questions)
    under_way = not work.done()
    await work
    await generator.aclose()

    print(f"\n{questions} questions, {kind}; ms to the first token\tp50\tp95")
    print(f"idle\t{percentile(idle, 50)}\t{percentile(idle, 95)}")
    print(f"while documents are ingested\t{percentile(busy, 50)}\t{percentile(busy, 95)}")
    print(f"ratio\t{percentile(busy, 50) / percentile(idle, 50):.2f}", end="\t")
    print(f"{percentile(busy, 95) / percentile(idle, 95):.2f}")
    assert under_way, "the ingestion ended before the questions: the figures say nothing"


async def _first_tokens(desk: Desk, reader: Actor, count: int) -> list[float]:
    times = []
    for _ in range(count):
        answer = await ask(desk, reader, QUESTION)
        times.append(float(answer.timings["first_token_ms"]))
        await asyncio.sleep(0.05)
    return times


async def _collection(parts: Parts) -> CollectionId:
    async with as_system(parts.pool) as conn:
        return await collections.create_collection(conn, None, name="Acervo")


async def _reader(pool: Pool, collection: CollectionId) -> Actor:
    from govbot.db.access import Role

    async with as_system(pool) as conn:
        reader = await add_person(conn, "leitora", Role.USER)
        principal = Principal.user(reader.id)
        await grants.set_grant(conn, None, Target.collection(collection), principal, Level.READ)
    return reader


async def _receive(
    parts: Parts,
    collection: CollectionId,
    folder: Path,
    count: int,
    *,
    first: int = 0,
    articles: int = ARTICLES,
) -> None:
    kinds = (".pdf", ".docx", ".odt", ".html", ".txt", ".pdf")
    for number in range(first, first + count):
        path = folder / f"portaria {number}{kinds[number % len(kinds)]}"
        WRITERS[path.suffix](path, _paragraphs(number, articles))
        await receive(
            parts, None, collection_id=collection, filename=path.name, path=path, source="cli"
        )


def _paragraphs(number: int, articles: int) -> list[str]:
    return [
        f"PORTARIA Nº {number}, DE 2 DE MAIO DE 2024",
        *(
            f"Art. {n} O setor {number} publicará o edital {n} com antecedência de {n % 60} dias, "
            "ouvida a comissão de licitação e observado o limite de despesa do exercício."
            for n in range(1, articles)
        ),
    ]


async def _texts(parts: Parts) -> list[list[str]]:
    """What the embedder saw, document by document."""
    from govbot.ingest.measure import embedded_windows
    from govbot.ingest.vectors import measure_of

    measure = await measure_of(parts.embedder)

    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            """
            SELECT d.title, c.heading, c.text, c.document_key
            FROM chunks c JOIN documents d ON d.key = c.document_key
            ORDER BY c.document_key, c.ord
            """
        )
        rows = await cursor.fetchall()
    documents: dict[int, list[str]] = {}
    for row in rows:
        documents.setdefault(row["document_key"], []).extend(
            embedded_windows(row["title"], row["heading"], row["text"], measure)
        )
    return list(documents.values())
