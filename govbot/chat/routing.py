"""Which model wrote an answer and why: kept with the answer, counted by day, chosen by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from govbot.db.access import OPERATOR, Actor, Role
from govbot.db.pool import Connection
from govbot.errors import Invalid
from govbot.generate import Generator, Routed
from govbot.generate.members import ModelState
from govbot.generate.pool import Pool


@dataclass(frozen=True, slots=True)
class Count:
    """Answers of some days that a model wrote for one reason."""

    model: str
    reason: str
    answers: int


def as_json(routed: Routed | None) -> dict[str, Any]:
    """The decision as it is stored; empty where no model wrote."""
    if routed is None:
        return {}
    return {
        "model": routed.model,
        "reason": routed.reason,
        "signs": list(routed.signs),
        "passed": list(routed.passed),
    }


def from_json(value: Mapping[str, Any]) -> Routed | None:
    if not value:
        return None
    return Routed(value["model"], value["reason"], tuple(value["signs"]), tuple(value["passed"]))


async def count(conn: Connection, routed: Routed | None, *, day: date) -> None:
    """In the transaction that closes an answer, as the person; nothing of them is kept."""
    if routed is not None:
        await conn.execute(
            "SELECT govbot_count_routing(%(day)s, %(model)s, %(reason)s)",
            {"day": day, "model": routed.model, "reason": routed.reason},
        )


async def counts(conn: Connection, *, since: date) -> Sequence[Count]:
    """For administrators, the most frequent first; at most 200."""
    cursor = await conn.execute(
        """
        SELECT model, reason, sum(answers)::integer AS answers
        FROM routing_days
        WHERE day >= %(since)s
        GROUP BY model, reason
        ORDER BY sum(answers) DESC, model, reason
        LIMIT 200
        """,
        {"since": since},
    )
    return [Count(**row) for row in await cursor.fetchall()]


def offered(generator: Generator) -> tuple[ModelState, ...]:
    """The models that people may choose for a question."""
    return generator.offered() if isinstance(generator, Pool) else ()


def check_choice(generator: Generator, actor: Actor, model: str) -> str:
    """The model, which must be one of those on offer; administrators choose any. Raises Invalid."""
    if not model:
        return ""
    known = {each.name for each in offered(generator)}
    if isinstance(generator, Pool) and (actor is OPERATOR or actor.role is Role.ADMIN):
        known = {each.name for each in generator.models()}
    if model not in known:
        raise Invalid("There is no such model to choose.", code="E-MODEL-NOT-OFFERED")
    return model
