"""`govbot eval`: retrieval and answers measured on a set of questions, runs kept and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from govbot.cli import (
    current_settings,
    eval_calibrate,
    eval_gate,
    eval_gold,
    output,
    run_async,
)

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.db.access import Actor
    from govbot.eval.compare import Changed, Comparison
    from govbot.eval.runs import Run, Wanted
    from govbot.eval.score import Outcome

app = typer.Typer(no_args_is_help=True)

Mode = Literal["hybrid", "lexical", "dense"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunName = Annotated[str, typer.Argument(help="The end of a run's id, as `govbot eval runs` shows.")]

SHOWN_ID = 8
SHOWN_CHANGES = 15
STORED_AT_ONCE = 50


@app.callback()
def group() -> None:
    """Measure retrieval and answers on a set of questions."""


app.command("import")(eval_gold.import_)
app.command("export")(eval_gold.export)
app.command("sets")(eval_gold.sets)
app.command("accept")(eval_gate.accept)
app.command("calibrate")(eval_calibrate.command)


@app.command()
def run(
    file: Annotated[
        Path | None, typer.Argument(help="Lines of {id, question, answers, doc, page?}.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option(metavar="SET", help="A gold set of the database instead.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--as", help="Ask with this user's rights; else as operator.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="Legs of the search to use.")] = "hybrid",
    answers: Annotated[
        bool, typer.Option(help="Also make the answers; --no-answers measures the search alone.")
    ] = True,
    label: Annotated[str, typer.Option(help="What this run is to be called.")] = "",
    store: Annotated[bool, typer.Option(help="Keep the run, to compare it with others.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure search and answers on the questions of a file or of a gold set.

    `doc` is the original file name; a question with `page` needs a passage of that page. Questions
    without `answers` ask for what the documents do not tell: refusing is right.
    """
    if (file is None) == (gold is None):
        raise typer.BadParameter("name a file or, with --gold, a gold set")
    figures = run_async(_run, file, gold, user, mode, answers, label, store)
    if as_json:
        output.print_json(figures)
        return
    errors = figures.pop("se")
    output.print_table(
        ("figure", "value", "standard error"),
        [(name, "-" if v is None else v, errors.get(name, "")) for name, v in figures.items()],
    )


