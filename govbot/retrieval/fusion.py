"""Both legs put together, and the rows that come of it."""

from __future__ import annotations

from typing import Any, Final

SQL: Final = """
fused AS (
    SELECT coalesce(w.chunk_id, v.chunk_id) AS chunk_id,
           (1 - %(weight)s) * coalesce(w.share, 0) + %(weight)s * coalesce(v.share, 0) AS score,
           coalesce(w.score, 0) AS lexical,
           coalesce(v.score, 0) AS dense
    FROM (
        SELECT b.chunk_id, b.score,
               coalesce((b.score - min(b.score) OVER ())
                        / nullif(max(b.score) OVER () - min(b.score) OVER (), 0), 1) AS share
        FROM by_words b
        WHERE %(weight)s < 1
    ) w
    FULL JOIN (
        SELECT b.chunk_id, b.score,
               coalesce((b.score - min(b.score) OVER ())
                        / nullif(max(b.score) OVER () - min(b.score) OVER (), 0), 1) AS share
        FROM by_meaning b
    ) v ON v.chunk_id = w.chunk_id
    ORDER BY 2 DESC, 1
    LIMIT %(limit)s
)
SELECT f.chunk_id, d.id AS document_id, d.key AS document_key, c.version_id,
       coalesce(k.name, '') AS collection, d.filename, d.title, v.number AS version,
       c.page_from, c.page_to, c.ord, c.heading, c.text,
       c.start_offset AS start, c.end_offset AS end, d.valid_from, d.valid_to, d.revoked_on,
       f.score, f.lexical, f.dense,
       coalesce((SELECT sum(t.idf) FILTER (WHERE t.lexeme = ANY (tsvector_to_array(c.tsv)))
                        / nullif(sum(t.idf), 0)
                 FROM terms t), 0) AS coverage
FROM fused f
JOIN chunks c ON c.id = f.chunk_id
JOIN documents d ON d.key = c.document_key
JOIN document_versions v ON v.id = c.version_id
LEFT JOIN collections k ON k.key = c.collection_key
ORDER BY f.score DESC, f.chunk_id
"""


def parameters(weight: float, limit: int) -> dict[str, Any]:
    """`weight` is the share of the vectors in the score, `limit` the number of rows."""
    return {"weight": weight, "limit": limit}
