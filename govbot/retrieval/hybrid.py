"""The one statement of the search: BM25 and vectors, fused, under row-level security.

Every table it names has a policy, so it sees, counts and weighs only what the actor may read.
What is not in force on the day asked about is left out for everybody, the operator too. It still
counts in the statistics, as readers may read it and each day would need counts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row

from govbot.errors import Unavailable
from govbot.retrieval import fusion, meaning, scope, words
from govbot.retrieval.meaning import DenseQuery

TIMEOUT_MS = 15_000

# Compiling a plan costs more than the whole search takes.
LIMITS = """
SELECT set_config('statement_timeout', %(timeout_ms)s, true), set_config('jit', 'off', true),
       set_config('govbot.as_of', %(as_of)s, true)
"""

SEARCH: Final = "WITH " + words.ASKED + scope.SQL + words.SQL + meaning.SQL + fusion.SQL


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
        **words.parameters(question),
        **scope.parameters(only),
        **meaning.parameters(dense, exact_scan_limit),
        **fusion.parameters(dense.weight if dense else 0.0, limit),
        "candidates": candidates,
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
