"""The leg of the vectors: each way finds the same, for each reader their own; the index's life."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pytest

from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection, Pool
from govbot.ingest import vector_index
from govbot.retrieval import meaning, scope, words
from govbot.retrieval.hybrid import LIMITS
from govbot.retrieval.meaning import DenseQuery
from govbot.retrieval.scope import Scope
from tests.database.library import FINGERPRINT, Library
from tests.ingestion import inconsistencies

EVERYTHING = 1_000_000
FOUND = (
    "WITH "
    + words.ASKED
    + scope.SQL
    + words.SQL
    + meaning.SQL
    + """
nearest AS (SELECT b.chunk_id, b.score FROM by_meaning b ORDER BY b.score DESC, b.chunk_id LIMIT 10)
SELECT d.filename, n.score
FROM nearest n JOIN chunks c ON c.id = n.chunk_id JOIN documents d ON d.key = c.document_key
ORDER BY n.score DESC, n.chunk_id
"""
)


@dataclass(frozen=True, slots=True)
class Rule:
    """From how many vectors on there is an index."""

    index_from: int = 1
    index_memory_mb: int = 64


@pytest.fixture(autouse=True)
def few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "BY_ROOT", 0)


def vector(degrees: float) -> tuple[float, float, float]:
    return (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.1)


async def scores(
    pool: Pool,
    actor: Actor,
    *,
    limit: int,
    only: int | Scope | None = None,
    variants: Sequence[tuple[Sequence[float], float]] = (),
) -> dict[str, float]:
    """The cosines found for what lies at 0 degrees, by file, highest first."""
    query = DenseQuery(vector(0), FINGERPRINT, 1.0, variants)
    rows = await run(pool, actor, FOUND, query, limit, only)
    return {row["filename"]: round(row["score"], 4) for row in rows}


async def run(
    pool: Pool,
    actor: Actor,
    statement: str,
    query: DenseQuery,
    limit: int,
    only: int | Scope | None = None,
) -> list[dict[str, Any]]:
    values = {
        **words.parameters("nada"),
        **scope.parameters(only if isinstance(only, Scope) else scope.within(only)),
        **meaning.parameters(query, limit),
        "candidates": 10,
    }
    async with as_actor(pool, actor) as conn:
        await conn.execute(LIMITS, {"timeout_ms": "9999", "as_of": str(date.today())})
        return await (await conn.execute(statement, values)).fetchall()


async def ways_run(pool: Pool, actor: Actor, limit: int) -> set[str]:
    """Which parts of the statement were executed, from the plan of one that ran."""
    query = DenseQuery(vector(0), FINGERPRINT, 1.0)
    [row] = await run(pool, actor, "EXPLAIN (ANALYZE, FORMAT JSON) " + FOUND, query, limit)
    nodes = [n for n in _nodes(row["QUERY PLAN"][0]["Plan"]) if n["Actual Loops"] > 0]
    return {
        "index" if n.get("Function Name") == "govbot_nearest" else n["Alias"].partition("_")[0]
        for n in nodes
        if n.get("Function Name") == "govbot_nearest" or n.get("Relation Name") == "chunk_vectors"
    }


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def index_of(pool: Pool) -> vector_index.Standing | None:
    async with as_system(pool) as conn:
        return await vector_index.standing(conn)


async def test_the_index_finds_for_each_reader_what_comparing_all_finds(
    pool: Pool, dsns: Dsns
) -> None:
    library = Library(pool)
    await library.model()
    for number in range(90):  # the nearest are not readable
        name = ("Secreta", "Outra", "Aberta")[number // 30]
        await library.document(name, f"{number}.txt", "texto", vectors=[vector(number)])
    # What lies nearest, withheld in each of the ways there are.
    single = await library.document("Secreta", "avulso.txt", "texto", vectors=[vector(0.5)])
    denied = await library.document("Aberta", "negado.txt", "texto", vectors=[vector(0.2)])
    secret = await library.document("Aberta", "sigiloso.txt", "texto", vectors=[vector(0.3)])
    ended = await library.document("Aberta", "revogado.txt", "texto", vectors=[vector(0.4)])
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE documents SET secrecy = 2 WHERE key = %(key)s", {"key": secret.key}
        )
        await conn.execute(
            "UPDATE documents SET revoked_on = '2020-01-01' WHERE key = %(key)s",
            {"key": ended.key},
        )
    reader = await library.person("leitora", "Aberta")
    await library.grant(reader, document_key=single.key)
    await library.grant(reader, document_key=denied.key, effect="deny")
    both = await library.person("ambas", "Aberta", "Outra")
    stranger = await library.person("estranho")
    before = await scores(pool, reader, limit=0)
    assert before == {}  # no index yet, and the words find nothing

    assert await vector_index.look(pool, dsns.owner, Rule())
    for actor, only in (
        (reader, None),
        (both, None),
        (both, library.keys["Outra"]),
        (stranger, None),
        (OPERATOR, None),
        # One document beside a whole collection, of those that may be read.
        (reader, Scope((library.keys["Aberta"],), (single.key,))),
        (reader, Scope((library.keys["Aberta"],), (denied.key,))),
    ):
        by_index = await scores(pool, actor, limit=0, only=only)
        assert by_index == await scores(pool, actor, limit=EVERYTHING, only=only)
        assert (len(by_index) == 10) is (actor is not stranger)
    found = await scores(pool, reader, limit=0)
    assert list(found)[:2] == ["avulso.txt", "60.txt"]
    assert not {"negado.txt", "sigiloso.txt", "revogado.txt", "0.txt", "30.txt"} & set(found)

    # One way runs, and the others do not even begin.
    assert await ways_run(pool, both, 0) == {"index"}
    assert await ways_run(pool, both, EVERYTHING) == {"i"}

    variants = [(vector(70), 0.5), (vector(40), 0.9)]
    by_index = await scores(pool, both, limit=0, variants=variants)
    assert by_index == await scores(pool, both, limit=EVERYTHING, variants=variants)
    assert by_index["40.txt"] == pytest.approx(0.9, abs=1e-3)


async def test_vectors_stored_while_a_document_becomes_secret_are_secret(pool: Pool) -> None:
    library = Library(pool)
    await library.model()
    made = await library.document("Normas", "a.txt", "texto", vectors=[vector(0)])
    reader = await library.person("leitora", "Normas")

    async def classify(degree: int) -> None:
        async with as_system(pool) as conn:
            await conn.execute(
                "UPDATE documents SET secrecy = %(degree)s WHERE key = %(key)s",
                {"degree": degree, "key": made.key},
            )

    async def store(conn: Connection) -> None:
        await conn.execute(
            """
            INSERT INTO chunk_vectors (model_id, chunk_id, collection_key, document_key, embedding)
            SELECT m.id, c.id, c.collection_key, c.document_key, '[1,0,0]'
            FROM chunks c, embedding_models m
            """
        )

    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM chunk_vectors")
    async with as_system(pool) as conn:
        await store(conn)
        waiting = asyncio.create_task(classify(2))
        await asyncio.sleep(0.2)
        assert not waiting.done()  # it takes the new row with it
    await waiting
    assert await scores(pool, reader, limit=EVERYTHING) == {}
    async with as_system(pool) as conn:  # and what comes later is secret from the start
        await conn.execute("DELETE FROM chunk_vectors")
        await store(conn)
        assert "secrecy beside what is searched" not in await inconsistencies(conn)
    async with as_actor(pool, reader) as conn:
        for table in ("chunks", "postings", "chunk_vectors"):
            cursor = await conn.execute(f"SELECT FROM {table}".encode())
            assert await cursor.fetchall() == [], table
    await classify(0)
    assert await scores(pool, reader, limit=EVERYTHING) != {}


async def test_the_index_is_made_again_after_a_crash_and_goes_with_its_model(
    pool: Pool, dsns: Dsns
) -> None:
    library = Library(pool)
    await library.model()
    for number in range(3):
        await library.document("Normas", f"{number}.txt", "texto", vectors=[vector(number)])
    assert not await vector_index.look(pool, dsns.owner, Rule(index_from=4))
    assert await index_of(pool) is None
    assert await vector_index.look(pool, dsns.owner, Rule(index_from=3))
    assert not await vector_index.look(pool, dsns.owner, Rule(index_from=3))
    standing = await index_of(pool)
    assert standing is not None
    assert standing.complete

    reader = await library.person("leitora", "Normas")
    with psycopg.connect(dsns.superuser, autocommit=True) as conn:
        conn.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'chunk_vectors_nearest_1'::regclass"
        )
    standing = await index_of(pool)
    assert standing is not None
    assert not standing.complete
    assert await scores(pool, reader, limit=0) == {}
    with psycopg.connect(dsns.owner, autocommit=True) as other:  # another node is at it
        other.execute("SELECT pg_advisory_lock(7167, 0)")
        assert not await vector_index.look(pool, dsns.owner, Rule())
    assert await vector_index.look(pool, dsns.owner, Rule())
    assert len(await scores(pool, reader, limit=0)) == 3

    await library.model(state="retired")
    assert not await vector_index.look(pool, dsns.owner, Rule())
    with psycopg.connect(dsns.superuser) as conn:
        row = conn.execute("SELECT to_regclass('chunk_vectors_nearest_1')").fetchone()
    assert row == (None,)
