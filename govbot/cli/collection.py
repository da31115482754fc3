"""`govbot collection`: collections of documents and who may read, write and manage them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.db.pool import Connection
    from govbot.documents.types import Collection, Effect

app = typer.Typer(no_args_is_help=True, help="Create collections and grant access.")

Name = Annotated[str, typer.Argument(help="Name of the collection.")]
User = Annotated[str | None, typer.Option("--user", help="User name.")]
Group = Annotated[str | None, typer.Option("--group", help="Name of a group.")]
Deny = Annotated[bool, typer.Option("--deny", help="A denial, which wins over permissions.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    name: Name,
    description: Annotated[str, typer.Option(help="What it holds.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a collection; only administrators see it until access is granted."""
    run_async(_add, name, description, as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the collections with their documents and who may do what."""
    run_async(_list, as_json)


@app.command()
def grant(
    name: Name,
    level: Annotated[str, typer.Argument(help="read, write or manage.")],
    user: User = None,
    group: Group = None,
    deny: Deny = False,
) -> None:
    """Give a user or a group a level on a collection."""
    run_async(_grant, name, level, user, group, deny)


@app.command()
def revoke(name: Name, user: User = None, group: Group = None, deny: Deny = False) -> None:
    """Take a grant away."""
    run_async(_revoke, name, user, group, deny)


@app.command()
def delete(
    name: Name,
    with_documents: Annotated[
        bool, typer.Option("--with-documents", help="Delete its documents too, for good.")
    ] = False,
) -> None:
    """Delete a collection."""
    run_async(_delete, name, with_documents)


@app.command()
def review(
    name: Name,
    state: Annotated[str, typer.Argument(metavar="on|off", help="on or off.")],
) -> None:
    """Choose whether new versions wait for the approval of a second person."""
    run_async(_review, name, state)


@app.command()
def mask(
    name: Name,
    kinds: Annotated[
        list[str],
        typer.Argument(help="cpf, cnpj, pis, voter, rg, email, phone, card; or all, or none."),
    ],
) -> None:
    """Choose the personal data that answers, citations and search results do not show."""
    run_async(_mask, name, kinds)


@app.command()
def instructions(
    name: Name,
    text: Annotated[
        str | None, typer.Argument(help='The text; "" takes it away; left out: it is printed.')
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file.")] = None,
) -> None:
    """Show or set how answers from a collection are to be written."""
    run_async(_instructions, name, text, file)


async def _add(name: str, description: str, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import collections

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection_id = await collections.create_collection(
            conn, OPERATOR, name=name, description=description
        )
    if as_json:
        output.print_json({"id": collection_id, "name": name})


async def _list(as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.documents import collections, grants
    from govbot.documents.types import Target

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        found = [
            (collection, await grants.list_grants(conn, Target.collection(collection.id)))
            for collection in await collections.list_collections(conn)
        ]
    if as_json:
        output.print_json([{"collection": c, "grants": given} for c, given in found])
        return
    output.print_table(
        ["name", "documents", "review", "access"],
        [
            [
                c.name,
                c.documents,
                c.needs_review,
                ", ".join(
                    f"{'not ' if g.effect == 'deny' else ''}{g.level}: {g.principal.kind} {g.name}"
                    for g in given
                ),
            ]
            for c, given in found
        ],
    )


async def _grant(name: str, level: str, user: str | None, group: str | None, deny: bool) -> None:
    from govbot.app import open_store
    from govbot.cli.principal import level_of, principal_of
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import grants
    from govbot.documents.types import Target

    chosen = level_of(level)
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection = await _named(conn, name)
        principal = await principal_of(conn, user, group)
        effect: Effect = "deny" if deny else "allow"
        await grants.set_grant(
            conn,
            OPERATOR,
            Target.collection(collection.id),
            principal,
            chosen,
            effect=effect,
        )


async def _revoke(name: str, user: str | None, group: str | None, deny: bool) -> None:
    from govbot.app import open_store
    from govbot.cli.principal import principal_of
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import grants
    from govbot.documents.types import Target

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection = await _named(conn, name)
        principal = await principal_of(conn, user, group)
        effect: Effect = "deny" if deny else "allow"
        target = Target.collection(collection.id)
        await grants.remove_grant(conn, OPERATOR, target, principal, effect=effect)


async def _review(name: str, state: str) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import collections
    from govbot.errors import Invalid

    if state not in ("on", "off"):
        raise Invalid("Say on or off.")
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection = await _named(conn, name)
        await collections.set_review(conn, OPERATOR, collection.id, state == "on")


async def _mask(name: str, kinds: list[str]) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import personal
    from govbot.errors import Invalid
    from govbot.privacy import EVERY_KIND, Kind

    named = {part for kind in kinds for part in kind.lower().split(",") if part}
    try:
        chosen = (
            EVERY_KIND
            if named == {"all"}
            else frozenset(Kind(each) for each in named)
            if named != {"none"}
            else frozenset()
        )
    except ValueError as error:
        raise Invalid(
            "Kinds are cpf, cnpj, pis, voter, rg, email, phone, card; or all, or none.",
            code="E-MASK",
        ) from error
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection = await _named(conn, name)
        await personal.set_masks(conn, OPERATOR, collection.id, chosen)


async def _instructions(name: str, text: str | None, file: Path | None) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import collections

    wanted = text if file is None else _text_of(file)
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        collection = await _named(conn, name)
        if wanted is None:
            print(collection.instructions)
            return
        await collections.set_instructions(conn, OPERATOR, collection.id, wanted)


def _text_of(file: Path) -> str:
    from govbot.errors import Invalid

    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("%(file)s cannot be read.", file=file) from error


async def _delete(name: str, with_documents: bool) -> None:
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents import collections
    from govbot.documents.disposal import remove_originals
    from govbot.documents.files import FileStore

    settings = current_settings()
    async with open_store(settings) as pool:
        async with as_system(pool) as conn:
            collection = await _named(conn, name)
            orphans = await collections.delete_collection(
                conn, OPERATOR, collection.id, with_documents=with_documents
            )
        await remove_originals(pool, FileStore(settings.data_dir / "files"), orphans)


async def _named(conn: Connection, name: str) -> Collection:
    from govbot.documents import collections
    from govbot.errors import NotFound

    collection = await collections.collection_by_name(conn, name)
    if collection is None:
        raise NotFound('There is no collection named "%(name)s".', name=name)
    return collection
