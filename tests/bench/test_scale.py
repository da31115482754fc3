"""The search in a large library, by share readable; `make bench-scale` prints the tables.

GOVBOT_BENCH_CHUNKS is the number of chunks, GOVBOT_BENCH_CONSTRUCTION the index's ef_construction;
the library is kept in GOVBOT_BENCH_DIR, if that is set, for the next run.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govbot.config.answering import Retrieval
from govbot.db.access import Actor, as_actor
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import Connection, Pool, open_pool
from govbot.db.schema import migrate
from govbot.eval.score import percentile
from govbot.ingest import vector_index
from govbot.retrieval import meaning, scope, words
from govbot.retrieval.hybrid import LIMITS, search
from govbot.retrieval.meaning import DenseQuery
from govbot.retrieval.query import Query
from tests.bench.large_library import Asked, LargeLibrary, build, exact, load, questions, save
from tests.database.library import FINGERPRINT

CHUNKS = int(os.environ.get("GOVBOT_BENCH_CHUNKS", "1000000"))
QUESTIONS = int(os.environ.get("GOVBOT_BENCH_QUESTIONS", "60"))
DEFAULTS = Retrieval(**json.loads(os.environ.get("GOVBOT_BENCH_RETRIEVAL", "{}")))
CONSTRUCTION = int(os.environ.get("GOVBOT_BENCH_CONSTRUCTION", str(vector_index.CONSTRUCTION)))
BY_MEANING = (
    "WITH "
    + words.ASKED
    + scope.SQL
    + words.SQL
    + meaning.SQL
    + """
nearest AS (SELECT b.chunk_id, b.score FROM by_meaning b ORDER BY b.score DESC, b.chunk_id LIMIT 10)
SELECT n.chunk_id, (SELECT w.name FROM way w) AS way FROM nearest n
"""
)
COLUMNS = (
    *("readable", "way", "recall@10", "near readable", "near others", "vectors p50", "p95"),
    *("comparing all p50", "p95", "plain HNSW recall", "p50", "p95"),
    *("hybrid p50", "p95", "words alone p50", "p95"),
)
# Whoever reads everything: comparing a million vectors takes a second or more.
PEER_QUESTIONS = 12
# What pgvector does by itself.
PLAIN = """
SELECT v.chunk_id FROM chunk_vectors v
WHERE v.model_id = 1
ORDER BY v.embedding::halfvec(384) <=> %(vector)s::halfvec LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Bench:
    library: LargeLibrary
    dsns: Dsns


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("GOVBOT_BENCH_DIR")
    return Path(named) if named else tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """With the memory of an installation; what is written need not outlive a power cut."""
    unsafe = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "8GB"}
    with EmbeddedPostgres(folder, options=unsafe) as running:
        yield running


@pytest.fixture(scope="module")
def bench(server: EmbeddedPostgres, folder: Path) -> Bench:
    file = folder / "library.json"
    dsns = server.dsns()
    migrate(dsns.owner)
    if not file.exists():
        print(f"\n{CHUNKS} chunks", flush=True)
        # In a thread: the loop of the tests is not to be ended by this one.
        with ThreadPoolExecutor(1) as thread:
            save(thread.submit(asyncio.run, build(dsns, CHUNKS)).result(), file)
    return Bench(load(file), dsns)


@pytest.fixture
async def bench_pool(bench: Bench) -> AsyncIterator[Pool]:
    pool = await open_pool(bench.dsns.app, size=2, name="bench")
    yield pool
    await pool.close()


async def test_without_an_index_few_are_compared_and_many_go_by_words(
    bench: Bench, bench_pool: Pool
) -> None:
    """Only the time is told: what the words did not find is not found."""
    if (await _index(bench_pool)) is not None:
        pytest.skip("the index is there from an earlier run")
    print("\nno index of vectors\nreadable\tway\thybrid p50\tp95")
    for reach, reader in bench.library.readers.items():
        with psycopg.connect(bench.dsns.superuser) as conn:
            asked = questions(conn, reach, 20, seed=3)
        way, _ = await _dense_leg(bench_pool, reader, asked[:1])
        times = await _timed(bench_pool, reader, asked, _hybrid)
        print(f"{reach:.1%}\t{way}\t{percentile(times, 50)}\t{percentile(times, 95)}", flush=True)


