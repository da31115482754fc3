"""Groups the questions without answer into topics and lets old ones go, as the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import GovBotError
from govbot.feedback.grouping import Asked, group
from govbot.ids import new_id
from govbot.models.embedder import Embedder

log = logging.getLogger(__name__)

BATCH = 300  # questions grouped at once
TOPICS = 1000  # the most recent ones, that questions may join
MEMBERS = 10  # questions of a topic that speak for it
_LOCK = 7177  # of pg_try_advisory_xact_lock: one node groups at a time


class Parts(Protocol):
    """What of the application this needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    question: str
    day: date
    topic_id: UUID | None
    vector: list[float] | None
    fingerprint: str


async def gather(parts: Parts, *, batches: int = 1) -> int:
    """Puts new questions into topics, at most `batches` times BATCH; returns how many.

    No connection is held while the embedder computes.
    """
    gathered = 0
    for _number in range(batches):
        done = await _gather(parts)
        gathered += done
        if done < BATCH:
            break
    return gathered


async def keep_up(parts: Parts, *, today: date | None = None) -> None:
    """What the service does every hour: the end of months, retention, grouping."""
    today = today or date.today()
    days = parts.settings.feedback.gap_days
    async with as_system(parts.pool) as conn:
        await conn.execute("SELECT govbot_end_gap_months(%(today)s)", {"today": today})
        if days:
            await conn.execute(
                "DELETE FROM gap_questions WHERE day < %(until)s",
                {"until": today - timedelta(days=days)},
            )
        await conn.execute(
            """
            DELETE FROM gap_topics t
            WHERE NOT EXISTS (SELECT FROM gap_questions q WHERE q.topic_id = t.id)
            """
        )
    await gather(parts, batches=20)


async def _gather(parts: Parts) -> int:
    async with as_system(parts.pool) as conn:
        new = await _new(conn)
        known = await _members(conn) if new else []
    if not new:
        return 0
    vectors, fingerprint = await _vectors(parts.embedder, [*new, *known])
    groups: dict[UUID, list[Asked]] = {}
    for row in known:
        if row.topic_id is not None:
            groups.setdefault(row.topic_id, []).append(Asked(row.question, vectors.get(row.id)))
    asked = [Asked(row.question, vectors.get(row.id)) for row in new]
    numbers = await asyncio.to_thread(group, list(groups.values()), asked)
    topics = [*groups, *(new_id() for _ in range(len(groups), max(numbers) + 1))]
    async with as_system(parts.pool) as conn:
        if not await _locked(conn):
            return 0
        for row, number in zip(new, numbers, strict=True):
            await _join(conn, row, topics[number], vectors.get(row.id), fingerprint)
        for row in known:
            if row.fingerprint != fingerprint and row.id in vectors:
                await _keep_vector(conn, row.id, vectors[row.id], fingerprint)
    return len(new)


async def _new(conn: Connection) -> list[_Row]:
    cursor = await conn.execute(
        """
        SELECT id, question, day, topic_id, vector, fingerprint
        FROM gap_questions
        WHERE topic_id IS NULL
        ORDER BY id
        LIMIT %(limit)s
        """,
        {"limit": BATCH},
    )
    return [_Row(**row) for row in await cursor.fetchall()]


async def _members(conn: Connection) -> list[_Row]:
    """The newest questions of the newest topics."""
    cursor = await conn.execute(
        """
        SELECT q.id, q.question, q.day, q.topic_id, q.vector, q.fingerprint
        FROM (SELECT id FROM gap_topics ORDER BY last_day DESC, id LIMIT %(topics)s) t
        CROSS JOIN LATERAL (
            SELECT o.id, o.question, o.day, o.topic_id, o.vector, o.fingerprint
            FROM gap_questions o WHERE o.topic_id = t.id ORDER BY o.id DESC LIMIT %(members)s
        ) q
        ORDER BY q.topic_id, q.id
        """,
        {"topics": TOPICS, "members": MEMBERS},
    )
    return [_Row(**row) for row in await cursor.fetchall()]


async def _vectors(
    embedder: Embedder | None, rows: Sequence[_Row]
) -> tuple[dict[UUID, list[float]], str]:
    """Vectors of one space, those stored where they are of it; none where no model answers."""
    if embedder is None:
        return {}, ""
    found = {
        row.id: row.vector for row in rows if row.vector and row.fingerprint == embedder.fingerprint
    }
    missing = [row for row in rows if row.id not in found][: 4 * BATCH]
    try:
        for row in missing:
            found[row.id] = await embedder.embed_query(row.question)
    except GovBotError as error:
        log.warning(
            "Questions are grouped by their words alone: %s",
            error.error_code,
            extra={"action": "gaps.grouped"},
        )
        return {}, ""
    return found, embedder.fingerprint


async def _locked(conn: Connection) -> bool:
    cursor = await conn.execute(
        "SELECT pg_try_advisory_xact_lock(%(lock)s) AS held", {"lock": _LOCK}
    )
    row = await cursor.fetchone()
    return bool(row and row["held"])


async def _join(
    conn: Connection, row: _Row, topic_id: UUID, vector: list[float] | None, fingerprint: str
) -> None:
    """The question becomes one of the topic; one that was done is open again when asked later."""
    await conn.execute(
        """
        INSERT INTO gap_topics AS t (id, last_day) VALUES (%(topic)s, %(day)s)
        ON CONFLICT (id) DO UPDATE
        SET last_day = greatest(t.last_day, excluded.last_day),
            state = CASE WHEN t.state = 'done' AND excluded.last_day > t.decided_at::date
                         THEN 'open' ELSE t.state END
        """,
        {"topic": topic_id, "day": row.day},
    )
    await conn.execute(
        """
        UPDATE gap_questions
        SET topic_id = %(topic)s, vector = %(vector)s::real[], fingerprint = %(fingerprint)s
        WHERE id = %(id)s AND topic_id IS NULL
        """,
        {"id": row.id, "topic": topic_id, "vector": vector, "fingerprint": fingerprint},
    )


async def _keep_vector(
    conn: Connection, question_id: UUID, vector: list[float], fingerprint: str
) -> None:
    await conn.execute(
        """
        UPDATE gap_questions
        SET vector = %(vector)s::real[], fingerprint = %(fingerprint)s
        WHERE id = %(id)s
        """,
        {"id": question_id, "vector": vector, "fingerprint": fingerprint},
    )
