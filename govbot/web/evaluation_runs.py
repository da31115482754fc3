"""Runs of the evaluation: started, followed, looked at question by question, compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.db.access import Role, as_actor, as_system
from govbot.errors import Denied, Invalid
from govbot.eval import background, gold, runs
from govbot.eval.compare import Changed, compare
from govbot.eval.gold import GoldSetId
from govbot.eval.runs import Run, RunId
from govbot.eval.score import Scored
from govbot.web import charts, evaluation_words
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/avaliacao"
HISTORY = 40  # runs in the list and the chart of a set
CHARTED = ("mrr@10", "hit@5", "answer_hit", "refusal")
SHOWN_CHANGES = 50

Earlier = Annotated[UUID | None, QueryParameter(name="antes")]
Later = Annotated[UUID, QueryParameter(name="depois")]


async def start(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[Any]:
    """A run of the questions that the visitor sees, with the visitor's rights, in its time."""
    form = await visit.form()
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
        wanted = runs.Wanted(
            source=found.name,
            questions=[each.as_question() for each in await gold.questions(conn, found.id)],
            set_id=found.id,
            label=form.get("label", ""),
            answers=form.get("answers") == "1",
            queued=True,
            asked_as=visit.actor.id,
        )
        run_id = await background.ask_for(conn, visit.app.queue, visit.actor, wanted)
    return visit.redirect(f"{PATH}/rodadas/{run_id}")


async def show(visit: CurrentVisit, run_id: FromPath[UUID]) -> Response[str]:
    """A run: its progress, then its figures and what came of each question."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        run = await runs.get(conn, RunId(run_id))
        rows = await runs.outcomes(conn, run.id) if run.finished else []
        texts = await runs.texts(conn, run.id) if run.finished else {}
    template = "evaluation/_run.html" if visit.wants_fragment else "evaluation/run.html"
    return visit.page(
        template,
        run=run,
        rows=rows,
        told=lambda row: texts.get(row.gold_id, row.label) if row.gold_id else row.label,
        figures=evaluation_words.figures_of(visit, run),
        parts=evaluation_words.made_with(visit, run.fingerprint),
        may_cancel=visit.may(Role.ADMIN) or run.created_by == visit.actor.id,
        **evaluation_words.words(visit),
    )


async def cancel(visit: CurrentVisit, run_id: FromPath[UUID]) -> Response[Any]:
    """Ends a run that waits or is being made."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        run = await runs.get(conn, RunId(run_id))
    if not visit.may(Role.ADMIN) and run.created_by != visit.actor.id:
        raise Denied
    async with as_system(visit.app.pool) as conn:
        await runs.cancel(conn, visit.actor, run.id)
    return visit.redirect(f"{PATH}/rodadas/{run.id}")


async def difference(visit: CurrentVisit, depois: Later, antes: Earlier = None) -> Response[str]:
    """Two runs side by side, over the questions that both asked and the visitor sees.

    Without `antes`, the run of the same set before.
    """
    async with as_actor(visit.app.pool, visit.actor) as conn:
        after = await runs.get(conn, RunId(depois))
        before = await runs.get(conn, RunId(antes)) if antes else await runs.previous(conn, after)
        if before is None or not (before.state == after.state == "done"):
            raise Invalid(_("One of the evaluations has no figures."))
        compared = compare(
            await runs.outcomes(conn, before.id), await runs.outcomes(conn, after.id)
        )
        texts = await runs.texts(conn, after.id)
    changed = [
        (name, before.fingerprint.get(name, ""), value)
        for name, value in after.fingerprint.items()
        if before.fingerprint.get(name, "") != value
    ]
    return visit.page(
        "evaluation/compare.html",
        before=before,
        after=after,
        compared=compared,
        worse=_told(compared.worse, texts),
        better=_told(compared.better, texts),
        changed=[
            (visit.translate(evaluation_words.PARTS[name]), old, new) for name, old, new in changed
        ],
        **evaluation_words.words(visit),
    )


def history_chart(visit: Visit, history: Sequence[Run]) -> charts.Chart | None:
    """The main figures of the runs of a set, the oldest first; None for fewer than two."""
    done = [run for run in reversed(history) if run.state == "done" and run.mode == "hybrid"]
    if len(done) < 2:
        return None
    series = [
        (visit.translate(evaluation_words.MEASURE_NAMES[name]), [run.figure(name) for run in done])
        for name in CHARTED
        if any(run.figure(name) is not None for run in done)
    ]
    lowest = min((v for _, values in series for v in values if v is not None), default=0.0)
    return charts.line_chart(
        visit.translate(_("Figures of the runs")),
        [visit.language.short_date((run.finished_at or run.created_at).date()) for run in done],
        series,
        low=int(lowest * 10) / 10 if lowest < 1 else 0.9,
        high=1.0,
        shown=lambda value: evaluation_words.share(visit, value),
    )


def _told(changes: Sequence[Changed], texts: dict[UUID, str]) -> list[tuple[str, Scored, Scored]]:
    """The question and what came of it before and after, the largest changes first."""
    return [
        (
            texts.get(each.after.gold_id, each.label) if each.after.gold_id else each.label,
            each.before,
            each.after,
        )
        for each in changes[:SHOWN_CHANGES]
    ]
