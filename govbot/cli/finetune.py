"""`govbot finetune export|train|embedder`: learn from the organisation's own questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.document_rights import DEGREES, degree_of

if TYPE_CHECKING:
    from govbot.finetune.export import Exported, Wanted

app = typer.Typer(no_args_is_help=True)

Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection",
        metavar="NAME",
        help="Learn from the documents of this collection; may be given several times.",
    ),
]
AllCollections = Annotated[
    bool,
    typer.Option(
        "--all-collections",
        help="Of all. Whoever asks the model may be told what it learned.",
    ),
]
MaxSecrecy = Annotated[
    str, typer.Option(metavar="DEGREE", help=f"Nothing more secret: {', '.join(DEGREES)}.")
]
Gold = Annotated[
    list[str] | None,
    typer.Option(metavar="SET", help="Only this gold set; may be given several times."),
]
Held = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of the questions that is never trained on.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def group() -> None:
    """Adapt the models to your own questions. Needs the extra `finetune`, but for `export`."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the lines and the manifest.")],
    collection: Collections = None,
    all_collections: AllCollections = False,
    max_secrecy: MaxSecrecy = "public",
    gold: Gold = None,
    ratings: Annotated[
        bool,
        typer.Option("--ratings", help="Also answers rated good, where feedback.training is set."),
    ] = False,
    held: Held = 0.1,
    as_json: AsJson = False,
) -> None:
    """Write approved questions, answers and passages as lines of JSON in chat format. Audited.

    Personal data is masked. Documents that are revoked, in the trash, out of force, too secret or
    with grants of their own are left out.
    """
    from govbot.documents.types import Secrecy
    from govbot.finetune.export import Wanted

    names = chosen_collections(collection, all_collections)
    degree = Secrecy(degree_of(max_secrecy))
    wanted = Wanted(names, degree, tuple(gold or ()), ratings, held)
    done = run_async(_export, wanted, folder)
    if as_json:
        output.print_json(done)
        return
    rows = [(name, getattr(done, name)) for name in ("train", "held", "gold", "rated", "confirmed")]
    rows += [(f"left out: {why}", count) for why, count in done.left_out.items()]
    output.print_table(("pairs", "number"), rows)


def chosen_collections(names: list[str] | None, every: bool) -> tuple[str, ...] | None:
    """The names that were given, None for all; one of the two must be said."""
    if bool(names) == every:
        raise typer.BadParameter("name collections with --collection, or say --all-collections")
    return None if every else tuple(names or ())


async def _export(wanted: Wanted, folder: Path) -> Exported:
    from govbot.app import open_app
    from govbot.finetune.export import export as write

    async with open_app(current_settings()) as parts:
        with output.progress("pairs") as bar:
            return await write(parts, wanted, folder, bar.advance)
