"""The leg of the words: BM25 over Portuguese stems, and a bonus for words that stand together.

A stem of the question may be stood for by others: by what an acronym means, by the nearest
spelling, by the sign of a passage that is the norm or article named. They weigh less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from govbot.retrieval import lexical
from govbot.retrieval.variants import Variant

ASKED: Final = """
question AS MATERIALIZED (
    SELECT t.lexeme, p.position
    FROM unnest(govbot_tsv(%(question)s)) t, unnest(t.positions) p (position)
    WHERE t.lexeme <> ALL (%(asking_stems)s::text[])
    ORDER BY t.lexeme ~ '^qx' DESC, p.position, t.lexeme
    LIMIT %(max_positions)s
),
own AS MATERIALIZED (
    SELECT q.lexeme, min(q.position) AS position
    FROM question q
    GROUP BY q.lexeme
    ORDER BY q.lexeme ~ '^qx' DESC, 2, 1
    LIMIT %(max_stems)s
),
-- Neighbouring stems in their order, as acronyms.stems has them.
runs AS MATERIALIZED (
    SELECT array_to_string(o.stems[i:j], ' ') AS stems, o.stems[i:j] AS members
    FROM (SELECT array_agg(w.lexeme ORDER BY w.position) AS stems
          FROM own w WHERE w.lexeme !~ '^qx') o
    CROSS JOIN generate_series(1, cardinality(o.stems)) i
    CROSS JOIN generate_series(i + 1, least(i + 7, cardinality(o.stems))) j
),
-- By each acronym the long forms that most of its documents give, and the other way round.
meant AS MATERIALIZED (
    SELECT m.origins, m.lexemes
    FROM (
        SELECT ARRAY[o.lexeme] AS origins, string_to_array(f.stems, ' ') AS lexemes,
               row_number() OVER (PARTITION BY o.lexeme ORDER BY count(*) DESC, f.stems) AS rank
        FROM own o
        CROSS JOIN LATERAL (
            SELECT a.stems FROM acronyms a WHERE a.stem = o.lexeme
            ORDER BY a.document_key LIMIT %(max_acronyms)s
        ) f
        GROUP BY o.lexeme, f.stems
        UNION ALL
        SELECT r.members, ARRAY[f.stem],
               row_number() OVER (PARTITION BY r.stems ORDER BY count(*) DESC, f.stem)
        FROM runs r
        CROSS JOIN LATERAL (
            SELECT a.stem FROM acronyms a WHERE a.stems = r.stems
            ORDER BY a.document_key LIMIT %(max_acronyms)s
        ) f
        GROUP BY r.stems, r.members, f.stem
    ) m
    WHERE m.rank <= 2
),
-- What stands in nothing readable may be misspelt.
near AS MATERIALIZED (
    SELECT u.lexeme AS origin, n.lexeme, n.distance, n.rank
    FROM (
        SELECT o.lexeme
        FROM own o
        WHERE o.lexeme ~ '^[a-z]{5,30}$'
          AND o.lexeme <> ALL (ARRAY(
              SELECT k.lexeme FROM govbot_counts(ARRAY(SELECT a.lexeme FROM own a)) k
          ))
        ORDER BY o.position
        LIMIT %(max_near)s
    ) u
    CROSS JOIN LATERAL govbot_near(u.lexeme) WITH ORDINALITY n (lexeme, distance, rank)
),
-- Which stems stand for which of the question, and for how much of it.
covers AS MATERIALIZED (
    SELECT o.lexeme AS origin, o.lexeme, 1.0::float8 AS credit
    FROM own o WHERE o.lexeme !~ '^qx'
    UNION ALL
    SELECT n.origin, n.lexeme, CASE n.distance WHEN 1 THEN %(near_1)s ELSE %(near_2)s END
    FROM near n
    UNION ALL
    SELECT o.origin, l.lexeme, %(acronym_credit)s / cardinality(m.lexemes)
    FROM meant m, unnest(m.origins) o (origin), unnest(m.lexemes) l (lexeme)
),
asked AS MATERIALIZED (
    SELECT a.lexeme, min(a.position) AS position, max(a.weight) AS weight
    FROM (
        SELECT o.lexeme, o.position::integer AS position, 1.0::float8 AS weight FROM own o
        UNION ALL
        SELECT 'qz' || substr(o.lexeme, 3), NULL, %(identity_weight)s
        FROM own o WHERE o.lexeme ~ '^qx'
        UNION ALL
        SELECT n.lexeme, NULL, CASE n.distance WHEN 1 THEN %(near_1)s ELSE %(near_2)s END
        FROM near n
        UNION ALL
        SELECT l.lexeme, NULL, %(acronym_weight)s
        FROM meant m, unnest(m.lexemes) l (lexeme)
        UNION ALL
        SELECT t.lexeme, NULL, v.weight
        FROM unnest(%(variants)s::text[], %(variant_weights)s::float8[]) v (text, weight),
             unnest(govbot_tsv(v.text)) t
        WHERE t.lexeme <> ALL (%(asking_stems)s::text[])
    ) a
    GROUP BY a.lexeme
    ORDER BY 3 DESC, 2, 1
    LIMIT 2 * %(max_stems)s
),
"""

SQL: Final = """
counted AS MATERIALIZED (
    SELECT k.lexeme, k.chunks
    FROM govbot_counts(ARRAY(SELECT a.lexeme FROM asked a)) k
),
terms AS MATERIALIZED (
    SELECT n.lexeme, n.weight, n.chunks,
           -- Where few documents are, what is named is no rare thing, but still what is asked for.
           greatest(ln(1 + (greatest(s.chunks - n.chunks, 0) + 0.5) / (n.chunks + 0.5)),
                    CASE WHEN n.lexeme ~ '^qz' THEN %(least_identity)s ELSE 0 END) AS idf
    FROM (
        -- A stem that stands nowhere weighs like the rarest that stands somewhere: in a small
        -- collection it would outweigh all the others together.
        SELECT a.lexeme, a.weight, greatest(c.chunks, 1)::float8 AS chunks
        FROM asked a LEFT JOIN counted c ON c.lexeme = a.lexeme
    ) n
    CROSS JOIN scope s
    WHERE s.chunks > 0
),
-- Of a stem in more passages than the limit only those where it weighs most are read, of each
-- collection its share: the others could gain little by it, and get what they gain below, if
-- another stem brought them up.
lists AS MATERIALIZED (
    SELECT n.lexeme, n.weight, n.collection_key,
           CASE WHEN n.whole <= %(list_limit)s THEN n.chunks
                ELSE least(n.chunks, greatest(ceil(%(list_limit)s * n.chunks / n.whole), 20))
           END AS most,
           n.whole > %(list_limit)s AS cut
    FROM (
        SELECT t.lexeme, t.idf * t.weight AS weight, x.collection_key, sum(x.chunks) AS chunks,
               sum(sum(x.chunks)) OVER (PARTITION BY t.lexeme) AS whole
        FROM terms t
        -- OFFSET 0 here and below keeps the indexes in use, whatever the planner expects.
        CROSS JOIN LATERAL (
            SELECT s.collection_key, s.chunks FROM term_stats s WHERE s.lexeme = t.lexeme OFFSET 0
        ) x
        WHERE x.collection_key IN (SELECT r.key FROM readable r)
        GROUP BY t.lexeme, t.idf, t.weight, x.collection_key
    ) n
),
gathered AS MATERIALIZED (
    SELECT p.chunk_id,
           sum(p.weight * p.tf * (%(k1)s + 1)
               / (p.tf + %(k1)s * (1 - %(b)s + %(b)s * p.length / s.mean_length))) AS bm25
    FROM scope s
    CROSS JOIN (
        SELECT l.weight, o.chunk_id, o.tf, o.length
        FROM lists l
        CROSS JOIN LATERAL (
            SELECT i.chunk_id, i.tf, i.length
            FROM postings i
            WHERE i.lexeme = l.lexeme AND i.collection_key = l.collection_key
              AND i.document_key NOT IN (SELECT w.key FROM withheld w)
            ORDER BY govbot_impact(i.tf, i.length) DESC
            LIMIT l.most
        ) o
        UNION ALL
        SELECT t.idf * t.weight, o.chunk_id, o.tf, o.length
        FROM singles d
        CROSS JOIN terms t
        CROSS JOIN LATERAL (
            SELECT i.chunk_id, i.tf, i.length
            FROM postings i
            WHERE i.document_key = d.key AND i.lexeme = t.lexeme
            OFFSET 0
        ) o
    ) p
    GROUP BY p.chunk_id
    ORDER BY 2 DESC, 1
    LIMIT CASE WHEN (SELECT bool_or(l.cut) FROM lists l)
               THEN greatest(%(rescored)s, %(candidates)s) ELSE %(candidates)s END
),
matched AS MATERIALIZED (
    SELECT g.chunk_id, g.bm25
    FROM gathered g
    WHERE NOT coalesce((SELECT bool_or(l.cut) FROM lists l), false)
    UNION ALL
    (
        SELECT c.id, sum(t.idf * t.weight * u.tf * (%(k1)s + 1)
               / (u.tf + %(k1)s * (1 - %(b)s + %(b)s * c.length / s.mean_length)))
        FROM scope s
        CROSS JOIN gathered g
        CROSS JOIN LATERAL (
            SELECT o.id, o.length, o.tsv FROM chunks o WHERE o.id = g.chunk_id OFFSET 0
        ) c
        CROSS JOIN LATERAL (
            SELECT x.lexeme, coalesce(cardinality(x.positions), 1) AS tf FROM unnest(c.tsv) x
        ) u
        JOIN terms t ON t.lexeme = u.lexeme
        WHERE (SELECT bool_or(l.cut) FROM lists l)
        GROUP BY c.id
        ORDER BY 2 DESC, 1
        LIMIT %(candidates)s
    )
),
pairs AS MATERIALIZED (
    SELECT DISTINCT tsquery_phrase(
        quote_literal(n.lexeme)::tsquery, quote_literal(n.next_lexeme)::tsquery, n.distance
    ) AS phrase
    FROM (
        SELECT q.lexeme,
               lead(q.lexeme) OVER (ORDER BY q.position) AS next_lexeme,
               lead(q.position) OVER (ORDER BY q.position) - q.position AS distance
        FROM (
            SELECT coalesce(n.lexeme, w.lexeme) AS lexeme, w.position
            FROM question w
            JOIN own o ON o.lexeme = w.lexeme
            LEFT JOIN near n ON n.origin = w.lexeme AND n.rank = 1
            WHERE w.lexeme !~ '^qx'
        ) q
    ) n
    WHERE n.next_lexeme IS NOT NULL
),
by_words AS MATERIALIZED (
    SELECT m.chunk_id,
           (m.bm25 + %(pair_bonus)s * m.pairs)
           * (1 - %(coverage_share)s + %(coverage_share)s * coalesce(m.coverage, 1)) AS score
    FROM (
        SELECT r.chunk_id, r.bm25, (
            SELECT count(*) FROM pairs x WHERE r.rank <= %(pair_depth)s AND c.tsv @@ x.phrase
        ) AS pairs, (
            SELECT sum(v.idf * coalesce(v.credit, 0)) / nullif(sum(v.idf), 0)
            FROM (
                SELECT max(t.idf) AS idf,
                       max(a.credit) FILTER (WHERE a.lexeme = ANY (c.held)) AS credit
                FROM covers a
                JOIN terms t ON t.lexeme = a.origin
                GROUP BY a.origin
            ) v
        ) AS coverage
        FROM (
            SELECT m.chunk_id, m.bm25, row_number() OVER (ORDER BY m.bm25 DESC, m.chunk_id) AS rank
            FROM matched m
        ) r
        CROSS JOIN LATERAL (
            SELECT o.tsv, tsvector_to_array(o.tsv) AS held
            FROM chunks o WHERE o.id = r.chunk_id OFFSET 0
        ) c
    ) m
),
"""


def parameters(question: str, variants: Sequence[Variant] = ()) -> dict[str, Any]:
    """What the statement needs of the question, its other wordings and lexical.py."""
    return {
        "question": lexical.bounded(question),
        "variants": [lexical.bounded(variant.text) for variant in variants],
        "variant_weights": [variant.weight for variant in variants],
        "asking_stems": list(lexical.ASKING_STEMS),
        "max_positions": lexical.MAX_POSITIONS,
        "max_stems": lexical.MAX_STEMS,
        "max_near": lexical.MAX_NEAR,
        "max_acronyms": lexical.MAX_ACRONYMS,
        "near_1": lexical.NEAR[0],
        "near_2": lexical.NEAR[1],
        "identity_weight": lexical.IDENTITY_WEIGHT,
        "least_identity": lexical.LEAST_IDENTITY,
        "acronym_weight": lexical.ACRONYM_WEIGHT,
        "acronym_credit": lexical.MOST_CREDIT,
        "most_credit": lexical.MOST_CREDIT,
        "list_limit": lexical.LIST_LIMIT,
        "rescored": lexical.RESCORED,
        "k1": lexical.K1,
        "b": lexical.B,
        "coverage_share": lexical.COVERAGE_SHARE,
        "pair_bonus": lexical.PAIR_BONUS,
        "pair_depth": lexical.PAIR_DEPTH,
    }
