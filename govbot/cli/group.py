"""`govbot group`: groups of users, which grants on collections name."""

from __future__ import annotations

from typing import Annotated

import typer

from govbot.cli import current_settings, output, run_async

app = typer.Typer(no_args_is_help=True, help="Create groups and choose their members.")

Name = Annotated[str, typer.Argument(help="Name of the group.")]
Members = Annotated[list[str], typer.Argument(help="User names.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(name: Name) -> None:
    """Create a group."""
    run_async(_add, name)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the groups with their members."""
    run_async(_list, as_json)


@app.command()
def delete(name: Name) -> None:
    """Delete a group and what was granted to it."""
    run_async(_delete, name)


@app.command("add-member")
def add_member(name: Name, usernames: Members) -> None:
    """Put users into a group."""
    run_async(_change, name, usernames, True)


@app.command("remove-member")
def remove_member(name: Name, usernames: Members) -> None:
    """Take users out of a group."""
    run_async(_change, name, usernames, False)


async def _add(name: str) -> None:
    from govbot.app import open_store
    from govbot.auth import groups
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        await groups.create_group(conn, name, by=OPERATOR)


async def _delete(name: str) -> None:
    from govbot.app import open_store
    from govbot.auth import groups
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        group = await groups.by_name(conn, name)
        await groups.delete_group(conn, group.id, by=OPERATOR)


async def _list(as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import groups
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await groups.list_groups(conn)
    if as_json:
        output.print_json(found)
        return
    output.print_table(["name", "members"], [[g.name, ", ".join(g.members)] for g in found])


async def _change(name: str, usernames: list[str], add: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import groups, users
    from govbot.db.access import OPERATOR, as_system

    act = groups.add_member if add else groups.remove_member
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        group = await groups.by_name(conn, name)
        for username in usernames:
            user = await users.by_username(conn, username)
            await act(conn, group.id, user.id, by=OPERATOR)
