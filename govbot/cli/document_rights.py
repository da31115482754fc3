"""`govbot document access|grant|ungrant|secrecy`: rights on one document, and how secret it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.db.access import Actor
    from govbot.db.pool import Connection
    from govbot.documents.types import Effect
    from govbot.ids import DocumentId

DEGREES = ("public", "restricted", "reserved", "secret", "top-secret")

Id = Annotated[str, typer.Argument(metavar="ID", help="Its identifier, as listed.")]
As = Annotated[
    str | None, typer.Option("--as", help="Act with this user's rights; else as operator.")
]
User = Annotated[str | None, typer.Option("--user", help="User name.")]
Group = Annotated[str | None, typer.Option("--group", help="Name of a group.")]
Deny = Annotated[bool, typer.Option("--deny", help="A denial, which wins over permissions.")]


def add_to(app: typer.Typer) -> None:
    """The commands, as some of `govbot document`."""
    for command in (access, grant, ungrant, secrecy):
        app.command()(command)


def access(
    document: Id,
    user: As = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the grants on a document itself, beside those on its collection."""
    run_async(_access, document, user, as_json)


def grant(
    document: Id,
    level: Annotated[str, typer.Argument(help="read, write or manage.")],
    user: User = None,
    group: Group = None,
    deny: Deny = False,
    actor: As = None,
) -> None:
    """Give a user or a group a level on one document."""
    run_async(_grant, document, level, user, group, deny, actor)


def ungrant(
    document: Id, user: User = None, group: Group = None, deny: Deny = False, actor: As = None
) -> None:
    """Take a grant on one document away."""
    run_async(_ungrant, document, user, group, deny, actor)


def secrecy(
    document: Id,
    level: Annotated[str, typer.Argument(help=f"{', '.join(DEGREES)}; or 0 to 4.")],
    actor: As = None,
) -> None:
    """Hide a document from everybody whose clearance is lower, administrators too."""
    run_async(_secrecy, document, level, actor)


def degree_of(text: str) -> int:
    """The number of a degree of secrecy. Raises Invalid."""
    from govbot.errors import Invalid

    word = text.strip().lower().replace("_", "-")
    if word in DEGREES:
        return DEGREES.index(word)
    if word in ("0", "1", "2", "3", "4"):
        return int(word)
    raise Invalid("A degree of secrecy is %(degrees)s, or 0 to 4.", degrees=", ".join(DEGREES))


async def _access(document: str, user: str | None, as_json: bool) -> None:
    from govbot.documents import grants
    from govbot.documents.types import Target

    async with _acting(document, user, write=False) as (conn, _, document_id):
        found = await grants.list_grants(conn, Target.document(document_id))
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ["kind", "name", "level", "effect"],
        [[g.principal.kind, g.name, g.level, g.effect] for g in found],
    )


async def _grant(
    document: str, level: str, user: str | None, group: str | None, deny: bool, by: str | None
) -> None:
    from govbot.cli.principal import level_of, principal_of
    from govbot.documents import grants
    from govbot.documents.types import Target

    chosen = level_of(level)
    async with _acting(document, by) as (conn, actor, document_id):
        principal = await principal_of(conn, user, group)
        effect: Effect = "deny" if deny else "allow"
        target = Target.document(document_id)
        await grants.set_grant(conn, actor, target, principal, chosen, effect=effect)


async def _ungrant(
    document: str, user: str | None, group: str | None, deny: bool, by: str | None
) -> None:
    from govbot.cli.principal import principal_of
    from govbot.documents import grants
    from govbot.documents.types import Target

    async with _acting(document, by) as (conn, actor, document_id):
        principal = await principal_of(conn, user, group)
        effect: Effect = "deny" if deny else "allow"
        target = Target.document(document_id)
        await grants.remove_grant(conn, actor, target, principal, effect=effect)


async def _secrecy(document: str, level: str, by: str | None) -> None:
    from govbot.documents.secrecy import set_secrecy
    from govbot.documents.types import Secrecy

    degree = Secrecy(degree_of(level))
    async with _acting(document, by) as (conn, actor, document_id):
        await set_secrecy(conn, actor, document_id, degree)


@asynccontextmanager
async def _acting(
    document: str, user: str | None, *, write: bool = True
) -> AsyncIterator[tuple[Connection, Actor, DocumentId]]:
    """One transaction with the rights of the user, or of the operator; and the document.

    Raises NotFound for a document that they do not see.
    """
    from govbot.app import open_store
    from govbot.cli.acting import acting
    from govbot.db.access import as_actor
    from govbot.documents import store
    from govbot.errors import NotFound
    from govbot.ids import DocumentId

    try:
        document_id = DocumentId(UUID(document))
    except ValueError as error:
        raise NotFound("%(text)s is not the identifier of a document.", text=document) from error
    async with open_store(current_settings()) as pool:
        actor = await acting(pool, user)
        async with as_actor(pool, actor, write=write) as conn:
            yield conn, actor, (await store.get_document(conn, document_id)).id
