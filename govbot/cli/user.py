"""`govbot user`: local accounts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.user_clearance import add_to

if TYPE_CHECKING:
    from govbot.db.access import Role

app = typer.Typer(no_args_is_help=True, help="Add, list and disable users, set passwords.")
add_to(app)

Username = Annotated[str, typer.Argument(help="User name, such as ana.souza.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command()
def add(
    username: Username,
    name: Annotated[str, typer.Option(help="Full name.")] = "",
    role: Annotated[str, typer.Option(help="admin, curator, auditor or user.")] = "user",
    group: Annotated[list[str] | None, typer.Option(help="Group to join; repeatable.")] = None,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Create a user; without a password given, one is made and printed once."""
    run_async(_add, username, name, role, group or [], _password(password_stdin), as_json)


@app.command()
def passwd(username: Username, password_stdin: FromStdin = False) -> None:
    """Set a user's password and end all of their sessions."""
    run_async(_passwd, username, _password(password_stdin))


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the users with role and groups."""
    run_async(_list, as_json)


@app.command()
def disable(username: Username) -> None:
    """Disable a user: sessions end at once, nothing is deleted."""
    run_async(_set_disabled, username, True)


@app.command()
def enable(username: Username) -> None:
    """Let a disabled user in again."""
    run_async(_set_disabled, username, False)


@app.command()
def role(
    username: Username,
    role: Annotated[str, typer.Argument(help="admin, curator, auditor or user.")],
) -> None:
    """Change a user's role."""
    run_async(_set_role, username, role)


@app.command("reset-second-factor")
def reset_second_factor(username: Username) -> None:
    """Take a user's second factor and recovery codes away and end all of their sessions."""
    run_async(_reset_second_factor, username)


@app.command()
def sessions(username: Username, as_json: AsJson = False) -> None:
    """List where a user is signed in."""
    run_async(_sessions, username, as_json)


@app.command("sign-out")
def sign_out(
    username: Annotated[str, typer.Argument(help="User name, such as ana.souza.")] = "",
    everyone: Annotated[bool, typer.Option("--all", help="Of all users.")] = False,
) -> None:
    """End all sessions of a user, or of all users."""
    run_async(_sign_out, username, everyone)


def _password(from_stdin: bool) -> str | None:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty():
        typed: str = typer.prompt(
            "Password (empty: make one)", hide_input=True, default="", show_default=False
        )
        return typed or None
    return None


async def _add(
    username: str, name: str, role: str, groups: list[str], password: str | None, as_json: bool
) -> None:
    from govbot.app import open_store
    from govbot.auth import groups as group_store
    from govbot.auth import passwords, users
    from govbot.db.access import OPERATOR, as_system

    settings = current_settings()
    made = password is None
    secret = password if password is not None else passwords.generate_password()
    minimum = settings.auth.min_password_length
    about = (username, name, settings.organisation)
    passwords.check_strength(secret, minimum=minimum, context=about)
    chosen = _role(role)
    async with open_store(settings) as pool, as_system(pool) as conn:
        user_id = await users.create_user(
            conn, username=username, name=name, password=secret, role=chosen,
            must_change_password=made, by=OPERATOR,
        )  # fmt: skip
        for group in groups:
            found = await group_store.by_name(conn, group)
            await group_store.add_member(conn, found.id, user_id, by=OPERATOR)
    result = {"id": str(user_id), "username": username, "role": chosen.value}
    if made:
        result["password"] = secret
    if as_json:
        output.print_json(result)
    else:
        print(f"{username} ({chosen.value})" + (f"  password: {secret}" if made else ""))


async def _passwd(username: str, password: str | None) -> None:
    from govbot.app import open_store
    from govbot.auth import passwords, users
    from govbot.db.access import OPERATOR, as_system

    settings = current_settings()
    secret = password if password is not None else passwords.generate_password()
    minimum = settings.auth.min_password_length
    passwords.check_strength(secret, minimum=minimum, context=(username, settings.organisation))
    async with open_store(settings) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        await users.set_password(conn, user.id, secret, must_change=password is None, by=OPERATOR)
    print(f"{username}" + (f"  password: {secret}" if password is None else ""))


async def _list(as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await users.list_users(conn)
    if as_json:
        output.print_json(found)
        return
    rows = [
        [u.username, u.name, u.role.value, ", ".join(u.groups), u.disabled_at is not None]
        for u in found
    ]
    output.print_table(["username", "name", "role", "groups", "disabled"], rows)


async def _set_disabled(username: str, disabled: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        await users.set_disabled(conn, user.id, disabled=disabled, by=OPERATOR)


async def _set_role(username: str, role: str) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system

    chosen = _role(role)
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        await users.set_role(conn, user.id, chosen, by=OPERATOR)


async def _reset_second_factor(username: str) -> None:
    from govbot.app import open_store
    from govbot.auth import totp, users
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        removed = await totp.remove(conn, user.id, by=OPERATOR)
    print(f"{user.username}: " + ("second factor removed" if removed else "no second factor"))


async def _sessions(username: str, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import sessions, users
    from govbot.db.access import as_system

    settings = current_settings()
    async with open_store(settings) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        found = await sessions.list_sessions(conn, user.id, settings.auth)
    if as_json:
        output.print_json(found)
        return
    rows = [
        [s.created_at, s.last_seen_at, s.ip, s.method.value, s.factor.value, s.user_agent[:60]]
        for s in found
    ]
    output.print_table(["since", "last used", "address", "by", "second factor", "program"], rows)


async def _sign_out(username: str, everyone: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import sessions, users
    from govbot.db.access import OPERATOR, as_system
    from govbot.errors import Invalid

    if bool(username) == everyone:
        raise Invalid("Name a user, or say --all.")
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        if everyone:
            ended = await sessions.end_all_sessions(conn, by=OPERATOR)
        else:
            user = await users.by_username(conn, username)
            ended = await sessions.end_sessions(conn, user.id, by=OPERATOR)
    print(f"{username or 'all'}: {ended}")


def _role(text: str) -> Role:
    from govbot.auth.roles import Role
    from govbot.errors import Invalid

    try:
        return Role(text)
    except ValueError as error:
        raise Invalid(
            "There is no role %(role)s: use admin, curator, auditor or user.", role=text
        ) from error
