"""The index of the active model's vectors: made in the background when there are many of them.

Only the owner of the tables can make it, in a connection of its own that holds no transaction:
searching and storing go on meanwhile. What a crash leaves half made is found and made again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql

from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Unavailable

logger = logging.getLogger(__name__)

LOOK_S: Final = 300
# Measured in tests/bench/README.md: with fewer, whole clusters of a large library are islands of
# the graph that no search enters, however long it is.
LINKS: Final = 24
CONSTRUCTION: Final = 256
_LOCK: Final = 7167


class Settings(Protocol):
    """The settings that are read here."""

    @property
    def index_from(self) -> int: ...
    @property
    def index_memory_mb(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose vectors get an index; `vectors` is their number."""

    id: int
    dimension: int
    vectors: int


async def look(pool: Pool, owner_dsn: str, settings: Settings) -> bool:
    """Makes the index of the active model when it has enough vectors, and drops others.

    True when an index was made, which takes minutes: about half a second for a thousand vectors on
    two cores. Several nodes may call it; one does the work. Raises Unavailable when the
    owner of the tables cannot connect, or may not.
    """
    model, unneeded = await _due(pool, settings.index_from)
    if model is None and not unneeded:
        return False
    try:
        async with _alone(owner_dsn) as conn:
            if conn is None:
                return False
            for name in unneeded:
                await _drop(conn, name)
            if model is not None:
                await _build(conn, model, settings.index_memory_mb)
    except psycopg.Error as error:
        raise Unavailable(
            "The index of vectors could not be made: %(reason)s.",
            code="E-VECTOR-INDEX",
            reason=str(error.diag.message_primary or error).strip().rstrip("."),
        ) from error
    return model is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """The index of the active model; while it is made, `phase` and `share` (0 to 1) of that."""

    complete: bool
    megabytes: int
    phase: str
    share: float | None


async def standing(conn: Connection) -> Standing | None:
    """What there is of the index of the active model."""
    cursor = await conn.execute(
        """
        SELECT x.complete, x.bytes, x.phase, x.share
        FROM govbot_vector_indexes() x
        JOIN embedding_models m ON m.id = x.model_id AND m.state = 'active'
        """
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    share = None if row["phase"] is None else float(row["share"] or 0)
    return Standing(row["complete"], row["bytes"] // 2**20, row["phase"] or "", share)


async def build(owner_dsn: str, model: Model, *, memory_mb: int) -> None:
    """Makes the index of a model in place of what there is of it."""
    async with _alone(owner_dsn) as conn:
        if conn is not None:
            await _build(conn, model, memory_mb)


async def _due(pool: Pool, index_from: int) -> tuple[Model | None, list[str]]:
    """The model that lacks an index, and the names of indexes that nobody needs or that broke."""
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT m.id, m.dimension,
                   (SELECT count(*) FROM chunk_vectors v WHERE v.model_id = m.id) AS vectors
            FROM embedding_models m
            WHERE m.state = 'active'
              AND EXISTS (SELECT FROM chunk_vectors v WHERE v.model_id = m.id
                          OFFSET greatest(%(index_from)s - 1, 0) LIMIT 1)
              AND govbot_vector_index(m.id) IS NULL
            """,
            {"index_from": index_from},
        )
        row = await cursor.fetchone()
        cursor = await conn.execute(
            """
            SELECT x.name
            FROM govbot_vector_indexes() x
            LEFT JOIN embedding_models m ON m.id = x.model_id AND m.state = 'active'
            WHERE m.id IS NULL OR NOT x.complete
            """
        )
        unneeded = [str(each["name"]) for each in await cursor.fetchall()]
    model = Model(int(row["id"]), int(row["dimension"]), int(row["vectors"])) if row else None
    return model, unneeded


@asynccontextmanager
async def _alone(owner_dsn: str) -> AsyncIterator[psycopg.AsyncConnection[Any] | None]:
    """A connection of the owner's that alone makes indexes; None while another one does.

    The lock ends with the connection: what is incomplete while we hold it, nobody is making.
    """
    conn = await psycopg.AsyncConnection.connect(
        owner_dsn, autocommit=True, connect_timeout=10, application_name="govbot-vector-index"
    )
    async with conn:
        await conn.execute("SET search_path TO public")
        await conn.execute("SET statement_timeout TO 0")
        cursor = await conn.execute("SELECT pg_try_advisory_lock(%(kind)s, 0)", {"kind": _LOCK})
        row = await cursor.fetchone()
        yield conn if row and row[0] else None


async def _build(conn: psycopg.AsyncConnection[Any], model: Model, memory_mb: int) -> None:
    name = f"chunk_vectors_nearest_{model.id}"
    await _drop(conn, name)
    logger.info(
        "The index of vectors is being made",
        extra={"action": "vector-index.started", "model": model.id, "vectors": model.vectors},
    )
    memory = await _memory(conn, model, memory_mb)
    await conn.execute(sql.SQL("SET maintenance_work_mem TO {}").format(sql.Literal(f"{memory}MB")))
    await conn.execute(
        sql.SQL(
            "CREATE INDEX CONCURRENTLY {name} ON chunk_vectors"
            " USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)"
            " WITH (m = {links}, ef_construction = {construction}) WHERE model_id = {model}"
        ).format(
            name=sql.Identifier(name),
            dimension=sql.Literal(model.dimension),
            links=sql.Literal(LINKS),
            construction=sql.Literal(CONSTRUCTION),
            model=sql.Literal(model.id),
        )
    )
    logger.info(
        "The index of vectors is made",
        extra={"action": "vector-index.done", "model": model.id, "vectors": model.vectors},
    )


async def _memory(conn: psycopg.AsyncConnection[Any], model: Model, at_most: int) -> int:
    """Megabytes: a graph that does not fit is built several times more slowly.

    A vector with 2 bytes a dimension, its links on the lowest level and some more, each with a
    distance, and what holds them together; a fifth in reserve.
    """
    bytes_each = 2 * model.dimension + 2 * LINKS * 16 + 512
    wanted = round(1.2 * bytes_each * model.vectors / 2**20) + 64
    cursor = await conn.execute(
        "SELECT setting::int / 1024 FROM pg_settings WHERE name = 'maintenance_work_mem'"
    )
    row = await cursor.fetchone()
    return max(min(wanted, at_most), int(row[0]) if row else 64)


async def _drop(conn: psycopg.AsyncConnection[Any], name: str) -> None:
    await conn.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
