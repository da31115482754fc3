"""Runs of the evaluation in the database: asked for, made, and what came of each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, NewType
from uuid import UUID

from psycopg.types.json import Jsonb

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.rights import account_of
from govbot.errors import Invalid, NotFound
from govbot.eval.fingerprint import Fingerprint
from govbot.eval.gold import GoldSetId
from govbot.eval.questions import Question
from govbot.eval.score import Scored, figures, standard_errors
from govbot.ids import UserId, new_id
from govbot.retrieval.retrieve import Mode

RunId = NewType("RunId", UUID)
Purpose = Literal["manual", "gate"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]

_RUN = """
    SELECT r.id, r.set_id, r.source, r.label, r.state, r.purpose, r.verdict, r.mode, r.answers,
           r.fingerprint, r.digest, r.figures, r.done, r.total, r.error, r.asked_as, r.created_by,
           u.name AS author, r.created_at, r.finished_at
    FROM eval_runs r
    LEFT JOIN users u ON u.id = r.created_by
"""
_SCORED = tuple(field.name for field in fields(Scored) if field.name not in ("gold_id", "gain"))


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `source` is the name of the set or of the file; `figures` hold the standard errors
    under "se". `asked_as` None: with the operator's rights."""

    id: RunId
    set_id: GoldSetId | None
    source: str
    label: str
    state: State
    purpose: Purpose
    verdict: str
    mode: Mode
    answers: bool
    fingerprint: Mapping[str, str]
    digest: str
    figures: Mapping[str, Any]
    done: int
    total: int
    error: str
    asked_as: UserId | None
    created_by: UserId | None
    author: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.state not in ("waiting", "running")

    def figure(self, name: str) -> float | None:
        """A figure, None where it was not measured."""
        value = self.figures.get(name)
        return float(value) if isinstance(value, int | float) else None

    def error_of(self, name: str) -> float | None:
        """The standard error of a figure."""
        value = dict(self.figures.get("se") or {}).get(name)
        return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run to be made; `queued`: by the worker. With `asked_as` None the operator asks."""

    source: str
    questions: Sequence[Question]
    set_id: GoldSetId | None = None
    label: str = ""
    mode: Mode = "hybrid"
    answers: bool = True
    purpose: Purpose = "manual"
    queued: bool = False
    asked_as: UserId | None = None


async def create(conn: Connection, actor: Actor | None, wanted: Wanted) -> RunId:
    """A run that waits to be made, audited. Raises Invalid for one without questions."""
    if not wanted.questions:
        raise Invalid("The set has no questions yet.", code="E-GOLD")
    run_id = RunId(new_id())
    keys = sorted({key for question in wanted.questions for key in question.keys})
    await conn.execute(
        """
        INSERT INTO eval_runs (id, set_id, source, label, purpose, mode, answers, total,
                               document_keys, by_name, queued, asked_as, created_by)
        VALUES (%(id)s, %(set_id)s, %(source)s, %(label)s, %(purpose)s, %(mode)s, %(answers)s,
                %(total)s, %(keys)s, %(by_name)s, %(queued)s, %(asked_as)s, %(user)s)
        """,
        {
            "id": run_id,
            "set_id": wanted.set_id,
            "source": wanted.source[:200],
            "label": wanted.label.strip()[:200],
            "purpose": wanted.purpose,
            "mode": wanted.mode,
            "answers": wanted.answers,
            "total": len(wanted.questions),
            "keys": keys,
            "by_name": any(question.documents for question in wanted.questions),
            "queued": wanted.queued,
            "asked_as": wanted.asked_as,
            "user": account_of(actor),
        },
    )
    await audit.record(
        conn,
        actor=actor,
        action="eval.started",
        resource=f"eval:{run_id}",
        details={"set": wanted.source[:200], "questions": len(wanted.questions)},
    )
    return run_id


async def begin(conn: Connection, run_id: RunId, made_with: Fingerprint, total: int) -> None:
    """Notes what the run is made with; as the system."""
    await conn.execute(
        """
        UPDATE eval_runs
        SET state = 'running', fingerprint = %(fingerprint)s, digest = %(digest)s,
            total = %(total)s
        WHERE id = %(id)s AND state = 'waiting'
        """,
        {
            "id": run_id,
            "fingerprint": Jsonb(dict(made_with.parts)),
            "digest": made_with.digest,
            "total": total,
        },
    )


async def store(conn: Connection, run_id: RunId, first: int, rows: Sequence[Scored]) -> None:
    """What came of some questions, the first of them at place `first`; as the system."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO eval_outcomes (run_id, place, question_id, label, answerable, located, rank,
                                       document_rank, gain, sufficient, refused, contained,
                                       cited_page, cited_span, cited_opens, support, search_ms,
                                       answer_ms)
            VALUES (%(run_id)s, %(place)s,
                    (SELECT g.id FROM gold_questions g WHERE g.id = %(gold_id)s), %(label)s,
                    %(answerable)s, %(located)s, %(rank)s, %(document_rank)s, %(gain)s,
                    %(sufficient)s, %(refused)s, %(contained)s, %(cited_page)s, %(cited_span)s,
                    %(cited_opens)s, %(support)s, %(search_ms)s, %(answer_ms)s)
            ON CONFLICT (run_id, place) DO NOTHING
            """,
            [
                {name: getattr(row, name) for name in (*_SCORED, "gold_id", "gain")}
                | {"run_id": run_id, "place": place}
                for place, row in enumerate(rows, first)
            ],
        )
    await conn.execute(
        "UPDATE eval_runs SET done = %(done)s WHERE id = %(id)s",
        {"id": run_id, "done": first + len(rows)},
    )


async def finish(conn: Connection, run_id: RunId) -> Run:
    """Counts the figures of all outcomes; as the system."""
    rows = await outcomes(conn, run_id)
    counted = figures(rows) | {"se": standard_errors(rows)}
    await conn.execute(
        """
        UPDATE eval_runs
        SET state = 'done', figures = %(figures)s, finished_at = now()
        WHERE id = %(id)s AND state = 'running'
        """,
        {"id": run_id, "figures": Jsonb(counted)},
    )
    return await get(conn, run_id)


async def give_up(conn: Connection, run_id: RunId, reason: str, *, state: State = "failed") -> None:
    """The run ends without figures; as the system."""
    await conn.execute(
        """
        UPDATE eval_runs SET state = %(state)s, error = %(reason)s, finished_at = now()
        WHERE id = %(id)s AND state IN ('waiting', 'running')
        """,
        {"id": run_id, "state": state, "reason": reason},
    )


async def give_up_others(conn: Connection, set_id: GoldSetId, digest: str) -> None:
    """Ends the gate's runs that were begun with another configuration; as the system."""
    await conn.execute(
        """
        UPDATE eval_runs SET state = 'cancelled', finished_at = now()
        WHERE set_id = %(set_id)s AND purpose = 'gate' AND state = 'running'
          AND digest <> %(digest)s
        """,
        {"set_id": set_id, "digest": digest},
    )


