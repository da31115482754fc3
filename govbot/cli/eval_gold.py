"""`govbot eval import|export|sets`: gold questions of the database as lines of JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.db.pool import Connection
    from govbot.eval.gold import GoldSet
    from govbot.eval.gold_lines import Imported

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a gold set.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def import_(
    name: SetName,
    file: Annotated[Path, typer.Argument(help="Lines of {id, question, answers, doc, page?}.")],
    as_json: AsJson = False,
) -> None:
    """Add the questions of a file to a gold set, which is made when it is not there.

    `doc` is matched with the file names of documents; questions that the set has are left out.
    """
    done = run_async(_import, name, _lines(file), str(file))
    if as_json:
        output.print_json(done)
        return
    print(f"{done.added} questions added, {done.known} known already")
    if done.unresolved:
        output.warn(f"{done.unresolved} questions name files that no document bears")


def export(
    name: SetName,
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
) -> None:
    """Write the questions of a gold set as lines of JSON."""
    lines = run_async(_export, name)
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, "utf-8")
        output.say(f"{len(lines)} questions written")


def sets(as_json: AsJson = False) -> None:
    """List the gold sets."""
    found = run_async(_sets)
    if as_json:
        for each in found:
            output.print_json(each, line=True)
        return
    output.print_table(("set", "questions"), [(each.name, each.questions) for each in found])


async def named(conn: Connection, name: str) -> GoldSet:
    """The set with this name; raises NotFound."""
    from govbot.errors import NotFound
    from govbot.eval import gold

    found = await gold.find_set(conn, name)
    if found is None:
        raise NotFound('There is no gold set "%(name)s".', name=name)
    return found


def _lines(file: Path) -> list[str]:
    from govbot.errors import Invalid

    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("%(file)s cannot be read.", file=file) from error


async def _import(name: str, lines: list[str], origin: str) -> Imported:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.eval.gold_lines import import_lines

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        return await import_lines(conn, OPERATOR, name, lines, origin=origin)


async def _export(name: str) -> list[str]:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.eval import gold
    from govbot.eval.gold_lines import export_lines

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        return export_lines(await gold.questions(conn, (await named(conn, name)).id))


async def _sets() -> list[GoldSet]:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.eval import gold

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        return await gold.sets(conn)