@app.command("runs")
def runs_(
    gold: Annotated[str | None, typer.Option(metavar="SET", help="Of this gold set.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs that were kept, the newest first."""
    found = run_async(_runs, gold, limit)
    if as_json:
        for each in found:
            output.print_json(each, line=True)
        return
    names = ("mrr@10", "hit@5", "answer_hit", "refusal")
    output.print_table(
        ("run", "when", "set", "state", *names, "label"),
        [
            (
                *(str(r.id)[-SHOWN_ID:], r.created_at, r.source, r.state),
                *(r.figure(name) for name in names),
                r.label,
            )
            for r in found
        ],
    )


@app.command()
def compare(before: RunName, after: RunName, as_json: AsJson = False) -> None:
    """Compare two runs over the questions that both asked.

    `p` is the probability of so large a difference by chance alone: below 0.05 it is marked.
    """
    earlier, later, compared = run_async(_compare, before, after)
    if as_json:
        output.print_json(_as_json(earlier, later, compared))
        return
    changed = [name for name, value in later.fingerprint.items() if value != _part(earlier, name)]
    output.say(f"{compared.common} questions in both; changed: {', '.join(changed) or 'nothing'}")
    output.print_table(
        ("figure", "n", "before", "after", "change", "95 %", "p", ""),
        [
            (
                *(d.measure, d.n, f"{d.before:.4f}", f"{d.after:.4f}", f"{d.change:+.4f}"),
                *(f"{d.low:+.4f} to {d.high:+.4f}", f"{d.p:.4f}", "*" if d.significant else ""),
            )
            for d in compared.differences
        ],
    )
    for word, group_ in (("worse", compared.worse), ("better", compared.better)):
        if group_:
            print(f"\n{word}: {len(group_)}")
            output.print_table(
                ("question", "rank", "answer"), [_moved(each) for each in group_[:SHOWN_CHANGES]]
            )


def _part(run: Run, name: str) -> str:
    return run.fingerprint.get(name, "")


def _moved(changed: Changed) -> tuple[str, str, str]:
    before, after = changed.before, changed.after
    return (
        changed.label,
        f"{before.rank or '-'} -> {after.rank or '-'}",
        f"{_verdict(before.contained)} -> {_verdict(after.contained)}",
    )


def _verdict(contained: bool | None) -> str:
    return "-" if contained is None else "right" if contained else "wrong"


def _as_json(earlier: Run, later: Run, compared: Comparison) -> dict[str, Any]:
    def changes(group_: tuple[Changed, ...]) -> list[dict[str, Any]]:
        return [
            {
                "question": each.label,
                "rank": [each.before.rank, each.after.rank],
                "right": [each.before.contained, each.after.contained],
            }
            for each in group_
        ]

    return {
        "before": earlier.id,
        "after": later.id,
        "questions": compared.common,
        "figures": list(compared.differences),
        "worse": changes(compared.worse),
        "better": changes(compared.better),
    }


async def _run(
    file: Path | None,
    gold: str | None,
    username: str | None,
    mode: Mode,
    answers: bool,
    label: str,
    store: bool,
) -> dict[str, Any]:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.eval.runs import Wanted
    from govbot.eval.score import figures, scored, standard_errors

    async with open_app(current_settings()) as parts:
        actor = await acting(parts.pool, username)
        wanted = await _wanted(parts, actor, file, gold)
        wanted = Wanted(
            source=wanted.source,
            questions=wanted.questions,
            set_id=wanted.set_id,
            label=label,
            mode=mode,
            answers=answers,
            asked_as=actor.id if username else None,
        )
        found = await _outcomes(parts, actor, wanted)
        rows = [scored(outcome) for outcome in found]
        told: dict[str, Any] = {**figures(rows), "se": standard_errors(rows)}
        if store:
            told["run"] = str(await _store(parts, wanted, found))[-SHOWN_ID:]
        return told


async def _wanted(parts: App, actor: Actor, file: Path | None, gold: str | None) -> Wanted:
    from govbot.db.access import as_actor
    from govbot.eval import gold as gold_sets
    from govbot.eval.questions import read_questions
    from govbot.eval.runs import Wanted

    if file is not None:
        return Wanted(file.name, read_questions(file))
    assert gold is not None  # noqa: S101 - one of the two is given
    async with as_actor(parts.pool, actor) as conn:
        found = await eval_gold.named(conn, gold)
        questions = await gold_sets.questions(conn, found.id)
    return Wanted(found.name, [each.as_question() for each in questions], set_id=found.id)


async def _outcomes(parts: App, actor: Actor, wanted: Wanted) -> list[Outcome]:
    from govbot.errors import Invalid
    from govbot.eval.run import bench_of, evaluate

    if not wanted.questions:
        raise Invalid("The set has no questions yet.", code="E-GOLD")
    with output.progress("questions", total=len(wanted.questions)) as bar:
        return await evaluate(
            bench_of(parts),
            actor,
            wanted.questions,
            mode=wanted.mode,
            answers=wanted.answers,
            on_done=bar.advance,
        )


async def _store(parts: App, wanted: Wanted, found: list[Outcome]) -> object:
    from govbot.db.access import as_system
    from govbot.eval import runs
    from govbot.eval.fingerprint import fingerprint
    from govbot.eval.score import scored

    rows = [scored(outcome) for outcome in found]
    async with as_system(parts.pool) as conn:
        run_id = await runs.create(conn, None, wanted)
        await runs.begin(conn, run_id, await fingerprint(conn, parts), len(rows))
        for first in range(0, len(rows), STORED_AT_ONCE):
            await runs.store(conn, run_id, first, rows[first : first + STORED_AT_ONCE])
        await runs.finish(conn, run_id)
    return run_id


async def _runs(gold: str | None, limit: int) -> list[Run]:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.eval import runs

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        set_id = (await eval_gold.named(conn, gold)).id if gold else None
        return await runs.listing(conn, set_id=set_id, limit=limit)


async def _compare(before: str, after: str) -> tuple[Run, Run, Comparison]:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.eval import compare, runs

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        earlier, later = await runs.by_prefix(conn, before), await runs.by_prefix(conn, after)
        compared = compare.compare(
            await runs.outcomes(conn, earlier.id), await runs.outcomes(conn, later.id)
        )
    return earlier, later, compared
