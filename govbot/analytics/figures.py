"""The figures of a period as the actor may see them: administrators all, curators of what they
manage. Groups of fewer people than `least_people` are left out by the statements themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, LiteralString

from govbot.db.pool import Connection
from govbot.ids import DocumentId

TOP = 10  # documents, groups, engines, collections shown


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included; with `collection_key` only what that collection was part of."""

    first: date
    last: date
    collection_key: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """Questions of one day by outcome, response times in ms (None without answers), thumbs."""

    day: date
    questions: int
    answered: int
    refused: int
    stopped: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many questions fall to one name; "" where there is none."""

    name: str
    questions: int


@dataclass(frozen=True, slots=True)
class TopDocument:
    id: DocumentId
    name: str
    questions: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a period. Times are milliseconds; `people` is the most in one month."""

    total: Day
    people: int
    days: Sequence[Day]
    collections: Sequence[Share]
    groups: Sequence[Share]
    engines: Sequence[Share]
    categories: Sequence[Share]
    sentiments: Sequence[Share]
    documents: Sequence[TopDocument]


async def figures(conn: Connection, period: Period, *, least_people: int) -> Figures:
    """Everything that the page shows, from one transaction."""
    total, daily = await days(conn, period)
    return Figures(
        total=total,
        people=await _people(conn, period),
        days=daily,
        collections=await _shares(conn, period, _COLLECTIONS),
        groups=await _shares(conn, period, _GROUPS, people=least_people),
        engines=await _shares(conn, period, _ENGINES),
        categories=await _shares(conn, period, _CATEGORIES),
        sentiments=await _shares(conn, period, _SENTIMENTS),
        documents=await _documents(conn, period),
    )


async def days(conn: Connection, period: Period) -> tuple[Day, list[Day]]:
    """The sum of the period (its day is the last one), and each day, also without questions."""
    cursor = await conn.execute(
        """
        SELECT f.day,
               count(*)::integer AS questions,
               count(*) FILTER (WHERE f.outcome = 'answered')::integer AS answered,
               count(*) FILTER (WHERE f.outcome = 'refused')::integer AS refused,
               count(*) FILTER (WHERE f.outcome = 'stopped')::integer AS stopped,
               count(*) FILTER (WHERE f.outcome = 'failed')::integer AS failed,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY f.total_ms)
                   FILTER (WHERE f.outcome = 'answered') AS p50_ms,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY f.total_ms)
                   FILTER (WHERE f.outcome = 'answered') AS p95_ms
        FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
        GROUP BY GROUPING SETS ((f.day), ())
        """,
        _parameters(period),
    )
    asked = {row["day"]: row for row in await cursor.fetchall()}
    cursor = await conn.execute(
        """
        SELECT f.day,
               coalesce(sum(f.n) FILTER (WHERE f.rating = 1), 0)::integer AS up,
               coalesce(sum(f.n) FILTER (WHERE f.rating = -1), 0)::integer AS down
        FROM govbot_rated(%(first)s, %(last)s, %(collection)s) f
        GROUP BY GROUPING SETS ((f.day), ())
        """,
        _parameters(period),
    )
    rated = {row["day"]: row for row in await cursor.fetchall()}

    def day(key: date | None, shown: date) -> Day:
        return Day(**{**_NOTHING, **asked.get(key, {}), **rated.get(key, {}), "day": shown})

    length = (period.last - period.first).days + 1
    dates = [period.first + timedelta(days=number) for number in range(length)]
    return day(None, period.last), [day(each, each) for each in dates]


async def _people(conn: Connection, period: Period) -> int:
    """People are told apart within a month only."""
    cursor = await conn.execute(
        """
        SELECT coalesce(max(m.people), 0)::integer AS people
        FROM (SELECT count(DISTINCT f.asker) AS people
              FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
              GROUP BY date_trunc('month', f.day)) m
        """,
        _parameters(period),
    )
    [row] = await cursor.fetchall()
    return int(row["people"])


_NOTHING: Final = {
    "questions": 0, "answered": 0, "refused": 0, "stopped": 0, "failed": 0,
    "p50_ms": None, "p95_ms": None, "up": 0, "down": 0,
}  # fmt: skip
# A question of two collections counts for both; curators see the share of what they manage alone.
_COLLECTIONS: Final = """
    SELECT c.name, count(*)::integer AS questions
    FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
    JOIN collections c ON c.key = ANY (f.collections)
    WHERE c.key IN (SELECT govbot_managed_collections())
    GROUP BY c.key, c.name
    ORDER BY questions DESC, c.name
    LIMIT %(top)s
"""
# Groups of which enough different people asked, month by month.
_GROUPS: Final = """
    SELECT g.name, sum(p.questions)::integer AS questions
    FROM (SELECT o.group_id, count(*) AS questions, count(DISTINCT f.asker) AS people
          FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
          CROSS JOIN LATERAL unnest(f.group_ids) AS o (group_id)
          GROUP BY o.group_id, date_trunc('month', f.day)) p
    JOIN groups g ON g.id = p.group_id
    WHERE p.people >= %(people)s
    GROUP BY g.id, g.name
    ORDER BY questions DESC, g.name
    LIMIT %(top)s
"""
_ENGINES: Final = """
    SELECT f.engine AS name, count(*)::integer AS questions
    FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
    WHERE f.engine <> ''
    GROUP BY f.engine
    ORDER BY questions DESC, f.engine
    LIMIT %(top)s
"""
_CATEGORIES: Final = """
    SELECT coalesce(c.name, '') AS name, count(*)::integer AS questions
    FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
    LEFT JOIN question_categories c ON c.id = f.category_id
    WHERE EXISTS (SELECT FROM question_categories)
    GROUP BY c.name
    ORDER BY (c.name IS NULL), questions DESC, c.name
"""
_SENTIMENTS: Final = """
    SELECT f.sentiment AS name, count(*)::integer AS questions
    FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
    WHERE f.sentiment <> ''
    GROUP BY f.sentiment
    ORDER BY questions DESC, f.sentiment
    LIMIT %(top)s
"""


async def _shares(
    conn: Connection, period: Period, query: LiteralString, **more: object
) -> list[Share]:
    cursor = await conn.execute(query, {**_parameters(period), **more})
    return [Share(**row) for row in await cursor.fetchall()]


async def _documents(conn: Connection, period: Period) -> list[TopDocument]:
    """The documents cited most, of the collections that the actor manages."""
    cursor = await conn.execute(
        """
        SELECT d.id, coalesce(nullif(d.title, ''), d.filename) AS name,
               count(*)::integer AS questions
        FROM govbot_facts(%(first)s, %(last)s, %(collection)s) f
        JOIN documents d ON d.key = ANY (f.documents)
        WHERE f.outcome IN ('answered', 'stopped')
          AND d.collection_key IN (SELECT govbot_managed_collections())
          AND (%(collection)s::integer IS NULL OR d.collection_key = %(collection)s::integer)
        GROUP BY d.id, d.title, d.filename
        ORDER BY questions DESC, name
        LIMIT %(top)s
        """,
        _parameters(period),
    )
    return [TopDocument(**row) for row in await cursor.fetchall()]


def _parameters(period: Period) -> dict[str, Any]:
    return {
        "first": period.first,
        "last": period.last,
        "collection": period.collection_key,
        "top": TOP,
    }
