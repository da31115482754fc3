"""A change of embedder: all vectors anew, the old ones serving until the switch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.documents.embedding_models import ensure_model
from govbot.errors import Unavailable
from govbot.ingest import reindex as module
from govbot.ingest.reindex import reindex
from tests.ingestion import (
    Cast,
    HashEmbedder,
    Parts,
    add_cast,
    assert_consistent,
    count,
    document_of,
    open_parts,
    take,
)
from tests.prepared import Prepared, recipe

NEW = 32


@dataclass(frozen=True)
class Shelf:
    cast: Cast


@recipe("shelf")
async def fill(dsns: Dsns, data: Path) -> Shelf:
    """Five documents of one chunk each."""
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        for n in range(5):
            await take(parts, cast.curator, cast.a, f"{n}.txt", f"Artigo {n} sobre licitações")
        await parts.work()
    return Shelf(cast)


@pytest.fixture
def shelf(prepared: Prepared) -> Shelf:
    found = prepared.scene
    assert isinstance(found, Shelf)
    return found


@pytest.fixture
def filled(parts: Parts, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """The shelf; batches of two."""
    monkeypatch.setattr(module, "BATCH", 2)
    return parts


@pytest.fixture
def changed(filled: Parts) -> Parts:
    return replace(filled, embedder=HashEmbedder("novo", NEW))


async def dimensions(parts: Parts) -> dict[str, int]:
    """The number of vectors by state of their model."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            "SELECT m.state, count(*) AS n FROM chunk_vectors v"
            " JOIN embedding_models m ON m.id = v.model_id GROUP BY m.state"
        )
        return {row["state"]: row["n"] for row in await cursor.fetchall()}


async def test_every_chunk_gets_the_new_model_s_vector_and_the_old_ones_go(
    changed: Parts,
) -> None:
    seen: list[tuple[int, int]] = []
    done = await reindex(changed, lambda *counts: seen.append(counts))
    assert (done.made, done.removed) == (5, 5)
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert await dimensions(changed) == {"active": 5}
    async with as_system(changed.pool) as conn:
        cursor = await conn.execute("SELECT vector_dims(embedding) AS d FROM chunk_vectors")
        assert {row["d"] for row in await cursor.fetchall()} == {NEW}
        await ensure_model(conn, changed.embedder)
    await assert_consistent(changed)


async def test_it_makes_the_vectors_that_ingestion_made(filled: Parts) -> None:
    query = "SELECT embedding FROM chunk_vectors ORDER BY chunk_id"
    async with as_system(filled.pool) as conn:
        before = await (await conn.execute(query)).fetchall()
    await reindex(replace(filled, embedder=HashEmbedder("novo", filled.embedder.dimension)))
    async with as_system(filled.pool) as conn:
        assert await (await conn.execute(query)).fetchall() == before


async def test_while_it_runs_the_old_vectors_serve(changed: Parts) -> None:
    before: list[dict[str, int]] = []
    embed = changed.embedder.embed_passages

    async def look(texts: list[str]) -> list[list[float]]:
        before.append(await dimensions(changed))
        return await embed(texts)

    changed.embedder.embed_passages = look  # type: ignore[method-assign,assignment]
    await reindex(changed)
    assert [counts["active"] for counts in before] == [5, 5, 5]


async def test_after_a_stop_it_goes_on_where_it_was(changed: Parts) -> None:
    embed = changed.embedder.embed_passages

    async def stop(texts: list[str]) -> list[list[float]]:
        if changed.embedder.embedded:
            raise KeyboardInterrupt
        return await embed(texts)

    changed.embedder.embed_passages = stop  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        await reindex(changed)
    assert await dimensions(changed) == {"active": 5, "building": 2}
    again = replace(changed, embedder=HashEmbedder("novo", NEW))
    assert (await reindex(again)).made == 3
    assert await dimensions(again) == {"active": 5}


async def test_with_the_active_model_there_is_nothing_to_do(filled: Parts) -> None:
    done = await reindex(filled)
    assert (done.made, done.removed) == (0, 0)
    assert await dimensions(filled) == {"active": 5}


async def test_vectors_that_are_missing_are_made(filled: Parts) -> None:
    async with as_system(filled.pool) as conn:
        await conn.execute("DELETE FROM chunk_vectors")
    assert (await reindex(filled)).made == 5
    await assert_consistent(filled)


async def test_a_document_that_goes_while_it_runs_does_no_harm(changed: Parts, cast: Cast) -> None:
    embed = changed.embedder.embed_passages

    async def lose(texts: list[str]) -> list[list[float]]:
        async with as_system(changed.pool) as conn:
            await conn.execute("SELECT govbot_unindex_document(key) FROM documents LIMIT 1")
        return await embed(texts)

    changed.embedder.embed_passages = lose  # type: ignore[method-assign,assignment]
    await reindex(changed)
    assert await dimensions(changed) == {"active": await count(changed, "chunks")}


async def test_a_document_that_comes_while_it_runs_gets_both_vectors_in_the_end(
    filled: Parts, changed: Parts, cast: Cast
) -> None:
    embed = changed.embedder.embed_passages

    async def bring(texts: list[str]) -> list[list[float]]:
        if not changed.embedder.embedded:
            await take(filled, cast.curator, cast.a, "tarde.txt", "chegou tarde")
            await filled.work()
        return await embed(texts)

    changed.embedder.embed_passages = bring  # type: ignore[method-assign,assignment]
    assert (await reindex(changed)).made == 6
    await assert_consistent(changed)


async def test_going_back_to_the_old_model_works(filled: Parts, changed: Parts) -> None:
    await reindex(changed)
    await reindex(filled)
    async with as_system(filled.pool) as conn:
        await ensure_model(conn, filled.embedder)
        with pytest.raises(Unavailable, match="govbot reindex"):
            await ensure_model(conn, changed.embedder)


async def test_ingestion_with_the_old_model_is_refused_after_the_switch(
    filled: Parts, changed: Parts, cast: Cast
) -> None:
    await reindex(changed)
    received = await take(filled, cast.curator, cast.a, "b.txt", "outro texto")
    await filled.work()
    assert (await document_of(filled, received)).version.error_code == "E-MODEL"
