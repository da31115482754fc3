"""The conditions of lists of documents: what is within reach, what matches, what is counted.

Those whose value is empty vanish from the plan, which is made with the values known. Those that
repeat a condition of the policies, or one that follows from another, are there for an index.
"""

from __future__ import annotations

from typing import Final, LiteralString

from psycopg import sql

from govbot.documents.rights import WRITABLE

# Whether the actor may write the document d, and the state of it that they see.
WRITES: Final[LiteralString] = f"(%(sight)s::text = 'newest' OR {WRITABLE})"
_STATE: Final[LiteralString] = f"""
    CASE %(sight)s::text WHEN 'newest' THEN d.newest_state WHEN 'open' THEN d.open_state
    ELSE CASE WHEN {WRITABLE} THEN d.newest_state ELSE d.open_state END END"""
REACHED: Final[LiteralString] = """
    (%(everything)s::boolean OR d.collection_key = ANY(%(shelves)s::integer[])
     OR d.key = ANY(%(singles)s::integer[]))
    AND d.collection_key <> 0 AND d.newest_state IS NOT NULL
    AND (%(collection)s::integer IS NULL OR d.collection_key = %(collection)s::integer)"""
MATCHES: Final[LiteralString] = f"""{REACHED}
    AND (d.trashed_at IS NOT NULL) = %(trashed)s::boolean
    AND (%(states)s::text[] = '{{}}' OR (
            ({_STATE}) = ANY(%(states)s::text[])
            AND (d.newest_state = ANY(%(states)s::text[])
                 OR (d.open_state = ANY(%(states)s::text[]) AND d.open_state <> d.newest_state))))
    AND CASE %(life)s::text
            WHEN 'draft' THEN d.newest_review IN ('draft', 'rejected') AND {WRITES}
            WHEN 'in_review' THEN d.newest_review = 'in_review' AND {WRITES}
            WHEN 'ended' THEN d.ends <= current_date
            ELSE true END
    AND (%(keys)s::integer[] IS NULL OR d.key = ANY(%(keys)s::integer[]))
    AND (%(tag)s::text = '' OR %(tag)s::text = ANY(d.tags))
    AND (%(kind)s::text = '' OR d.kind = %(kind)s::text)
    AND (%(year)s::integer IS NULL OR d.year = %(year)s::integer)
    AND (%(secrecy)s::integer IS NULL OR d.secrecy = %(secrecy)s::integer)
    AND (%(sender)s::uuid IS NULL OR (d.created_by = %(sender)s::uuid AND {WRITES}))
    AND (%(personal)s::integer = 0 OR (d.personal >= %(personal)s::integer AND {WRITES}))
    AND (%(patterns)s::text[] = '{{}}' OR d.words LIKE ALL (%(patterns)s::text[]))"""

_PRESENT: Final[LiteralString] = f"{REACHED} AND d.trashed_at IS NULL"
# Not simply ready and approved: these look different to different people.
_ODD: Final[LiteralString] = "d.newest_state <> 'ready' OR d.newest_review <> 'approved'"
_ENDED: Final[LiteralString] = "d.ends <= current_date"
_ONCE: Final = ("queued", "extracting", "embedding", "ready", "failed", "cancelled")
# By name: the condition that is counted.
COUNTED: Final[dict[str, LiteralString]] = {
    **{
        state: f"""{_PRESENT} AND ({_STATE}) = '{state}' AND (d.newest_state = '{state}'
            OR (d.open_state = '{state}' AND d.open_state <> d.newest_state))"""
        for state in _ONCE
    },
    "draft": f"{_PRESENT} AND d.newest_review IN ('draft', 'rejected') AND {WRITES}",
    "in_review": f"{_PRESENT} AND d.newest_review = 'in_review' AND {WRITES}",
}


def counted(
    condition: LiteralString, name: str, limit: LiteralString = "%(limit)s"
) -> sql.Composable:
    return sql.SQL(
        "(SELECT count(*) FROM (SELECT FROM document_listings d WHERE {0} LIMIT {1}) f) AS {2}"
    ).format(sql.SQL(condition), sql.SQL(limit), sql.Identifier(name))


COUNTS: Final = sql.SQL(
    """
    WITH odd AS MATERIALIZED (
        SELECT {state} AS state, d.newest_review AS review, {writes} AS writes
        FROM document_listings d
        WHERE {present} AND ({odd})
        LIMIT %(odd)s
    )
    SELECT {plain}, {ended}, {trashed}, o.*
    FROM (
        SELECT count(*) AS odd, count(*) FILTER (WHERE o.state <> 'ready') AS unready,
               count(*) FILTER (WHERE o.writes AND o.review IN ('draft', 'rejected')) AS draft,
               count(*) FILTER (WHERE o.writes AND o.review = 'in_review') AS in_review,
               {states}
        FROM odd o
    ) o
    """
).format(
    state=sql.SQL(_STATE),
    writes=sql.SQL(WRITES),
    present=sql.SQL(_PRESENT),
    odd=sql.SQL(_ODD),
    plain=counted(f"{_PRESENT} AND NOT ({_ODD})", "plain", "%(total)s"),
    ended=counted(f"{_PRESENT} AND {_ENDED}", "ended", "%(total)s"),
    trashed=counted(
        f"{REACHED} AND d.trashed_at IS NOT NULL AND %(sight)s::text <> 'open'",
        "trashed",
        "%(total)s",
    ),
    states=sql.SQL(", ").join(
        sql.SQL("count(*) FILTER (WHERE o.state = {0}) AS {1}").format(
            sql.Literal(state), sql.Identifier(state)
        )
        for state in ("queued", "extracting", "embedding", "failed", "cancelled")
    ),
)