async def test_recall_and_time_by_share_readable(bench: Bench, bench_pool: Pool) -> None:
    await _ensure_index(bench, bench_pool)
    print(f"\n{bench.library.chunks} chunks, {QUESTIONS} questions, half near others; ms")
    print("\t".join(COLUMNS), flush=True)
    for reach, reader in bench.library.readers.items():
        with psycopg.connect(bench.dsns.superuser) as conn:
            asked = questions(conn, reach, QUESTIONS, seed=11)
            wanted = exact(conn, reach, asked)
        way, found = await _dense_leg(bench_pool, reader, asked)
        recalls = [len(a & b) / len(b) for a, b in zip(found, wanted, strict=True)]
        near = [r for r, q in zip(recalls, asked, strict=True) if q.near_readable]
        far = [r for r, q in zip(recalls, asked, strict=True) if not q.near_readable]
        plain, plain_recall = await _plain(bench_pool, reader, asked, wanted)
        columns = [
            f"{reach:.1%}",
            way,
            *(f"{_mean(part):.3f}" for part in (recalls, near, far)),
            *_percentiles(await _timed(bench_pool, reader, asked, _nearest)),
            *_percentiles(await _timed(bench_pool, reader, asked[:PEER_QUESTIONS], _all)),
            f"{plain_recall:.3f}",
            *_percentiles(plain),
            *_percentiles(await _timed(bench_pool, reader, asked, _hybrid)),
            *_percentiles(await _timed(bench_pool, reader, asked, _lexical)),
        ]
        print("\t".join(columns), flush=True)
        assert _mean(recalls) >= 0.99 or bench.library.chunks < 1_000_000


async def _index(pool: Pool) -> str | None:
    async with pool.connection() as conn:
        cursor = await conn.execute("SELECT govbot_vector_index(1::smallint)::text AS name")
        row = await cursor.fetchone()
    return row["name"] if row else None


async def _ensure_index(bench: Bench, pool: Pool) -> None:
    if await _index(pool) is not None:
        return
    started = time.perf_counter()
    model = vector_index.Model(1, 384, bench.library.chunks)
    # The bench is where another thoroughness is tried.
    vector_index.CONSTRUCTION = CONSTRUCTION  # type: ignore[misc]
    await vector_index.build(bench.dsns.owner, model, memory_mb=4096)
    seconds = time.perf_counter() - started
    print(f"\nindex of vectors, ef_construction {CONSTRUCTION}: {seconds:.0f} s", flush=True)


async def _dense_leg(pool: Pool, reader: Actor, asked: list[Asked]) -> tuple[str, list[set[int]]]:
    """The way that was taken, and the ten nearest chunks to each question."""
    found, way = [], ""
    for question in asked:
        async with as_actor(pool, reader) as conn:
            rows = await _nearest(conn, question)
        found.append({int(row["chunk_id"]) for row in rows})
        way = rows[0]["way"] if rows else way
    return way, found


async def _nearest(
    conn: Connection, question: Asked, exact_scan_limit: int = DEFAULTS.exact_scan_limit
) -> list[dict[str, Any]]:
    """The leg of the vectors alone."""
    values = {
        **words.parameters(question.text),
        **scope.parameters(None),
        **meaning.parameters(_query(question), exact_scan_limit),
        "candidates": DEFAULTS.candidates,
    }
    await conn.execute(LIMITS, {"timeout_ms": "60000", "as_of": str(date.today())})
    cursor = await conn.execute(BY_MEANING, values, prepare=True)
    return await cursor.fetchall()


async def _all(conn: Connection, question: Asked) -> None:
    await _nearest(conn, question, 1_000_000_000)


async def _timed(
    pool: Pool, reader: Actor, asked: list[Asked], ask: Callable[[Connection, Asked], Any]
) -> list[float]:
    """Milliseconds of each question, transaction and all, after one round that warms up."""
    times = []
    for question in [*asked[:5], *asked]:
        started = time.perf_counter()
        async with as_actor(pool, reader) as conn:
            await ask(conn, question)
        times.append((time.perf_counter() - started) * 1000)
    return times[-len(asked) :]


async def _hybrid(conn: Connection, question: Asked) -> None:
    await _search(conn, question, _query(question))


async def _lexical(conn: Connection, question: Asked) -> None:
    await _search(conn, question, None)


async def _search(conn: Connection, question: Asked, dense: DenseQuery | None) -> None:
    await search(
        conn,
        Query(question.text, (), dense, "hybrid", 0.0),
        candidates=DEFAULTS.candidates,
        exact_scan_limit=DEFAULTS.exact_scan_limit,
        limit=DEFAULTS.passages * 3,
        as_of=date.today(),
    )


async def _plain(
    pool: Pool, reader: Actor, asked: list[Asked], wanted: list[set[int]]
) -> tuple[list[float], float]:
    """The same reader's ten nearest as pgvector finds them when nothing is set."""
    found: list[set[int]] = []

    async def ask(conn: Connection, question: Asked) -> None:
        cursor = await conn.execute(PLAIN, {"vector": str(question.vector)})
        found.append({int(row["chunk_id"]) for row in await cursor.fetchall()})

    times = await _timed(pool, reader, asked, ask)
    pairs = zip(found[-len(asked) :], wanted, strict=True)
    return times, _mean([len(a & b) / len(b) for a, b in pairs])


def _query(question: Asked) -> DenseQuery:
    return DenseQuery(question.vector, FINGERPRINT, 0.1)


def _percentiles(times: list[float]) -> list[str]:
    return [str(percentile(times, 50)), str(percentile(times, 95))]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
