"""Time and quality of the search; `make bench` prints the tables of README.md.

Time: generated text with the word frequencies of language, in a database of its own. Quality: the
question sets over their own passages, one chunk of a file each, without the ingestion.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.eval.questions import Question, read_questions
from govbot.eval.score import Outcome, Place, percentile, summary
from govbot.models.embedder import Embedder, open_embedder
from govbot.retrieval.retrieve import Mode, retrieve
from tests.database.library import Library

CHUNKS = 20_000
QUESTIONS = 60
VOCABULARY = 30_000
STOP_WORDS = 100  # the most frequent words, which are not indexed
WORDS = 110
SHARES = (1.0, 0.1, 0.01)
SECRETS = 5_000


@pytest.fixture
async def bench_pool(dsns: Dsns) -> Pool:
    return await open_pool(dsns.app, size=2, name="bench")


async def test_time_of_a_question_by_share_readable(
    bench_pool: Pool, owner_pool: Pool, tmp_path: Path
) -> None:
    library = Library(bench_pool)
    random_ = random.Random(7)
    model = await library.model()
    readers = await _generated(library, random_, model)
    await _analyze(owner_pool)
    settings = Settings(data_dir=tmp_path)
    print(f"\n{CHUNKS} chunks of {WORDS} words; {QUESTIONS} questions; ms\nreadable\tp50\tp95")
    for share, reader in readers:
        await _time(bench_pool, f"{share:.0%}", reader, settings, random_)
    await _time_of_rights(library, owner_pool, settings, random_)
    await bench_pool.close()


async def _time_of_rights(
    library: Library, owner_pool: Pool, settings: Settings, random_: random.Random
) -> None:
    """What single documents granted or refused, and secret ones, cost those who read the rest."""
    beside = await library.person("ao-lado", "parte-0.1")
    await library.grant(beside, document_key=await _document(library, "parte-0.01"))
    await _time(library.pool, "10%, one document beside", beside, settings, random_)
    refused = await library.person("menos-um", *library.keys)
    await library.grant(refused, document_key=await _document(library, "parte-0.01"), effect="deny")
    await _time(library.pool, "all but one document", refused, settings, random_)
    async with as_system(library.pool) as conn:
        await conn.execute(
            """
            INSERT INTO documents (id, collection_key, path, filename, source, secrecy)
            SELECT gen_random_uuid(), %(key)s, 'secreto-' || n, 'x', 'upload', 2
            FROM generate_series(1, %(secrets)s) n
            """,
            {"key": library.keys["resto"], "secrets": SECRETS},
        )
    await _analyze(owner_pool)
    everybody = await library.person("tudo-de-novo", *library.keys)
    await _time(library.pool, f"all, {SECRETS} secrets above", everybody, settings, random_)


async def _time(
    pool: Pool, label: str, reader: Actor, settings: Settings, random_: random.Random
) -> None:
    times = []
    for _ in range(QUESTIONS):
        question = " ".join(islice(_words(random_), 10))
        started = time.perf_counter()
        async with as_actor(pool, reader) as conn:
            await retrieve(
                conn, question, embedder=_Random(random_), settings=settings, mode="hybrid"
            )
        times.append((time.perf_counter() - started) * 1000)
    print(f"{label}\t{percentile(times, 50)}\t{percentile(times, 95)}")


async def _document(library: Library, collection: str) -> int:
    """The one document of a collection."""
    async with as_system(library.pool) as conn:
        cursor = await conn.execute(
            "SELECT key FROM documents WHERE collection_key = %(key)s",
            {"key": library.keys[collection]},
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row["key"])


@pytest.mark.parametrize("name", ["faquad", "pira"])
async def test_quality_of_the_search_on_short_passages(
    bench_pool: Pool, owner_pool: Pool, shared_data: Path, tmp_path: Path, name: str
) -> None:
    library = Library(bench_pool)
    settings = Settings(data_dir=tmp_path)
    embedder = open_embedder(settings)
    texts = {file.name: file.read_text("utf-8") for file in sorted((shared_data / name).iterdir())}
    await library.model(embedder.fingerprint)
    vectors = await embedder.embed_passages(list(texts.values()))
    for (filename, text), vector in zip(texts.items(), vectors, strict=True):
        await library.document(name, filename, text, vectors=[vector])
    reader = await library.person("leitor", name)
    await _analyze(owner_pool)
    questions = read_questions(shared_data / "qa" / f"{name}.dev.jsonl")
    print(f"\n{name}: {len(texts)} passages, {len(questions)} questions")
    modes: tuple[Mode, ...] = ("lexical", "dense", "hybrid")
    for mode in modes:
        outcomes = [
            await _outcome(bench_pool, reader, question, embedder, settings, mode)
            for question in questions
        ]
        figures = summary(outcomes)
        shown = {key: figures[key] for key in ("hit@1", "hit@5", "hit@10", "mrr@10", "p50_ms")}
        print(mode, json.dumps(shown))
        if mode != "dense":
            assert (figures["mrr@10"] or 0) > 0.75
    await embedder.aclose()
    await bench_pool.close()


async def _outcome(
    pool: Pool,
    reader: Actor,
    question: Question,
    embedder: Embedder,
    settings: Settings,
    mode: Mode,
) -> Outcome:
    async with as_actor(pool, reader) as conn:
        found = await retrieve(
            conn, question.text, embedder=embedder, settings=settings, limit=10, mode=mode
        )
    places = [Place(p.filename, p.page_from, p.page_to) for p in found.passages]
    return Outcome(question, places, sum(found.timings.values()) * 1000, found.sufficient)


class _Random:
    """Vectors without meaning: only their number costs time."""

    name = "random"
    dimension = 384
    fingerprint = "test-space"
    max_tokens = 256
    weight = 0.1

    def __init__(self, random_: random.Random):
        self._random = random_

    async def embed_query(self, text: str) -> list[float]:
        return _vector(self._random)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return [_vector(self._random) for _ in texts]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def passage_tokens(self) -> int:
        return self.max_tokens

    async def aclose(self) -> None:
        pass


def _vector(random_: random.Random) -> list[float]:
    return [random_.gauss(0, 1) for _ in range(_Random.dimension)]


def _words(random_: random.Random) -> Iterator[str]:
    """Words whose frequency falls with their rank, as in language (Zipf); no stop words."""
    ranks = range(STOP_WORDS + 1, VOCABULARY + 1)
    weights = [1 / rank for rank in ranks]
    while True:
        for rank in random_.choices(ranks, weights, k=2000):
            yield _word(rank)


def _word(rank: int) -> str:
    syllables = re.findall("..", "badecofugalimonupariseto")
    word = ""
    while rank:
        rank, place = divmod(rank, len(syllables))
        word += syllables[place]
    return word + "z"


async def _generated(
    library: Library, random_: random.Random, model: int
) -> list[tuple[float, Actor]]:
    """Collections that hold the shares of SHARES, and who reads each of them."""
    words = _words(random_)
    readers = [(1.0, await library.person("tudo"))]
    left = 1.0
    for share in sorted(SHARES[1:]):
        name = f"parte-{share}"
        await _fill(library, name, round(CHUNKS * share), words, random_, model)
        readers.append((share, await library.person(f"le-{share}", name)))
        left -= share
    await _fill(library, "resto", round(CHUNKS * left), words, random_, model)
    for key in library.keys.values():
        await library.grant(readers[0][1], collection_key=key)
    return readers


async def _fill(
    library: Library,
    name: str,
    count: int,
    words: Iterator[str],
    random_: random.Random,
    model: int,
) -> None:
    made = await library.document(name, f"{name}.txt", "início")
    values = {
        "version": made.version_id,
        "document": made.key,
        "collection": library.keys[name],
        "model": model,
    }
    async with as_system(library.pool) as conn:
        await conn.execute("SELECT govbot_unindex_document(%(document)s)", values)
        async with conn.cursor() as cursor:
            await cursor.executemany(
                """
                WITH c AS (
                    INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from,
                                        page_to, heading, text, start_offset, end_offset, tsv,
                                        length)
                    SELECT %(version)s, %(document)s, %(collection)s, %(ord)s, 1, 1, '', %(text)s,
                           0, length(%(text)s), govbot_tsv(%(text)s), %(words)s
                    RETURNING id
                )
                INSERT INTO chunk_vectors (model_id, chunk_id, collection_key, document_key,
                                           embedding)
                SELECT %(model)s, c.id, %(collection)s, %(document)s, %(vector)s::halfvec FROM c
                """,
                (
                    {
                        **values,
                        "ord": number,
                        "text": " ".join(islice(words, WORDS)),
                        "words": WORDS,
                        "vector": str(_vector(random_)),
                    }
                    for number in range(count)
                ),
            )
        await conn.execute("SELECT govbot_index_version(%(version)s)", values)


async def _analyze(owner_pool: Pool) -> None:
    """What autovacuum does in service; the cluster of the tests has it turned off."""
    async with owner_pool.connection() as conn:
        await conn.execute("ANALYZE")
