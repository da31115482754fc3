"""New vectors for everything after a change of embedder, while the old ones go on serving.

It can be stopped and started again at any time: what is stored is not computed twice. The change
of model happens in one transaction, when no chunk is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pgvector import HalfVector

from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.documents import embedding_models
from govbot.documents.content import insert_vectors
from govbot.documents.locks import lock_active_model
from govbot.ingest.measure import Measure
from govbot.ingest.vectors import Passage, measure_of, vectors_of
from govbot.models.embedder import Embedder

logger = logging.getLogger(__name__)

Approve = Callable[[Connection], Awaitable[None]]

BATCH = 256
LAST_BATCH = 32  # made inside a transaction, which the server ends when it idles for too long
DELETE_BATCH = 20_000


class App(Protocol):
    """The parts that a reindex needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def embedder(self) -> Embedder | None: ...


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How many vectors were made now, and how many old ones were removed."""

    made: int
    removed: int


async def reindex(
    app: App,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    approve: Approve | None = None,
) -> Reindexed:
    """Makes the vectors of the configured model and switches to it; nothing to do is fine too.

    `on_progress(done, total)` counts chunks. `approve` is asked in the transaction of the switch,
    where the new model is the active one: what it raises takes the switch back, and the vectors
    wait for another try. Raises Unavailable when the model cannot be loaded. Without an embedder
    the vectors go, and words search alone.
    """
    embedder = app.embedder
    if embedder is None:
        return await _without_vectors(app.pool, approve)
    async with as_system(app.pool) as conn:
        model_id = await embedding_models.start_building(conn, embedder)
    measure = await measure_of(embedder)
    made = 0
    while batch := await _make(app.pool, embedder, model_id, measure):
        made += batch
        if on_progress is not None:
            on_progress(*await _counts(app.pool, model_id))
    # Documents may come in between the last look and the switch: the rest is made under the lock.
    async with as_system(app.pool) as conn:
        await lock_active_model(conn)
        while rows := await _missing(conn, model_id, LAST_BATCH):
            await _store(conn, model_id, rows, await _embed(embedder, measure, rows))
            made += len(rows)
        await embedding_models.activate(conn, model_id)
        if approve is not None:
            await approve(conn)
    logger.info("Embedding model switched", extra={"action": "reindex.done", "vectors": made})
    return Reindexed(made, await _remove_retired(app.pool))


async def _without_vectors(pool: Pool, approve: Approve | None) -> Reindexed:
    async with as_system(pool) as conn:
        await lock_active_model(conn)
        await embedding_models.retire_all(conn)
        if approve is not None:
            await approve(conn)
    logger.info("No embedding model is used any more", extra={"action": "reindex.done"})
    return Reindexed(0, await _remove_retired(pool))


async def _make(pool: Pool, embedder: Embedder, model_id: int, measure: Measure) -> int:
    """One batch; no transaction is open while the model works."""
    async with as_system(pool) as conn:
        rows = await _missing(conn, model_id, BATCH)
    if not rows:
        return 0
    vectors = await _embed(embedder, measure, rows)
    async with as_system(pool) as conn:
        alive = await _alive(conn, [row["id"] for row in rows])
        kept = [(row, v) for row, v in zip(rows, vectors, strict=True) if row["id"] in alive]
        await _store(conn, model_id, [row for row, _ in kept], [v for _, v in kept])
    return len(rows)


async def _missing(conn: Connection, model_id: int, limit: int) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        """
        SELECT c.id, c.collection_key, c.document_key, d.title, c.heading, c.text
        FROM chunks c
        JOIN documents d ON d.key = c.document_key
        WHERE NOT EXISTS (SELECT FROM chunk_vectors v
                          WHERE v.model_id = %(model_id)s AND v.chunk_id = c.id)
        ORDER BY c.id
        LIMIT %(limit)s
        """,
        {"model_id": model_id, "limit": limit},
    )
    return await cursor.fetchall()


async def _alive(conn: Connection, ids: list[int]) -> set[int]:
    """Of these chunks, those that still exist, held until the end of the transaction."""
    cursor = await conn.execute(
        "SELECT id FROM chunks WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE", {"ids": ids}
    )
    return {int(row["id"]) for row in await cursor.fetchall()}


async def _embed(
    embedder: Embedder, measure: Measure, rows: list[dict[str, Any]]
) -> list[HalfVector]:
    passages = [Passage(row["title"], row["heading"], row["text"]) for row in rows]
    return await vectors_of(embedder, measure, passages)


async def _store(
    conn: Connection, model_id: int, rows: list[dict[str, Any]], vectors: list[HalfVector]
) -> None:
    places = [(row["id"], row["collection_key"], row["document_key"]) for row in rows]
    await insert_vectors(conn, model_id, places, vectors)


async def _counts(pool: Pool, model_id: int) -> tuple[int, int]:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT (SELECT count(*) FROM chunk_vectors WHERE model_id = %(model_id)s) AS done,
                   (SELECT count(*) FROM chunks) AS total
            """,
            {"model_id": model_id},
        )
        row = await cursor.fetchone()
    return (int(row["done"]), int(row["total"])) if row else (0, 0)


async def _remove_retired(pool: Pool) -> int:
    """Old vectors go in small transactions, so that nobody waits for it."""
    removed = 0
    while True:
        async with as_system(pool) as conn:
            cursor = await conn.execute(
                """
                DELETE FROM chunk_vectors
                WHERE ctid = ANY(ARRAY(
                    SELECT v.ctid FROM chunk_vectors v
                    JOIN embedding_models m ON m.id = v.model_id
                    WHERE m.state = 'retired'
                    LIMIT %(limit)s))
                """,
                {"limit": DELETE_BATCH},
            )
            count = cursor.rowcount
        removed += count
        if count == 0:
            return removed
