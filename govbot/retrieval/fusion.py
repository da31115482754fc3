"""Both legs put together, with what the documents are, and the rows that come of it.

Min-max normalised scores, convex, with a weight per encoder (Bruch et al., "An Analysis of Fusion
Functions for Hybrid Retrieval", 2023); reciprocal ranks were worse than words alone here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from govbot.retrieval.passages import Passage
from govbot.retrieval.references import NormName

# Share of the score for a passage of the document that the question names, "Lei 8.112/1990", or
# that the answer before came from, where the question goes back to it.
NAMED: Final = 0.4

SQL: Final = """
fused AS MATERIALIZED (
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
),
named AS MATERIALIZED (
    SELECT d.key
    FROM documents d
    JOIN unnest(%(kinds)s::text[], %(numbers)s::text[], %(years)s::integer[])
         AS n (kind, number, year)
      ON n.kind = d.kind
     AND n.number = ltrim(replace(d.number, '.', ''), '0')
     AND (n.year IS NULL OR d.year IS NULL OR n.year = d.year)
    WHERE d.key IN (
        SELECT c.document_key FROM fused f JOIN chunks c ON c.id = f.chunk_id
    )
    UNION
    SELECT p.key FROM unnest(%(preferred)s::integer[]) p (key)
),
best AS MATERIALIZED (
    SELECT f.chunk_id, f.lexical, f.dense, f.score, f.named
    FROM (
        SELECT u.chunk_id, u.lexical, u.dense, u.score,
               EXISTS (SELECT FROM named)
               AND (SELECT c.document_key FROM chunks c WHERE c.id = u.chunk_id)
                   IN (SELECT n.key FROM named n) AS named
        FROM fused u
    ) f
    ORDER BY (1 - %(named)s) * f.score + %(named)s * f.named::integer DESC, f.chunk_id
    LIMIT %(limit)s
)
SELECT f.chunk_id, d.id AS document_id, d.key AS document_key, c.version_id,
       coalesce(k.name, '') AS collection, d.filename, d.title, v.number AS version,
       c.page_from, c.page_to, c.ord, c.heading, c.text,
       c.start_offset AS start, c.end_offset AS end, d.valid_from, d.valid_to, d.revoked_on,
       coalesce(d.signed_on, d.valid_from, make_date(d.year, 1, 1)) AS dated,
       f.score, f.lexical, f.dense, f.named,
       -- A stem that another stands for (words.py) counts for less than one that stands there.
       coalesce((
           SELECT sum(v.idf * greatest(v.itself, least(v.others, %(most_credit)s)))
                  / nullif(sum(v.idf), 0)
           FROM (
               SELECT max(t.idf) AS idf,
                      coalesce(max(a.credit) FILTER (WHERE h.held AND a.lexeme = a.origin), 0)
                          AS itself,
                      coalesce(sum(a.credit) FILTER (WHERE h.held AND a.lexeme <> a.origin), 0)
                          AS others
               FROM covers a
               JOIN terms t ON t.lexeme = a.origin
               CROSS JOIN LATERAL (SELECT a.lexeme = ANY (l.stems) AS held OFFSET 0) h
               GROUP BY a.origin
           ) v
       ), 0) AS coverage,
       -- What each stem stands for and is worth, for closeness.py.
       (
           SELECT jsonb_object_agg(s.lexeme, jsonb_build_array(s.origin, s.worth))
           FROM (
               SELECT DISTINCT ON (a.lexeme) a.lexeme, a.origin, t.idf * a.credit AS worth
               FROM covers a
               JOIN terms t ON t.lexeme = a.origin
               ORDER BY a.lexeme, t.idf * a.credit DESC
           ) s
       ) AS worth
FROM best f
JOIN chunks c ON c.id = f.chunk_id
CROSS JOIN LATERAL (SELECT tsvector_to_array(c.tsv) AS stems OFFSET 0) l
JOIN documents d ON d.key = c.document_key
JOIN document_versions v ON v.id = c.version_id
LEFT JOIN collections k ON k.key = c.collection_key
ORDER BY f.score DESC, f.chunk_id
"""


def named_first(passages: Sequence[Passage], keys: Collection[int]) -> list[Passage]:
    """The passages, those of documents with these keys having NAMED of the score for it."""
    if not keys:
        return list(passages)
    ordered = [
        replace(each, score=(1 - NAMED) * each.score + NAMED * (each.document_key in keys))
        for each in passages
    ]
    return sorted(ordered, key=lambda each: -each.score)


@dataclass(frozen=True, slots=True)
class About:
    """What a question is about: the `norms` it names, the documents whose keys are `preferred`."""

    norms: Sequence[NormName] = ()
    preferred: Sequence[int] = field(default=())


def parameters(weight: float, limit: int, about: About) -> dict[str, Any]:
    """`weight` is the share of the vectors in the score, `limit` the number of rows."""
    return {
        "weight": weight,
        "limit": limit,
        "named": NAMED,
        "kinds": [norm.kind for norm in about.norms],
        "numbers": [norm.number for norm in about.norms],
        "years": [norm.year for norm in about.norms],
        "preferred": list(about.preferred),
    }
