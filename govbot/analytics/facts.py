"""One row for each question, without text and person, in the transaction that ends the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from govbot.db.pool import Connection

Outcome = Literal["answered", "refused", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Fact:
    """How a question went. `documents`: keys of those cited, or nearest where nothing was said.

    `timings` are milliseconds, of which first_token_ms and total_ms are kept.
    """

    outcome: Outcome
    engine: str = ""
    documents: Sequence[int] = ()
    timings: Mapping[str, float] | None = None
    category_id: UUID | None = None
    sentiment: str = ""


async def record(conn: Connection, fact: Fact, *, day: date) -> None:
    """Keeps what is to be counted of a question of the actor of `conn`."""
    timings = fact.timings or {}
    await conn.execute(
        """
        SELECT govbot_store_fact(%(day)s, %(documents)s::integer[], %(outcome)s, %(engine)s,
                                 %(first)s::integer, %(total)s::integer, %(category)s::uuid,
                                 %(sentiment)s)
        """,
        {
            "day": day,
            "documents": sorted(set(fact.documents)),
            "outcome": fact.outcome,
            "engine": fact.engine,
            "first": _whole(timings.get("first_token_ms")),
            "total": _whole(timings.get("total_ms")),
            "category": fact.category_id,
            "sentiment": fact.sentiment[:40],
        },
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
