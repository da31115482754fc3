"""`govbot key`: API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.auth.api_keys import Wish

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    username: Annotated[str, typer.Argument(help="User that the key acts as.")],
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="search, ask, documents:read, documents:write, conversations:read or "
            "conversations:write; repeatable."
        ),
    ],
    days: Annotated[
        int | None, typer.Option(min=0, help="Days until it ends; 0: never, where allowed.")
    ] = None,
    address: Annotated[
        list[str] | None, typer.Option(help="Address or network it may come from; repeatable.")
    ] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Requests in a minute.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    from govbot.auth.api_keys import Wish

    run_async(_create, username, Wish(name, scope, days, address or (), per_minute), as_json)


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option(help="Only the keys of this user.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys with their last use; the secret part is stored nowhere."""
    run_async(_list, user, as_json)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The part between the underscores of gb_..._...")],
) -> None:
    """End a key at once."""
    run_async(_revoke, key)


async def _create(username: str, wish: Wish, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import api_keys, users
    from govbot.db.access import OPERATOR, as_system

    settings = current_settings()
    async with open_store(settings) as pool, as_system(pool) as conn:
        owner = users.actor_for(await users.by_username(conn, username))
        key, text = await api_keys.create(conn, owner, wish, settings=settings.api, by=OPERATOR)
    if as_json:
        output.print_json({"id": key.handle, "key": text, "expires_at": key.expires_at})
    else:
        print(text)


async def _list(username: str | None, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import api_keys, users
    from govbot.db.access import as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        owner = (await users.by_username(conn, username)).id if username else None
        found = await api_keys.keys_of(conn, owner)
    if as_json:
        output.print_json(found)
        return
    rows = [
        (k.handle, k.username, k.name, " ".join(k.scopes), k.expires_at, k.last_used_at, k.in_force)
        for k in found
    ]
    output.print_table(("id", "user", "name", "scopes", "ends", "last used", "in force"), rows)


async def _revoke(key: str) -> None:
    from govbot.app import open_store
    from govbot.auth import api_keys
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = await api_keys.by_handle(conn, key)
        await api_keys.revoke(conn, found.id, by=OPERATOR)
    output.say(f"{found.handle} of {found.username} opens nothing any more.")
