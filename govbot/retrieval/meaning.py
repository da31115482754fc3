"""The leg of the vectors: what is near in meaning among what may be read.

Which way is taken follows from the number of readable chunks, counted, never guessed: the planner
does not know what policies let through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_VECTORS: Final = 4
NEAREST: Final = 200  # taken from the index, whose order is only nearly right
# Reading k of n rows through the index costs about k * NEAREST * n / readable distances and a scan
# one for each readable row: they meet at a number of rows that grows with the root of n.
BY_ROOT: Final = 50

SQL: Final = """
model AS MATERIALIZED (
    SELECT m.id, m.dimension
    FROM embedding_models m
    WHERE m.state = 'active' AND m.fingerprint = %(fingerprint)s
),
asked_vectors AS MATERIALIZED (
    SELECT q.vector, q.weight
    FROM (VALUES (%(vector_0)s::halfvec, %(vector_weight_0)s::float8),
                 (%(vector_1)s::halfvec, %(vector_weight_1)s::float8),
                 (%(vector_2)s::halfvec, %(vector_weight_2)s::float8),
                 (%(vector_3)s::halfvec, %(vector_weight_3)s::float8)) q (vector, weight)
    WHERE q.vector IS NOT NULL
),
-- Up to a limit every readable vector is compared: an index finds less and takes longer where most
-- of what it finds may not be read. Above it the index is asked, and while there is none, only the
-- vectors of what the words found are compared.
way AS MATERIALIZED (
    SELECT CASE
        WHEN n.chunks <= %(exact_scan_limit)s THEN 'all'
        WHEN x.vectors IS NULL THEN 'words'
        WHEN n.chunks <= %(by_root)s * sqrt(x.vectors) THEN 'all'
        ELSE 'index' END AS name
    FROM (
        SELECT coalesce(CASE WHEN %(only)s::integer[] IS NULL THEN (SELECT s.chunks FROM scope s)
                             ELSE (SELECT sum(t.chunks) FROM collection_stats t
                                   WHERE t.collection_key = ANY (%(only)s::integer[]))
                             END, 0) AS chunks
    ) n
    LEFT JOIN (
        SELECT greatest(c.reltuples, 0)::float8 AS vectors
        FROM model m
        JOIN pg_catalog.pg_class c ON c.oid = govbot_vector_index(m.id)
    ) x ON true
),
by_meaning AS MATERIALIZED (
    (
        SELECT v.chunk_id,
               greatest(
                   %(vector_weight_0)s::float8 * (1 - (v.embedding <=> %(vector_0)s::halfvec)),
                   %(vector_weight_1)s::float8 * (1 - (v.embedding <=> %(vector_1)s::halfvec)),
                   %(vector_weight_2)s::float8 * (1 - (v.embedding <=> %(vector_2)s::halfvec)),
                   %(vector_weight_3)s::float8 * (1 - (v.embedding <=> %(vector_3)s::halfvec))
               ) AS score
        FROM (
            SELECT o.chunk_id, o.embedding
            FROM readable r
            CROSS JOIN LATERAL (
                SELECT i.chunk_id, i.embedding
                FROM chunk_vectors i
                WHERE i.model_id = (SELECT m.id FROM model m) AND i.collection_key = r.key
                  AND i.document_key NOT IN (SELECT w.key FROM withheld w)
                OFFSET 0
            ) o
            UNION ALL
            SELECT g.id, o.embedding
            FROM placed g
            CROSS JOIN LATERAL (
                SELECT i.embedding
                FROM chunk_vectors i
                WHERE i.model_id = (SELECT m.id FROM model m) AND i.chunk_id = g.id
                OFFSET 0
            ) o
        ) v
        WHERE (SELECT w.name FROM way w) = 'all'
        ORDER BY 2 DESC, 1
        LIMIT %(candidates)s
    )
    UNION ALL
    -- Within a choice the index looks in whole collections only.
    (
        SELECT g.id, (SELECT max(q.weight * (1 - (o.embedding <=> q.vector)))
                      FROM asked_vectors q)
        FROM placed g
        CROSS JOIN LATERAL (
            SELECT i.embedding
            FROM chunk_vectors i
            WHERE i.model_id = (SELECT m.id FROM model m) AND i.chunk_id = g.id
            OFFSET 0
        ) o
        WHERE (SELECT w.name FROM way w) = 'index' AND %(only)s::integer[] IS NOT NULL
        ORDER BY 2 DESC, 1
        LIMIT %(candidates)s
    )
    UNION ALL
    (
        SELECT n.chunk_id, max(q.weight * (1 - n.distance))
        FROM asked_vectors q
        CROSS JOIN model m
        CROSS JOIN LATERAL govbot_nearest(
            m.id, m.dimension, q.vector, %(only)s::integer[], %(nearest)s
        ) n
        WHERE (SELECT w.name FROM way w) = 'index'
        GROUP BY n.chunk_id
        ORDER BY 2 DESC, 1
        LIMIT %(candidates)s
    )
    UNION ALL
    SELECT m.chunk_id, (SELECT max(q.weight * (1 - (v.embedding <=> q.vector)))
                        FROM asked_vectors q)
    FROM matched m
    CROSS JOIN LATERAL (
        SELECT o.embedding
        FROM chunk_vectors o
        WHERE o.chunk_id = m.chunk_id AND o.model_id = (SELECT a.id FROM model a)
        OFFSET 0
    ) v
    WHERE (SELECT w.name FROM way w) = 'words'
),
"""

# How pgvector goes through its index, for the transaction: a list of columns for a SELECT.
LIMITS: Final = """
set_config('hnsw.iterative_scan', 'relaxed_order', true),
set_config('hnsw.ef_search', '400', true),
set_config('hnsw.max_scan_tuples', '100000', true),
set_config('hnsw.scan_mem_multiplier', '4', true)
"""


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """The question as vectors; `weight` is their share in the fused score.

    The score of a chunk is the highest of its cosines with the vectors, each times its weight: the
    first is that of the question itself, and others (variants) follow with theirs. Only the first
    four count.
    """

    vector: Sequence[float]
    fingerprint: str
    weight: float
    variants: Sequence[tuple[Sequence[float], float]] = ()


def parameters(dense: DenseQuery | None, exact_scan_limit: int) -> dict[str, Any]:
    """Without a vector the leg finds nothing."""
    vectors = [(dense.vector, 1.0), *dense.variants] if dense else []
    values: dict[str, Any] = {
        "fingerprint": dense.fingerprint if dense else None,
        "exact_scan_limit": exact_scan_limit,
        "by_root": BY_ROOT,
        "nearest": NEAREST,
    }
    for number in range(MAX_VECTORS):
        vector, weight = vectors[number] if number < len(vectors) else (None, None)
        values[f"vector_{number}"] = None if vector is None else str(list(vector))
        values[f"vector_weight_{number}"] = weight
    return values
