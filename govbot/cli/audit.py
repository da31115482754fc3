"""`govbot audit`: read the audit log and check its chain."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async

app = typer.Typer(no_args_is_help=True, help="List and verify the audit log.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest entries to show.")] = 50,
    before: Annotated[int | None, typer.Option(help="Go on from this entry number.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the newest entries first."""
    run_async(_list, limit, before, action, user, as_json)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Check every entry against the chain of hashes; exit code 1 when it is broken."""
    if not run_async(_verify, as_json):
        raise typer.Exit(1)


async def _list(
    limit: int, before: int | None, action: str | None, user: str | None, as_json: bool
) -> None:
    from govbot import audit
    from govbot.app import open_store
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await audit.entries(conn, limit=limit, before=before, action=action, actor=user)
    if as_json:
        output.print_json(
            [
                {
                    "seq": e.seq,
                    "at": e.at.isoformat(),
                    "actor": e.actor_name,
                    "action": e.action,
                    "resource": e.resource,
                    "details": json.loads(e.details),
                    "ip": e.ip,
                    "hash": bytes(e.hash).hex(),
                }
                for e in found
            ]
        )
        return
    rows = [[e.seq, e.at, e.actor_name or "govbot", e.action, e.resource, e.details] for e in found]
    output.print_table(["seq", "at", "who", "action", "resource", "details"], rows)


async def _verify(as_json: bool) -> bool:
    from govbot import audit
    from govbot.app import open_store
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        report = await audit.verify(conn)
    if as_json:
        output.print_json(report)
    elif report.first_broken is None:
        print(f"{report.entries} entries, the chain is whole. Last hash: {report.last_hash}")
    else:
        print(f"The chain is broken at entry {report.first_broken}.")
    return report.first_broken is None
