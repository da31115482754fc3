"""`govbot secret`: secrets of the settings, sealed in the database, and the key of all seals."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async

app = typer.Typer(no_args_is_help=True, help="Keep secrets of the settings sealed.")

Name = Annotated[str, typer.Argument(help="Setting, such as generation.api_key.")]


@app.command("set")
def set_(name: Name) -> None:
    """Store a secret, read from standard input or asked for: never from the command line."""
    if sys.stdin.isatty():
        value: str = typer.prompt(name, hide_input=True, confirmation_prompt=True)
    else:
        value = sys.stdin.read().rstrip("\r\n")
    run_async(_set, name, value)


@app.command("list")
def list_() -> None:
    """List the names of the stored secrets."""
    run_async(_list)


@app.command()
def remove(name: Name) -> None:
    """Forget a secret."""
    run_async(_remove, name)


@app.command()
def rotate() -> None:
    """Make a new key and seal everything again under it.

    Where the keys come from the setting security.key, put the new one first, run this, then take
    the old ones out.
    """
    run_async(_rotate)


async def _set(name: str, value: str) -> None:
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.config.lists import listed_secrets
    from govbot.db.access import as_system
    from govbot.errors import Invalid
    from govbot.sealing import open_sealer

    settings = current_settings()
    known = [*sealed.fillable(), *(key for key, _ in listed_secrets(settings))]
    if name not in known:
        raise Invalid("Only these can be stored: %(names)s.", names=", ".join(known))
    sealer = open_sealer(settings.security.key.get_secret_value(), settings.data_dir)
    async with open_store(settings) as pool, as_system(pool) as conn:
        await sealed.set_secret(conn, sealer, name, value)
    if name not in sealed.fillable(settings):
        output.warn(f"{name} is set in {settings.origin(name)} too, and that one counts.")
    output.say("Stored. Restart the service to use it.")


async def _list() -> None:
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        for name in await sealed.names(conn):
            print(name)


async def _remove(name: str) -> None:
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        await sealed.remove_secret(conn, name)


async def _rotate() -> None:
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.sealing import open_sealer

    settings = current_settings()
    given = settings.security.key.get_secret_value()
    sealer = open_sealer(given, settings.data_dir)
    async with open_store(settings) as pool:
        if given:
            count = await sealed.reseal(pool, sealer)
        else:
            count = await sealed.rotate(pool, settings.data_dir)
    print(f"{count} values sealed again.")
