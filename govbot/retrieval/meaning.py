"""The leg of the vectors: what is near in meaning among what may be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SQL: Final = """
model AS MATERIALIZED (
    SELECT m.id
    FROM embedding_models m
    WHERE m.state = 'active' AND m.fingerprint = %(fingerprint)s
),
-- Up to a limit every readable vector is compared, which finds what no index finds under filters
-- (HNSW loses the nearest readable ones when nearer ones are not readable). Above it only the
-- vectors of what the words found are.
by_meaning AS MATERIALIZED (
    (
        SELECT v.chunk_id, 1 - (v.embedding <=> %(vector)s::halfvec) AS score
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
            FROM granted g
            CROSS JOIN LATERAL (
                SELECT i.embedding
                FROM chunk_vectors i
                WHERE i.model_id = (SELECT m.id FROM model m) AND i.chunk_id = g.id
                OFFSET 0
            ) o
            WHERE %(only)s::integer IS NULL
        ) v
        WHERE (SELECT s.chunks FROM scope s) <= %(exact_scan_limit)s
        ORDER BY v.embedding <=> %(vector)s::halfvec, v.chunk_id
        LIMIT %(candidates)s
    )
    UNION ALL
    SELECT m.chunk_id, 1 - (v.embedding <=> %(vector)s::halfvec)
    FROM matched m
    CROSS JOIN LATERAL (
        SELECT o.embedding
        FROM chunk_vectors o
        WHERE o.chunk_id = m.chunk_id AND o.model_id = (SELECT a.id FROM model a)
        OFFSET 0
    ) v
    WHERE (SELECT s.chunks FROM scope s) > %(exact_scan_limit)s
),
"""


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """The question as a vector; `weight` is its share in the fused score."""

    vector: Sequence[float]
    fingerprint: str
    weight: float


def parameters(dense: DenseQuery | None, exact_scan_limit: int) -> dict[str, Any]:
    """Without a vector the leg finds nothing."""
    return {
        "fingerprint": dense.fingerprint if dense else None,
        "vector": str(list(dense.vector)) if dense else None,
        "exact_scan_limit": exact_scan_limit,
    }
