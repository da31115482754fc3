"""The one statement of the search: BM25 and vectors, fused, under row-level security.

Every table it names has a policy, so it sees, counts and weighs only what the actor may read.
What is not in force on the day asked about is left out for everybody, the operator too. It still
counts in the statistics, as readers may read it and each day would need counts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row

from govbot.errors import Unavailable
from govbot.retrieval import fusion, meaning, scope, words
from govbot.retrieval.fusion import About
from govbot.retrieval.query import Query
from govbot.retrieval.references import norms
from govbot.retrieval.scope import EVERYTHING, Scope

TIMEOUT_MS = 15_000

# Compiling a plan costs more than the whole search takes, and so does making one: the statement is
# prepared once for each connection, and its plan does not depend on what is asked.
LIMITS: Final = (
    """
SELECT set_config('statement_timeout', %(timeout_ms)s, true), set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('govbot.as_of', %(as_of)s, true),
"""
    + meaning.LIMITS
)

SEARCH: Final = "WITH " + words.ASKED + scope.SQL + words.SQL + meaning.SQL + fusion.SQL


async def search(
    conn: AsyncConnection[Any],
    query: Query,
    *,
    candidates: int,
    exact_scan_limit: int,
    limit: int,
    as_of: date,
    within: Scope = EVERYTHING,
    preferred: Sequence[int] = (),
) -> list[Mapping[str, Any]]:
    """The best `limit` chunks in force on the day `as_of` as rows; by words alone without vectors.

    It looks in what the actor reads `within` a scope; words weigh as in a search of all.
    Documents with `preferred` keys, and those that the question names, come before others.

    `conn` is inside `as_actor`. Raises Unavailable after 15 seconds.
    """
    parameters = {
        **words.parameters(query.text, query.variants),
        **scope.parameters(within),
        **meaning.parameters(query.dense, exact_scan_limit),
        **fusion.parameters(
            query.dense.weight if query.dense else 0.0, limit, About(norms(query.text), preferred)
        ),
        "candidates": candidates,
    }
    limits = {"timeout_ms": str(TIMEOUT_MS), "as_of": as_of.isoformat()}
    try:
        async with conn.pipeline(), conn.cursor(row_factory=dict_row) as cursor:
            await conn.execute(LIMITS, limits)
            await cursor.execute(SEARCH, parameters, prepare=True)
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
