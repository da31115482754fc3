"""The one statement of the search: BM25 and vectors, fused, under row-level security.

Every table it names has a policy, so it sees, counts and weighs only what the actor may read.
What is not in force on the day asked about is left out for everybody, the operator too. It still
counts in the statistics, as readers may read it and each day would need counts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row

from govbot.errors import Unavailable
from govbot.retrieval import lexical

TIMEOUT_MS = 15_000
FEW = 1000  # passages that are looked up one by one rather than through an index of stems

# Compiling a plan costs more than the whole search takes.
LIMITS = """
SELECT set_config('statement_timeout', %(timeout_ms)s, true), set_config('jit', 'off', true),
       set_config('govbot.as_of', %(as_of)s, true)
"""

SEARCH = """
WITH question AS MATERIALIZED (
    SELECT t.lexeme, p.position
    FROM unnest(govbot_tsv(%(question)s)) t, unnest(t.positions) p (position)
    WHERE t.lexeme <> ALL (%(asking_stems)s::text[])
    ORDER BY p.position, t.lexeme
    LIMIT %(max_positions)s
),
asked AS MATERIALIZED (
    SELECT q.lexeme, min(q.position) AS position
    FROM question q
    GROUP BY q.lexeme
    ORDER BY 2, 1
    LIMIT %(max_stems)s
),
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
    FROM govbot_refused_statistics(ARRAY(SELECT a.lexeme FROM asked a)) x
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
    SELECT w.key FROM govbot_withheld_documents() w (key)
),
-- Naming the collections lets the indexes skip what is not readable; the policies still decide.
readable AS MATERIALIZED (
    SELECT k.key FROM collections k
    WHERE %(only)s::integer IS NULL OR k.key = %(only)s::integer
),
-- A few passages are looked up one by one; for many, going through their collections is faster.
few AS MATERIALIZED (
    SELECT p.lexeme, g.id AS chunk_id, p.tf, p.length
    FROM granted g
    CROSS JOIN LATERAL (
        SELECT o.lexeme, o.tf, o.length FROM postings o WHERE o.chunk_id = g.id OFFSET 0
    ) p
    WHERE (SELECT count(*) FROM granted) <= %(few)s
      AND p.lexeme IN (SELECT a.lexeme FROM asked a)
),
many AS MATERIALIZED (
    SELECT DISTINCT g.collection_key AS key
    FROM granted g
    WHERE (SELECT count(*) FROM granted) > %(few)s
),
counted AS MATERIALIZED (
    SELECT a.lexeme,
           ((SELECT coalesce(sum(t.chunks), 0) FROM term_stats t WHERE t.lexeme = a.lexeme)
            + (SELECT count(*) FROM few f WHERE f.lexeme = a.lexeme)
            + (SELECT count(*)
               FROM many m
               CROSS JOIN LATERAL (
                   SELECT FROM postings o
                   WHERE o.lexeme = a.lexeme AND o.collection_key = m.key
                   OFFSET 0
               ) p)
            - (SELECT coalesce(sum(x.chunks), 0) FROM refused x WHERE x.lexeme = a.lexeme)
           )::float8 AS chunks
    FROM asked a
),
terms AS MATERIALIZED (
    SELECT n.lexeme,
           ln(1 + (greatest(s.chunks - n.chunks, 0) + 0.5) / (n.chunks + 0.5)) AS idf
    FROM (
        -- A stem that stands nowhere weighs like the rarest that stands somewhere: in a small
        -- collection it would outweigh all the others together.
        SELECT c.lexeme, greatest(c.chunks, 1) AS chunks FROM counted c
    ) n
    CROSS JOIN scope s
    WHERE s.chunks > 0
),
matched AS MATERIALIZED (
    SELECT p.chunk_id,
           sum(p.idf * p.tf * (%(k1)s + 1)
               / (p.tf + %(k1)s * (1 - %(b)s + %(b)s * p.length / s.mean_length))) AS bm25
    FROM scope s
    CROSS JOIN (
        SELECT t.idf, o.chunk_id, o.tf, o.length
        FROM terms t
        CROSS JOIN (
            SELECT r.key FROM readable r
            UNION ALL
            SELECT m.key FROM many m WHERE %(only)s::integer IS NULL
        ) r
        -- OFFSET 0 keeps the index in use before the tables have statistics.
        CROSS JOIN LATERAL (
            SELECT i.chunk_id, i.tf, i.length
            FROM postings i
            WHERE i.lexeme = t.lexeme AND i.collection_key = r.key
              AND i.document_key NOT IN (SELECT w.key FROM withheld w)
            OFFSET 0
        ) o
        UNION ALL
        SELECT t.idf, f.chunk_id, f.tf, f.length
        FROM terms t
        JOIN few f ON f.lexeme = t.lexeme
        WHERE %(only)s::integer IS NULL
    ) p
    GROUP BY p.chunk_id
    ORDER BY 2 DESC, 1
    LIMIT %(candidates)s
),
pairs AS MATERIALIZED (
    SELECT DISTINCT tsquery_phrase(
        quote_literal(n.lexeme)::tsquery, quote_literal(n.next_lexeme)::tsquery, n.distance
    ) AS phrase
    FROM (
        SELECT q.lexeme,
               lead(q.lexeme) OVER (ORDER BY q.position) AS next_lexeme,
               lead(q.position) OVER (ORDER BY q.position) - q.position AS distance
        FROM question q
        JOIN asked a ON a.lexeme = q.lexeme
    ) n
    WHERE n.next_lexeme IS NOT NULL
),
by_words AS MATERIALIZED (
    SELECT m.chunk_id, m.bm25 + %(pair_bonus)s * m.pairs AS score
    FROM (
        SELECT r.chunk_id, r.bm25, (
            SELECT count(*)
            FROM chunks c
            JOIN pairs x ON c.tsv @@ x.phrase
            WHERE c.id = r.chunk_id AND r.rank <= %(pair_depth)s
        ) AS pairs
        FROM (
            SELECT m.chunk_id, m.bm25, row_number() OVER (ORDER BY m.bm25 DESC, m.chunk_id) AS rank
            FROM matched m
        ) r
    ) m
),
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


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """The question as a vector; `weight` is its share in the fused score."""

    vector: Sequence[float]
    fingerprint: str
    weight: float


