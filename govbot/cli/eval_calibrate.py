"""`govbot eval calibrate`: fit when to refuse on the organisation's own questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.eval.calibrate import Report
    from govbot.eval.questions import Question


def command(
    file: Annotated[
        Path | None, typer.Argument(help="Lines of {id, question, answers, doc}.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option(metavar="NAME", help="A gold set of the database instead.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--as", help="Ask with this user's rights; else as operator.")
    ] = None,
    max_wrong: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share of answerable questions that may be refused."),
    ] = 0.03,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the table and store nothing.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Go back to what GovBot brings, for the models in use."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit on known questions below which confidence an answer is refused, and store it.

    Each question is also judged without the documents that hold its answer. The weights of the
    signals are fitted too where there are 100 questions of both kinds. What is stored holds for
    the embedder and the reranker in use.
    """
    if forget:
        gone = run_async(_forget)
        output.say("The calibration is gone." if gone else "There was no calibration.")
        return
    if (file is None) == (gold is None):
        raise typer.BadParameter("name a file or a gold set")
    report = run_async(_calibrate, file, gold, user, max_wrong, not dry_run)
    if as_json:
        output.print_json(report)
        return
    _show(report, stored=not dry_run)


def _show(report: Report, *, stored: bool) -> None:
    fitted = report.fitted
    output.print_table(
        ("", "threshold", "refused rightly", "refused wrongly"),
        [
            (
                ">" if cut.threshold == fitted.calibration.threshold else "",
                f"{cut.threshold:.4f}",
                f"{cut.refused_right:.3f}",
                f"{cut.refused_wrong:.3f}",
            )
            for cut in report.cuts
        ],
    )
    output.print_table(
        ("figure", "value"),
        [
            ("questions to answer", fitted.answerable),
            ("questions to refuse", fitted.unanswerable),
            ("area under the ROC curve", f"{report.area:.3f}"),
            ("fitted", "weights and threshold" if report.weights_fitted else "threshold"),
            ("stored", "yes" if stored else "no"),
        ],
    )


async def _calibrate(
    file: Path | None, gold: str | None, username: str | None, max_wrong: float, stored: bool
) -> Report:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.eval.calibrate import fit, keep, samples_of
    from govbot.eval.run import bench_of

    async with open_app(current_settings()) as parts:
        actor = await acting(parts.pool, username)
        questions = await _questions(parts, file, gold)
        bench = bench_of(parts)
        with output.progress("questions", total=len(questions)) as bar:
            samples = await samples_of(bench, actor, questions, on_done=bar.advance)
        report = fit(samples, max_wrong)
        if stored:
            await keep(bench, report)
    return report


async def _questions(parts: App, file: Path | None, gold: str | None) -> list[Question]:
    from govbot.db.access import as_system
    from govbot.errors import NotFound
    from govbot.eval.gold import find_set, questions
    from govbot.eval.questions import read_questions

    if file is not None:
        return read_questions(file)
    async with as_system(parts.pool) as conn:
        found = await find_set(conn, gold or "")
        if found is None:
            raise NotFound("There is no gold set %(name)s.", name=gold)
        return [each.as_question() for each in await questions(conn, found.id)]


async def _forget() -> bool:
    from govbot.app import open_app
    from govbot.eval.calibrate import discard
    from govbot.eval.run import bench_of

    async with open_app(current_settings()) as parts:
        return await discard(bench_of(parts))
