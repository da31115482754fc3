"""The gate of changes: whether a configuration answers as well as the one that was accepted.

A configuration is known by its fingerprint. The one accepted last is the reference; another one is
measured on the gold set of `evaluation.set`, and no figure of `evaluation.measures` may be lower
than the reference's, over the questions that both were asked, by more than `evaluation.margin`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from govbot import audit
from govbot.config import Settings
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.rights import account_of
from govbot.errors import Conflict
from govbot.eval import gold, runs
from govbot.eval.compare import compare
from govbot.eval.fingerprint import Fingerprint
from govbot.eval.score import OF_ANSWERS, Scored
from govbot.ids import new_id

log = logging.getLogger(__name__)

State = Literal["off", "no-set", "first", "accepted", "unknown", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A configuration taken into use, with the run that the next ones are compared with."""

    fingerprint: Mapping[str, str]
    digest: str
    run_id: runs.RunId | None
    figures: Mapping[str, Any]
    forced: bool
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Fall:
    """A figure that fell beyond the margin."""

    measure: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How the gate stands to a configuration; `changed` names the parts that are not as accepted.

    off: it watches nothing. no-set: the set is missing or empty. first: nothing was accepted yet.
    unknown: no run of it is stored. passed, failed: by the newest run.
    """

    state: State
    changed: Sequence[str] = ()
    falls: Sequence[Fall] = ()
    run: runs.Run | None = None

    @property
    def told(self) -> str:
        """The figures that fell, in words: "mrr@10 0.91 -> 0.85"."""
        return told(self.falls)


async def standing(conn: Connection, settings: Settings, made_with: Fingerprint) -> Standing:
    """How the gate stands to the configuration with this fingerprint; as the system."""
    watch = settings.evaluation
    if watch.gate == "off" or not watch.set:
        return Standing("off")
    found = await gold.find_set(conn, watch.set)
    if found is None or not found.questions:
        return Standing("no-set")
    reference = await accepted(conn)
    if reference is not None and reference.digest == made_with.digest:
        return Standing("accepted")
    run = await runs.measured(conn, found.id, made_with.digest, answers=needs_answers(settings))
    if reference is None:
        return Standing("first", run=run)
    changed = made_with.changed(reference.fingerprint)
    if run is None:
        return Standing("unknown", changed)
    falls = await judge(conn, settings, reference, run)
    return Standing("failed" if falls else "passed", changed, falls, run)


def require(settings: Settings, found: Standing, *, measured: bool = False) -> None:
    """Raises Conflict E-GATE for a configuration that failed or, once one was accepted, was never
    measured; `measured`: the first one has to be measured too."""
    watch = settings.evaluation
    if found.state in ("off", "no-set") and measured:
        raise Conflict(
            "The gate watches nothing: set evaluation.gate and evaluation.set to a gold set with"
            " questions, or use --force.",
            code="E-GATE",
        )
    if found.state == "failed":
        raise Conflict(
            "With these settings the answers are worse than before (%(fell)s; changed:"
            " %(changed)s). Set them back, or take them into use with `govbot eval accept"
            " --force`.",
            code="E-GATE",
            fell=found.told,
            changed=", ".join(found.changed),
        )
    if found.state == "unknown" or (measured and found.state == "first" and found.run is None):
        raise Conflict(
            "These settings were not measured yet (changed: %(changed)s). Run `govbot eval run"
            ' --gold "%(set)s"`, then `govbot eval accept`.',
            code="E-GATE",
            changed=", ".join(found.changed) or "-",
            set=watch.set,
        )


def needs_answers(settings: Settings) -> bool:
    """Whether the watched figures need answers, beside the search."""
    return any(measure in OF_ANSWERS for measure in settings.evaluation.measures)


async def accepted(conn: Connection) -> Acceptance | None:
    """The configuration accepted last, if any; as the system or an administrator."""
    cursor = await conn.execute(
        """
        SELECT a.fingerprint, a.digest, a.run_id, a.figures, a.forced, a.accepted_at
        FROM eval_acceptances a ORDER BY a.accepted_at DESC, a.id DESC LIMIT 1
        """
    )
    row = await cursor.fetchone()
    return Acceptance(**row) if row else None


async def judge(
    conn: Connection, settings: Settings, reference: Acceptance, run: runs.Run
) -> list[Fall]:
    """The watched figures in which the run is lower than the reference beyond the margin."""
    before = await runs.outcomes(conn, reference.run_id) if reference.run_id else []
    return falls(settings, before, await runs.outcomes(conn, run.id))


def falls(settings: Settings, before: Sequence[Scored], after: Sequence[Scored]) -> list[Fall]:
    """Over the questions that both were asked; what only one of them measured does not count."""
    compared = compare(before, after)
    watch = settings.evaluation
    found = [compared.of(measure) for measure in watch.measures]
    return [
        Fall(each.measure, each.before, each.after)
        for each in found
        if each is not None and each.change < -watch.margin - 1e-9
    ]


def told(falls: Sequence[Fall]) -> str:
    """The figures that fell, in words."""
    return ", ".join(f"{f.measure} {f.before:.3f} -> {f.after:.3f}" for f in falls)


async def settle(
    conn: Connection, settings: Settings, made_with: Fingerprint, run: runs.Run
) -> None:
    """What follows from a run of the configuration in use: accepted, or told; as the system."""
    now = await standing(conn, settings, made_with)
    passed = now.state in ("first", "passed")
    if passed and run.digest == made_with.digest:
        await accept(conn, None, made_with, run)
    if now.state == "failed":
        log.warning(
            "The configuration in use answers worse than the one accepted: %s",
            now.told,
            extra={"action": "evaluation.fell", "changed": list(now.changed)},
        )
    await conn.execute(
        "UPDATE eval_runs SET verdict = %(verdict)s WHERE id = %(id)s",
        {"id": run.id, "verdict": "failed" if now.state == "failed" else "passed"},
    )


async def accept(
    conn: Connection,
    actor: Actor | None,
    made_with: Fingerprint,
    run: runs.Run | None,
    *,
    forced: bool = False,
) -> None:
    """The configuration is the reference from now on, audited; as the system.

    What passes by itself with lower figures keeps the run of the reference before it: else many
    small falls would add up.
    """
    before = await accepted(conn)
    measured = run
    if actor is None and before is not None and before.run_id is not None and run is not None:
        rows = compare(await runs.outcomes(conn, before.run_id), await runs.outcomes(conn, run.id))
        if any(each.change < 0 for each in rows.differences if each.measure == "mrr@10"):
            measured = await runs.get(conn, before.run_id)
    await conn.execute(
        """
        INSERT INTO eval_acceptances (id, fingerprint, digest, run_id, figures, forced, accepted_by)
        VALUES (%(id)s, %(fingerprint)s, %(digest)s, %(run_id)s, %(figures)s, %(forced)s, %(user)s)
        """,
        {
            "id": new_id(),
            "fingerprint": Jsonb(dict(made_with.parts)),
            "digest": made_with.digest,
            "run_id": measured.id if measured else None,
            "figures": Jsonb(dict(measured.figures) if measured else {}),
            "forced": forced,
            "user": account_of(actor),
        },
    )
    await withdraw_warnings(conn)
    await audit.record(
        conn,
        actor=actor,
        action="eval.accepted",
        resource=f"eval:{run.id}" if run else "",
        details={"settings": dict(made_with.parts), "forced": forced},
    )


async def withdraw_warnings(conn: Connection) -> None:
    """What was told of a configuration that is not in use any more; as the system."""
    await conn.execute("UPDATE eval_runs SET verdict = 'past' WHERE verdict = 'failed'")


async def has_fallen(conn: Connection) -> bool:
    """Whether some run says that the configuration in use answers worse."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM eval_runs r WHERE r.verdict = 'failed') AS fell"
    )
    row = await cursor.fetchone()
    return bool(row and row["fell"])


async def warning(conn: Connection) -> runs.Run | None:
    """The run that says that the configuration in use answers worse, if there is one."""
    cursor = await conn.execute(
        """
        SELECT r.id FROM eval_runs r WHERE r.verdict = 'failed'
        ORDER BY r.created_at DESC LIMIT 1
        """
    )
    row = await cursor.fetchone()
    return await runs.get(conn, row["id"]) if row else None


def with_embedder(reference: Acceptance, made_with: Fingerprint) -> Fingerprint:
    """What is accepted with a change of the embedder alone: all else stays as it was accepted."""
    parts = {**reference.fingerprint, "embedder": made_with.parts["embedder"]}
    return replace(made_with, parts=parts)
