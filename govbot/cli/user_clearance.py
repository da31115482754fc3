"""`govbot user clearance`: how secret a document a user may see."""

from __future__ import annotations

from typing import Annotated

import typer

from govbot.cli import current_settings, run_async
from govbot.cli.document_rights import DEGREES, degree_of


def add_to(app: typer.Typer) -> None:
    """The command, as one of `govbot user`."""
    app.command()(clearance)


def clearance(
    username: Annotated[str, typer.Argument(help="User name, such as ana.souza.")],
    level: Annotated[str, typer.Argument(help=f"{', '.join(DEGREES)}; or 0 to 4.")],
) -> None:
    """Choose up to which degree of secrecy a user sees documents."""
    run_async(_clearance, username, level)


async def _clearance(username: str, level: str) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system

    degree = degree_of(level)
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        await users.set_clearance(conn, user.id, degree, by=OPERATOR)