async def search(
    conn: AsyncConnection[Any],
    question: str,
    *,
    dense: DenseQuery | None,
    candidates: int,
    exact_scan_limit: int,
    limit: int,
    as_of: date,
    only: int | None = None,
) -> list[Mapping[str, Any]]:
    """The best `limit` chunks in force on the day `as_of` as rows; without `dense`, by words alone.

    `only` is the key of the one collection to look in; words weigh as in a search of all.

    `conn` is inside `as_actor`. Raises Unavailable after 15 seconds.
    """
    parameters = {
        "question": lexical.bounded(question),
        "asking_stems": list(lexical.ASKING_STEMS),
        "max_positions": lexical.MAX_POSITIONS,
        "max_stems": lexical.MAX_STEMS,
        "k1": lexical.K1,
        "b": lexical.B,
        "pair_bonus": lexical.PAIR_BONUS,
        "pair_depth": lexical.PAIR_DEPTH,
        "fingerprint": dense.fingerprint if dense else None,
        "vector": str(list(dense.vector)) if dense else None,
        "weight": dense.weight if dense else 0.0,
        "candidates": candidates,
        "exact_scan_limit": exact_scan_limit,
        "few": FEW,
        "limit": limit,
        "only": only,
    }
    limits = {"timeout_ms": str(TIMEOUT_MS), "as_of": as_of.isoformat()}
    try:
        async with conn.pipeline(), conn.cursor(row_factory=dict_row) as cursor:
            await conn.execute(LIMITS, limits)
            await cursor.execute(SEARCH, parameters)
            return list(await cursor.fetchall())
    except QueryCanceled as error:
        raise Unavailable("The search took too long: try again later.") from error


async def require_model(conn: AsyncConnection[Any], fingerprint: str) -> None:
    """Raises Unavailable when the vectors in use are not of the model with this fingerprint."""
    cursor = await conn.execute(
        """
        SELECT FROM embedding_models m
        WHERE m.state = 'active' AND m.fingerprint = %(fingerprint)s
        """,
        {"fingerprint": fingerprint},
    )
    if await cursor.fetchone() is None:
        raise Unavailable(
            "The documents have no vectors of the configured embedding model: run `govbot reindex`."
        )