async def cancel(conn: Connection, actor: Actor, run_id: RunId) -> None:
    """Ends a run that waits or is being made, audited; as the system."""
    await give_up(conn, run_id, "", state="cancelled")
    await audit.record(conn, actor=actor, action="eval.cancelled", resource=f"eval:{run_id}")


async def get(conn: Connection, run_id: RunId) -> Run:
    """One run; raises NotFound when it is not there for the actor."""
    cursor = await conn.execute(_RUN + " WHERE r.id = %(id)s", {"id": run_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return Run(**row)


async def by_prefix(conn: Connection, text: str) -> Run:
    """The run whose id ends so (at least six characters). Raises NotFound, Invalid."""
    cursor = await conn.execute(
        _RUN + " WHERE right(r.id::text, length(%(text)s)) = %(text)s LIMIT 2",
        {"text": text.strip().lower()},
    )
    rows = await cursor.fetchall() if len(text.strip()) >= SHORTEST_ID else []
    if len(rows) > 1:
        raise Invalid("Several runs end in %(text)s: give more of it.", text=text)
    if not rows:
        raise NotFound('There is no run "%(text)s".', text=text)
    return Run(**rows[0])


SHORTEST_ID = 6


async def listing(
    conn: Connection,
    *,
    set_id: GoldSetId | None = None,
    limit: int = 50,
    purpose: Purpose | None = None,
) -> list[Run]:
    """Runs, the newest first."""
    cursor = await conn.execute(
        _RUN
        + """
        WHERE (%(set_id)s::uuid IS NULL OR r.set_id = %(set_id)s)
          AND (%(purpose)s::text IS NULL OR r.purpose = %(purpose)s)
        ORDER BY r.created_at DESC, r.id DESC
        LIMIT %(limit)s
        """,
        {"set_id": set_id, "limit": limit, "purpose": purpose},
    )
    return [Run(**row) for row in await cursor.fetchall()]


async def previous(conn: Connection, run: Run) -> Run | None:
    """The newest run of the same set that was made before this one and has figures."""
    cursor = await conn.execute(
        _RUN
        + """
        WHERE r.set_id = %(set_id)s AND r.state = 'done' AND r.created_at < %(moment)s
        ORDER BY r.created_at DESC
        LIMIT 1
        """,
        {"set_id": run.set_id, "moment": run.created_at},
    )
    row = await cursor.fetchone()
    return Run(**row) if row else None


async def outcomes(conn: Connection, run_id: RunId) -> list[Scored]:
    """What came of the questions that the actor sees, in the order of the run."""
    cursor = await conn.execute(
        """
        SELECT o.question_id AS gold_id, o.label, o.answerable, o.located, o.rank, o.document_rank,
               o.gain, o.sufficient, o.refused, o.contained, o.cited_page, o.cited_span,
               o.cited_opens, o.support, o.search_ms, o.answer_ms
        FROM eval_outcomes o
        WHERE o.run_id = %(run_id)s
        ORDER BY o.place
        """,
        {"run_id": run_id},
    )
    return [Scored(**row) for row in await cursor.fetchall()]


async def texts(conn: Connection, run_id: RunId) -> dict[UUID, str]:
    """The questions of a run that are in the database and that the actor sees."""
    cursor = await conn.execute(
        """
        SELECT g.id, g.question FROM gold_questions g
        WHERE g.id IN (SELECT o.question_id FROM eval_outcomes o WHERE o.run_id = %(run_id)s)
        """,
        {"run_id": run_id},
    )
    return {row["id"]: row["question"] for row in await cursor.fetchall()}


async def measured(
    conn: Connection, set_id: GoldSetId, digest: str, *, answers: bool
) -> Run | None:
    """The newest run of a whole set with this configuration; with `answers`, one that made them."""
    cursor = await conn.execute(
        _RUN
        + """
        WHERE r.set_id = %(set_id)s AND r.digest = %(digest)s AND r.state = 'done'
          AND r.mode = 'hybrid' AND r.asked_as IS NULL AND (r.answers OR NOT %(answers)s)
        ORDER BY r.created_at DESC
        LIMIT 1
        """,
        {"set_id": set_id, "digest": digest, "answers": answers},
    )
    row = await cursor.fetchone()
    return Run(**row) if row else None


async def under_way(conn: Connection, set_id: GoldSetId, purpose: Purpose) -> bool:
    """Whether such a run waits or is being made."""
    cursor = await conn.execute(
        """
        SELECT FROM eval_runs r
        WHERE r.queued AND r.state IN ('waiting', 'running') AND r.set_id = %(set_id)s
          AND r.purpose = %(purpose)s
        """,
        {"set_id": set_id, "purpose": purpose},
    )
    return await cursor.fetchone() is not None


async def next_waiting(conn: Connection) -> Run | None:
    """The run to go on with: the one under way, or the first that waits; as the system."""
    cursor = await conn.execute(
        _RUN
        + """
        WHERE r.queued AND r.state IN ('waiting', 'running')
        ORDER BY r.state = 'waiting', r.created_at, r.id
        LIMIT 1
        """
    )
    row = await cursor.fetchone()
    return Run(**row) if row else None
