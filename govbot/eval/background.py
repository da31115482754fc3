"""Runs made by the worker of the service: one at a time, behind all other work, a slice at a time.

A slice ends after some seconds and queues the next one, so that documents which came in meanwhile
are read first. What a slice did is stored, so a worker may die at any moment.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import aclosing
from time import monotonic
from typing import Final, Protocol

from govbot.auth import users
from govbot.config import Settings
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Conflict, Denied, GovBotError, Unavailable
from govbot.eval import gate, gold, runs
from govbot.eval.fingerprint import Fingerprint, fingerprint
from govbot.eval.questions import Question
from govbot.eval.run import App as Measured
from govbot.eval.run import bench_of, outcomes
from govbot.eval.score import scored
from govbot.jobs.queue import Queue

log = logging.getLogger(__name__)

TASK: Final = "evaluate"
LOCK: Final = "evaluation"
PRIORITY: Final = -10
SLICE_S: Final = 15.0


class App(Measured, Protocol):
    """The parts that an evaluation needs."""

    @property
    def queue(self) -> Queue: ...


async def ask_for(
    conn: Connection, queue: Queue, actor: Actor | None, wanted: runs.Wanted
) -> runs.RunId:
    """A run that the worker makes when the caller's transaction commits. Raises Invalid."""
    run_id = await runs.create(conn, actor, wanted)
    await queue.defer_in(conn, TASK, lock=LOCK, priority=PRIORITY)
    return run_id


async def measure(
    conn: Connection, queue: Queue, settings: Settings, made_with: Fingerprint
) -> None:
    """The configuration in use is to be measured for the gate, unless that is under way already.

    What is under way with another configuration ends.
    """
    found = await gold.find_set(conn, settings.evaluation.set)
    if found is None:
        return
    await runs.give_up_others(conn, found.id, made_with.digest)
    if await runs.under_way(conn, found.id, "gate"):
        return
    wanted = runs.Wanted(
        source=found.name,
        questions=[each.as_question() for each in await gold.questions(conn, found.id)],
        set_id=found.id,
        answers=gate.needs_answers(settings),
        purpose="gate",
        queued=True,
    )
    await ask_for(conn, queue, None, wanted)


async def work(app: App) -> None:
    """One slice of the run that is first in line; queues the next slice while there is more.

    Raises Unavailable when a part is missing: the worker comes back to it later.
    """
    async with as_system(app.pool) as conn:
        run = await runs.next_waiting(conn)
    if run is None:
        return
    try:
        await _slice(app, run)
    except Unavailable:
        raise
    except GovBotError as error:
        log.warning(
            "An evaluation ended without figures: %s",
            error.error_code,
            extra={"action": "evaluation.failed"},
        )
        async with as_system(app.pool) as conn:
            await runs.give_up(conn, run.id, str(error))
    async with as_system(app.pool) as conn:
        if await runs.next_waiting(conn) is not None:
            await app.queue.defer_in(conn, TASK, lock=LOCK, priority=PRIORITY)


async def _slice(app: App, run: runs.Run) -> None:
    actor = await _asker(app.pool, run)
    questions = await _questions(app.pool, actor, run)
    async with as_system(app.pool) as conn:
        made_with = await fingerprint(conn, app)
        if run.digest not in ("", made_with.digest):
            raise Conflict("The configuration changed while the evaluation was being made.")
        await runs.begin(conn, run.id, made_with, len(questions))
        stored = {row.gold_id for row in await runs.outcomes(conn, run.id)}
    left = [question for question in questions if question.gold_id not in stored]
    if await _ask(app, actor, run, left, first=len(stored)):
        async with as_system(app.pool) as conn:
            finished = await runs.finish(conn, run.id)
            if run.purpose == "gate" and finished.state == "done":
                await gate.settle(conn, app.settings, made_with, finished)


async def _ask(
    app: App, actor: Actor, run: runs.Run, left: Sequence[Question], *, first: int
) -> bool:
    """Asks until the time of a slice is over; whether nothing is left."""
    bench = bench_of(app)
    until = monotonic() + SLICE_S
    asked = outcomes(bench, actor, left, mode=run.mode, answers=run.answers)
    done = 0
    async with aclosing(asked) as steps:
        async for outcome in steps:
            async with as_system(app.pool) as conn:
                await runs.store(conn, run.id, first + done, [scored(outcome)])
            done += 1
            if monotonic() > until:
                break
    return done == len(left)


async def _asker(pool: Pool, run: runs.Run) -> Actor:
    """With whose rights the run asks; raises Denied when the account may not any more."""
    if run.asked_as is None:
        return OPERATOR
    async with as_system(pool) as conn:
        user = await users.get(conn, run.asked_as)
    if user.disabled_at is not None:
        raise Denied
    return users.actor_for(user)


async def _questions(pool: Pool, actor: Actor, run: runs.Run) -> list[Question]:
    """Those that the asker sees; raises Denied when there are none (any more)."""
    if run.set_id is None:
        raise Denied
    async with as_actor(pool, actor) as conn:
        found = [each.as_question() for each in await gold.questions(conn, run.set_id)]
    if not found:
        raise Denied
    return found
