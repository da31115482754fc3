"""`govbot person`: what is kept about a person, its export, its erasure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async

app = typer.Typer(no_args_is_help=True, help="Export, erase and find the data of a person.")

Username = Annotated[str, typer.Argument(help="User name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def export(
    username: Username,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="ZIP file to write.")
    ] = None,
) -> None:
    """Write everything about a user into a ZIP of JSON files and a page to read."""
    run_async(_export, username, output or Path(f"{username}.zip"))


@app.command()
def erase(
    username: Username,
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it nothing happens.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go and what would stay.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the report there too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase the person behind an account; the account becomes an anonymous number."""
    run_async(_erase, username, yes, dry_run, report, as_json)


@app.command()
def find(
    value: Annotated[str, typer.Argument(help="CPF or other number, e-mail address, or name.")],
    as_json: AsJson = False,
) -> None:
    """List documents and pages where somebody's number, address or name stands."""
    run_async(_find, value, as_json)


@app.command()
def scan() -> None:
    """Look through stored pages for personal data now; the service does it every hour."""
    run_async(_scan)


async def _export(username: str, target: Path) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system
    from govbot.persons import export as persons_export

    settings = current_settings()
    async with open_store(settings) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        dossier = await persons_export.collect(
            conn, user.id, by=OPERATOR, language=settings.language
        )
        packed = persons_export.archive(dossier, language=settings.language)
        # Inside the transaction: what was not handed over is not written down as handed over.
        _write(target, packed)
    print(target)


async def _erase(
    username: str, yes: bool, dry_run: bool, target: Path | None, as_json: bool
) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system
    from govbot.errors import Invalid
    from govbot.persons.erase import erase as erase_person

    if not (yes or dry_run):
        raise Invalid("Erasing cannot be taken back: say --yes, or --dry-run to see what it does.")
    settings = current_settings()
    async with open_store(settings) as pool:
        async with as_system(pool) as conn:
            user = await users.by_username(conn, username)
        report = await erase_person(
            pool, user.id, by=OPERATOR, rehearse=dry_run, language=settings.language
        )
    text = report.as_text(settings.language)
    if target is not None:
        _write(target, text.encode())
    if as_json:
        output.print_json(report.as_json(settings.language))
    else:
        print(text, end="")


async def _find(value: str, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.persons import subject

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        places = await subject.search(conn, value, by=OPERATOR)
    if as_json:
        output.print_json(places)
        return
    output.print_table(
        ["collection", "document", "version", "page", "id"],
        [[p.collection, p.title, p.version, p.page or "", p.document_id] for p in places],
    )


async def _scan() -> None:
    from govbot.app import open_store
    from govbot.ingest.personal import look_through

    async with open_store(current_settings()) as pool:
        looked = await look_through(pool)
    print(f"{looked} versions looked through")


def _write(target: Path, content: bytes) -> None:
    """Writes a new file that only its owner reads. Raises Conflict, Unavailable."""
    from govbot.errors import Conflict, Unavailable

    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Conflict(
            "%(path)s is there already: choose another file.", path=str(target)
        ) from error
    except OSError as error:
        raise Unavailable(
            "%(path)s cannot be written (%(reason)s).",
            path=str(target),
            reason=error.strerror or str(error),
        ) from error
