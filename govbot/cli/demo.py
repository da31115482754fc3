"""`govbot demo`: load the demonstration without serving it."""

from __future__ import annotations

from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async


def command(
    users_only: Annotated[
        bool, typer.Option("--users", help="Only show the demo users and their passwords.")
    ] = False,
) -> None:
    """Load the demonstration documents and users."""
    run_async(_demo, users_only)


async def _demo(users_only: bool) -> None:
    from govbot.app import open_app
    from govbot.demo import load

    settings = current_settings()
    if users_only:
        users = load.demo_users(settings.data_dir)
    else:
        async with open_app(settings, migrate=True, on_progress=output.say) as app:
            users = await load.load(app, output.say)
    rows = [[u.username, u.password, u.role, ", ".join(u.groups)] for u in users]
    output.print_table(["user", "password", "role", "groups"], rows)
