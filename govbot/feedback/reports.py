"""Answers that were rated down, for the curators of their documents: without who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NewType
from uuid import UUID

from govbot import audit
from govbot.db.access import Actor, found
from govbot.db.pool import Connection
from govbot.feedback.states import Decision, Reason, State
from govbot.ids import DocumentId, UserId, VersionId
from govbot.privacy import Kind, mask

ReportId = NewType("ReportId", UUID)

_REPORT = """
    SELECT r.id, r.question, r.answer, r.as_of, r.refused, r.excerpts, r.reason, r.comment, r.day,
           r.state, r.note, r.decided_by, r.decided_at, r.gold_id,
           govbot_masked_kinds(r.sources) AS masked
    FROM answer_reports r
"""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A passage that the answer cited, or for a refusal came near."""

    kind: Literal["cited", "nearest"]
    number: int
    document_id: DocumentId
    version_id: VersionId
    name: str
    page_from: int
    page_to: int
    heading: str
    quote: str


@dataclass(frozen=True, slots=True)
class Report:
    """A bad answer. `gold_id`: the gold question that was made of it."""

    id: ReportId
    question: str
    answer: str
    as_of: date | None
    refused: bool
    excerpts: bool
    reason: Reason
    comment: str
    day: date
    state: State
    note: str
    decided_by: UserId | None
    decided_at: datetime | None
    gold_id: UUID | None


async def reports(
    conn: Connection, *, state: State | None = None, limit: int = 50, before: ReportId | None = None
) -> list[Report]:
    """What the actor may see, the newest first; `before` pages on."""
    cursor = await conn.execute(
        _REPORT
        + """
        WHERE (%(state)s::text IS NULL OR r.state = %(state)s::text)
          AND (%(before)s::uuid IS NULL OR r.id < %(before)s::uuid)
        ORDER BY r.id DESC
        LIMIT %(limit)s
        """,
        {"state": state, "before": before, "limit": limit},
    )
    return [_report(row) for row in await cursor.fetchall()]


async def count_by_state(conn: Connection) -> dict[State, int]:
    """How many the actor may see, by state."""
    cursor = await conn.execute("SELECT state, count(*) AS n FROM answer_reports GROUP BY state")
    rows = {row["state"]: int(row["n"]) for row in await cursor.fetchall()}
    return {state: rows.get(state.value, 0) for state in State}


async def get_report(conn: Connection, report_id: ReportId) -> Report:
    """One of them; raises NotFound."""
    cursor = await conn.execute(_REPORT + " WHERE r.id = %(id)s", {"id": report_id})
    return _report(found(await cursor.fetchone()))


async def quoted(conn: Connection, report_id: ReportId) -> Sequence[Quoted]:
    """What the answer cited, in order; what collections hide is masked."""
    cursor = await conn.execute(
        """
        SELECT c.kind, c.number, d.id AS document_id, c.version_id,
               coalesce(nullif(d.title, ''), d.filename) AS name, c.page_from, c.page_to,
               c.heading, c.quote, govbot_masked_kinds(ARRAY[d.key]) AS masked
        FROM answer_reports r
        CROSS JOIN jsonb_to_recordset(r.citations) AS c (
            kind text, number integer, document_key integer, version_id uuid, page_from integer,
            page_to integer, heading text, quote text)
        JOIN documents d ON d.key = c.document_key
        JOIN document_versions v ON v.id = c.version_id
        WHERE r.id = %(id)s
        ORDER BY c.kind, c.number
        """,
        {"id": report_id},
    )
    return [_quoted(row) for row in await cursor.fetchall()]


async def decide(
    conn: Connection,
    actor: Actor,
    report_id: ReportId,
    decision: Decision,
    *,
    gold_id: UUID | None = None,
) -> None:
    """Sets how far a report is; raises NotFound."""
    cursor = await conn.execute(
        """
        UPDATE answer_reports
        SET state = %(state)s, note = %(note)s, gold_id = coalesce(%(gold)s::uuid, gold_id),
            decided_by = govbot_actor(), decided_at = now()
        WHERE id = %(id)s
        RETURNING id
        """,
        {"id": report_id, "state": decision.state, "note": decision.note, "gold": gold_id},
    )
    found(await cursor.fetchone())
    await audit.record(
        conn,
        actor=actor,
        action="report.decided",
        resource=f"report:{report_id}",
        details={"state": decision.state.value},
    )


def _report(row: Mapping[str, Any]) -> Report:
    fields = {name: value for name, value in row.items() if name != "masked"}
    hidden = frozenset(map(Kind, row["masked"]))
    fields |= {"answer": mask(row["answer"], hidden), "reason": Reason(row["reason"])}
    return Report(**fields | {"state": State(row["state"])})


def _quoted(row: Mapping[str, Any]) -> Quoted:
    fields = {name: value for name, value in row.items() if name != "masked"}
    hidden = frozenset(map(Kind, row["masked"]))
    return Quoted(
        **fields | {name: mask(row[name], hidden) for name in ("name", "heading", "quote")}
    )
