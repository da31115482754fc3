"""What a search looks through: the part of the statement that says what the actor may read.

The policies decide; naming the collections here lets the indexes skip what they would refuse.
"""

from __future__ import annotations

from typing import Any, Final

SQL: Final = """
-- Passages of documents that a grant of their own opens, beside the collections.
granted AS MATERIALIZED (
    SELECT c.id, c.collection_key, c.length
    FROM govbot_documents_from(1) d (key)
    CROSS JOIN LATERAL (
        SELECT o.id, o.collection_key, o.length FROM chunks o WHERE o.document_key = d.key OFFSET 0
    ) c
),
-- The totals of collections hold what is refused to the actor one by one.
refused AS MATERIALIZED (
    SELECT x.lexeme, x.chunks, x.length
    FROM govbot_refused_statistics(ARRAY[]::text[]) x
    WHERE EXISTS (SELECT FROM govbot_documents_below(1))
),
scope AS MATERIALIZED (
    SELECT k.chunks::float8 AS chunks, k.length::float8 / nullif(k.chunks, 0) AS mean_length
    FROM (
        SELECT sum(n.chunks) AS chunks, sum(n.length) AS length
        FROM (
            SELECT s.chunks, s.length FROM collection_stats s
            UNION ALL
            SELECT 1, g.length FROM granted g
            UNION ALL
            SELECT -x.chunks, -x.length FROM refused x WHERE x.lexeme IS NULL
        ) n
    ) k
),
withheld AS MATERIALIZED (
    SELECT w.key FROM govbot_unsearched_documents() w (key)
),
-- Naming the collections lets the indexes skip what is not readable; the policies still decide.
readable AS MATERIALIZED (
    SELECT k.key FROM collections k
    WHERE %(only)s::integer IS NULL OR k.key = %(only)s::integer
),
"""


def parameters(only: int | None) -> dict[str, Any]:
    """`only` is the key of the one collection to look in."""
    return {"only": only}
