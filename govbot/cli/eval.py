"""`govbot eval`: retrieval and answers measured on a set of questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.eval.questions import Question
    from govbot.eval.score import Outcome

app = typer.Typer(no_args_is_help=True)

Mode = Literal["hybrid", "lexical", "dense"]


@app.callback()
def group() -> None:
    """Measure retrieval and answers on a set of questions."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="Lines of {id, question, answers, doc, page?}.")],
    user: Annotated[
        str | None, typer.Option("--as", help="Ask with this user's rights; else as operator.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="Legs of the search to use.")] = "hybrid",
    answers: Annotated[
        bool, typer.Option(help="Also make the answers; --no-answers measures the search alone.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure search and answers on the questions of a file.

    `doc` is the original file name; a question with `page` needs a passage of that page. Questions
    without `answers` ask for what the documents do not tell: refusing is right.
    """
    from govbot.eval.questions import read_questions
    from govbot.eval.score import summary

    figures = summary(run_async(_run, read_questions(file), user, mode, answers))
    if as_json:
        output.print_json(figures)
        return
    output.print_table(
        ("figure", "value"), [(name, "-" if v is None else v) for name, v in figures.items()]
    )


async def _run(
    questions: list[Question], username: str | None, mode: Mode, answers: bool
) -> list[Outcome]:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.eval.run import Bench, evaluate

    settings = current_settings()
    async with open_app(settings) as parts:
        actor = await acting(parts.pool, username)
        bench = Bench(parts.pool, settings, parts.embedder, parts.generator)
        with output.progress("questions", total=len(questions)) as bar:
            return await evaluate(
                bench, actor, questions, mode=mode, answers=answers, on_done=bar.advance
            )
