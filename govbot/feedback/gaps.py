"""Questions that no readable document answered: kept without the person, shown as topics.

A topic is shown only from so many different people on, so that nobody's single question is
exposed; the database sees to that (0022_feedback.sql).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType
from uuid import UUID

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.errors import NotFound
from govbot.feedback.grouping import most_central
from govbot.feedback.states import Decision, State
from govbot.ids import UserId, new_id
from govbot.privacy import mask

TopicId = NewType("TopicId", UUID)

MAX_QUESTION = 500  # characters of a question that are kept
WORDINGS = 10  # of a topic that are read for its name


@dataclass(frozen=True, slots=True)
class Topic:
    """What was asked in vain: `question` is the wording in the middle of all.

    `people` is the largest number of different people in one month, `asked` all questions.
    """

    id: TopicId
    question: str
    state: State
    note: str
    decided_by: UserId | None
    decided_at: datetime | None
    gold_id: UUID | None
    people: int
    asked: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Wording:
    """One way in which it was asked, and how often."""

    question: str
    asked: int
    last_day: date


async def record(conn: Connection, question: str, sources: Sequence[int], *, day: date) -> None:
    """Keeps a question of the actor that was not answered, personal data masked.

    `sources` are the keys of the documents that came nearest: who manages these may see it.
    """
    text = mask(" ".join(question.split()))[:MAX_QUESTION].strip()
    if text:
        await conn.execute(
            "SELECT govbot_store_gap(%(id)s, %(question)s, %(sources)s::integer[], %(day)s)",
            {"id": new_id(), "question": text, "sources": sorted(set(sources)), "day": day},
        )


async def topics(
    conn: Connection, *, least_people: int, state: State | None = None, limit: int = 100
) -> list[Topic]:
    """What the actor may see, asked by the most people first."""
    cursor = await conn.execute(
        """
        SELECT id, state, note, decided_by, decided_at, gold_id, people, asked, first_day, last_day
        FROM govbot_seen_topics(%(people)s)
        WHERE %(state)s::text IS NULL OR state = %(state)s::text
        ORDER BY people DESC, asked DESC, last_day DESC, id
        LIMIT %(limit)s
        """,
        {"people": least_people, "state": state, "limit": limit},
    )
    rows = await cursor.fetchall()
    said = await _wordings(conn, [row["id"] for row in rows], least_people)
    return [
        Topic(**row | {"state": State(row["state"]), "question": _name(said[row["id"]])})
        for row in rows
    ]


async def count_by_state(conn: Connection, *, least_people: int) -> dict[State, int]:
    """How many topics the actor may see, by state."""
    cursor = await conn.execute(
        "SELECT state, count(*) AS n FROM govbot_seen_topics(%(people)s) GROUP BY state",
        {"people": least_people},
    )
    rows = {row["state"]: int(row["n"]) for row in await cursor.fetchall()}
    return {state: rows.get(state.value, 0) for state in State}


async def get_topic(
    conn: Connection, topic_id: TopicId, *, least_people: int
) -> tuple[Topic, list[Wording]]:
    """A topic and the ways in which it was asked, the most frequent first; raises NotFound."""
    cursor = await conn.execute(
        """
        SELECT id, state, note, decided_by, decided_at, gold_id, people, asked, first_day, last_day
        FROM govbot_seen_topics(%(people)s)
        WHERE id = %(id)s
        """,
        {"people": least_people, "id": topic_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    said = (await _wordings(conn, [topic_id], least_people))[topic_id]
    return Topic(**row | {"state": State(row["state"]), "question": _name(said)}), said


async def decide(
    conn: Connection,
    actor: Actor,
    topic_id: TopicId,
    decision: Decision,
    *,
    least_people: int,
    gold_id: UUID | None = None,
) -> None:
    """Sets how far a topic is; raises NotFound for one that the actor may not see."""
    cursor = await conn.execute(
        "SELECT govbot_decide_gap(%(id)s, %(people)s, %(state)s, %(note)s, %(gold)s) AS decided",
        {
            "id": topic_id,
            "people": least_people,
            "state": decision.state,
            "note": decision.note,
            "gold": gold_id,
        },
    )
    row = await cursor.fetchone()
    if row is None or not row["decided"]:
        raise NotFound
    await audit.record(
        conn,
        actor=actor,
        action="gap.decided",
        resource=f"gap:{topic_id}",
        details={"state": decision.state.value},
    )


async def _wordings(
    conn: Connection, topic_ids: Sequence[UUID], least_people: int
) -> dict[UUID, list[Wording]]:
    cursor = await conn.execute(
        """
        SELECT topic_id, question, count(*)::integer AS asked, max(day) AS last_day
        FROM govbot_seen_gaps(%(people)s)
        WHERE topic_id = ANY (%(ids)s::uuid[])
        GROUP BY topic_id, question
        ORDER BY topic_id, asked DESC, last_day DESC, question
        """,
        {"people": least_people, "ids": list(topic_ids)},
    )
    found: dict[UUID, list[Wording]] = {topic_id: [] for topic_id in topic_ids}
    for row in await cursor.fetchall():
        found[row["topic_id"]].append(Wording(row["question"], row["asked"], row["last_day"]))
    return found


def _name(wordings: Sequence[Wording]) -> str:
    return most_central(Counter({each.question: each.asked for each in wordings[:WORDINGS]}))
