"""`govbot nodes`: the processes that serve on this database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.nodes import roster

app = typer.Typer(no_args_is_help=True, help="See the nodes that share this database.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the nodes of the last day, what each does alone, and how many answers it writes."""
    run_async(_list, as_json)


@app.command()
def adopt(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make this key and this folder of originals those of the installation, after a loss.

    Only when the key or the folder that the database knows is lost for good: what was sealed with a
    lost key must be given anew. Stop all nodes first.
    """
    if not yes:
        typer.confirm("Is the key or folder that the database knows lost for good?", abort=True)
    run_async(_adopt)


async def _list(as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.nodes import roster

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await roster.listed(conn)
    if as_json:
        output.print_json([asdict(node) for node in found])
        return
    now = datetime.now(UTC)
    output.print_table(
        ["node", "version", "started", "last sign", "state", "alone", "answers"],
        [
            [
                node.name,
                node.version,
                f"{node.started_at:%Y-%m-%d %H:%M}",
                f"{max(0, (now - node.seen_at).total_seconds()):.0f} s ago",
                _state(node),
                " ".join(node.duties),
                node.answers,
            ]
            for node in found
        ],
    )
    if not any(node.lives for node in found):
        output.warn("no node serves")


async def _adopt() -> None:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.documents.files import FileStore
    from govbot.errors import Conflict
    from govbot.nodes import installation, roster
    from govbot.sealing import open_sealer

    settings = current_settings()
    async with open_store(settings) as pool:
        async with as_system(pool) as conn:
            if any(node.lives for node in await roster.listed(conn)):
                raise Conflict("A node serves: stop all of them first.", code="E-NODE-LIVES")
        files = FileStore(settings.data_dir / "files")
        files.prepare()
        sealer = open_sealer(settings.security.key.get_secret_value(), settings.data_dir)
        mark = await installation.adopt(pool, sealer, files)
    print(f"This is installation {mark} now.")


def _state(node: roster.Listed) -> str:
    if not node.lives:
        return "dead"
    return node.problem or "serves"
