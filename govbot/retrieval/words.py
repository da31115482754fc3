"""The leg of the words: BM25 over Portuguese stems, and a bonus for words that stand together."""

from __future__ import annotations

from typing import Any, Final

from govbot.retrieval import lexical

ASKED: Final = """
question AS MATERIALIZED (
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
"""

SQL: Final = """
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
"""


def parameters(question: str) -> dict[str, Any]:
    """What the statement needs of the question and of lexical.py."""
    return {
        "question": lexical.bounded(question),
        "asking_stems": list(lexical.ASKING_STEMS),
        "max_positions": lexical.MAX_POSITIONS,
        "max_stems": lexical.MAX_STEMS,
        "k1": lexical.K1,
        "b": lexical.B,
        "pair_bonus": lexical.PAIR_BONUS,
        "pair_depth": lexical.PAIR_DEPTH,
    }
