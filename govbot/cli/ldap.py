"""`govbot ldap`: try the directory's settings, compare the accounts with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.auth.ldap import LdapDirectory
    from govbot.auth.ldap_check import Step
    from govbot.config import Settings
    from govbot.db.pool import Pool

app = typer.Typer(no_args_is_help=True, help="Try the directory, compare the accounts with it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("test")
def try_settings(
    username: Annotated[str, typer.Argument(metavar="USER", help="A person to look for.")] = "",
    ask_password: Annotated[
        bool, typer.Option("--password", help="Ask for that person's password and try it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try the servers step by step; each failure comes with what to do. Changes nothing."""
    password = typer.prompt("Password", hide_input=True) if ask_password and username else None
    run_async(_test, username, password, as_json)


@app.command()
def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even when very many accounts would be disabled.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the accounts with the directory: who left is disabled and signed out."""
    run_async(_preview if dry_run else _sync, force, as_json)


async def _test(username: str, password: str | None, as_json: bool) -> None:
    from typing import cast

    from govbot.auth import ldap_check

    settings = current_settings()
    if settings.ldap.bind_dn and not settings.ldap.bind_password.get_secret_value():
        async with _opened() as ldap:  # its password is kept in the database
            steps = await ldap_check.diagnose(ldap, username, password)
    else:  # the steps ask the directory alone, so that they work where the database does not
        ldap = _directory(settings, cast("Pool", None))
        steps = await ldap_check.diagnose(ldap, username, password)
    if as_json:
        output.print_json([_plain(step) for step in steps])
    else:
        for step in steps:
            print(_line(step))
            if step.remedy:
                print(f"      {step.remedy}")
    if not all(step.passed for step in steps):
        raise typer.Exit(1)


async def _preview(_force: bool, as_json: bool) -> None:
    from govbot.auth import ldap_sync

    async with _opened() as ldap:
        planned = await ldap_sync.plan(ldap)
    leaving, share = planned.departures(), ldap.settings.max_disabled_percent
    if not ldap_sync.is_plausible(planned, share):
        output.warn(f"a comparison would be refused: more than {share} % would be disabled")
    if as_json:
        output.print_json([{"user": name, "reason": reason} for name, reason in leaving])
        return
    output.say(f"{planned.accounts} accounts, {planned.found} found in the directory")
    output.print_table(["would be disabled", "reason"], leaving)


async def _sync(force: bool, as_json: bool) -> None:
    from govbot.auth import ldap_sync
    from govbot.db.access import OPERATOR

    async with _opened() as ldap:
        done = await ldap_sync.sync(ldap, force=force, by=OPERATOR)
    if as_json:
        output.print_json(done)
        return
    columns = ["accounts", "found", "disabled", "enabled", "skipped"]
    output.print_table(columns, [[getattr(done, name) for name in columns]])


@asynccontextmanager
async def _opened() -> AsyncIterator[LdapDirectory]:
    """The directory with the secrets that the database keeps, and the accounts behind it."""
    from govbot.app import open_store
    from govbot.auth import sealed
    from govbot.sealing import open_sealer

    settings = current_settings()
    async with open_store(settings) as pool:
        sealer = open_sealer(settings.security.key.get_secret_value(), settings.data_dir)
        yield _directory(await sealed.fill(settings, pool, sealer), pool)


def _directory(settings: Settings, pool: Pool) -> LdapDirectory:
    from govbot.auth.ldap import open_directory
    from govbot.errors import BadConfig

    ldap = open_directory(settings.ldap, pool)
    if ldap is None:
        raise BadConfig("No directory is configured: set ldap.servers (docs/sign-in.md)")
    return ldap


def _line(step: Step) -> str:
    mark = "ok  " if step.passed else "FAIL"
    return f"{mark}  {step.name:<9} {step.place}" + (f": {step.seen}" if step.seen else "")


def _plain(step: Step) -> dict[str, object]:
    return {
        "step": step.name,
        "place": step.place,
        "passed": step.passed,
        "seen": step.seen,
        "remedy": step.remedy,
    }
