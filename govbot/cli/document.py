"""`govbot document`: what documents there are, their review, dates, revocation, hold and trash."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.days import day_of
from govbot.cli.document_facts import facts_of, facts_of_version
from govbot.cli.document_rights import add_to

if TYPE_CHECKING:
    from govbot.db.access import Actor
    from govbot.db.pool import Connection
    from govbot.documents.types import Document
    from govbot.ids import DocumentId, VersionId

app = typer.Typer(
    no_args_is_help=True, help="Review, date, revoke, hold, delete and describe documents."
)
add_to(app)

Id = Annotated[str, typer.Argument(metavar="ID", help="Its identifier, as listed.")]
As = Annotated[
    str | None, typer.Option("--as", help="Act with this user's rights; else as operator.")
]
Reviewer = Annotated[str, typer.Option("--as", help="The user who decides; never the uploader.")]
Number = Annotated[int | None, typer.Option("--version", help="Its number; else the newest.")]
Note = Annotated[str, typer.Option(help="A note for the record.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    trash: Annotated[bool, typer.Option("--trash", help="What is in the trash.")] = False,
    waiting: Annotated[bool, typer.Option("--review", help="What waits for approval.")] = False,
    text: Annotated[str, typer.Option(help="Part of the name or title.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most documents to show.")] = 50,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """List documents, the newest first."""
    run_async(_list, collection, trash, waiting, text, limit, user, as_json)


@app.command()
def show(document: Id, user: As = None, as_json: AsJson = False) -> None:
    """Show a document with its versions."""
    run_async(_show, document, user, as_json)


@app.command()
def submit(document: Id, version: Number = None, user: As = None) -> None:
    """Ask for the review of a draft."""
    run_async(_submit, document, version, user)


@app.command()
def approve(document: Id, user: Reviewer, version: Number = None, note: Note = "") -> None:
    """Approve a version as a second person: it is then found and cited."""
    run_async(_approve, document, version, user, note)


@app.command()
def reject(
    document: Id,
    user: Reviewer,
    note: Annotated[str, typer.Option(help="Why.")],
    version: Number = None,
) -> None:
    """Send a version back; what is published stays."""
    run_async(_reject, document, version, user, note)


@app.command()
def revoke(
    document: Id,
    on: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day without force; else today.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="ID", help="What took its place.")] = None,
    note: Note = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the revocation back.")] = False,
    user: As = None,
) -> None:
    """Say that a document is not in force any more."""
    run_async(_revoke, document, on, by, note, undo, user)


@app.command()
def validity(
    document: Id,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day in force.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day in force.")] = "",
    user: As = None,
) -> None:
    """Set when a document is in force; a date left out is no limit."""
    run_async(_validity, document, first, last, user)


@app.command()
def hold(
    document: Id,
    reason: Annotated[str, typer.Option(help="Why it must not be deleted.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Allow deletion again.")] = False,
    user: As = None,
) -> None:
    """Put a document under legal hold, or lift it."""
    run_async(_hold, document, reason, lift, user)


@app.command()
def trash(document: Id, user: As = None) -> None:
    """Move a document to the trash."""
    run_async(_trash, document, user)


@app.command()
def restore(document: Id, user: As = None) -> None:
    """Take a document out of the trash; the service processes it again."""
    run_async(_restore, document, user)


@app.command()
def delete(
    document: Id,
    user: As = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a document of the trash for good, its original too."""
    if not yes:
        typer.confirm("This cannot be undone. Delete it?", abort=True)
    run_async(_delete, document, user)


@app.command()
def describe(
    document: Id,
    title: Annotated[str | None, typer.Option(help="Title.")] = None,
    kind: Annotated[str | None, typer.Option(help="lei, decreto, portaria...")] = None,
    number: Annotated[str | None, typer.Option(help="Number of the norm.")] = None,
    year: Annotated[int | None, typer.Option(help="Its year.")] = None,
    signed_on: Annotated[str | None, typer.Option(metavar="DATE", help="Its date.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Who issued it.")] = None,
    summary: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag; all tags of the document are given again.")
    ] = None,
    user: As = None,
) -> None:
    """Correct what describes a document; reading it again leaves these fields alone."""
    given = {
        "title": title,
        "kind": kind,
        "number": number,
        "year": year,
        "issuer": issuer,
        "summary": summary,
        "tags": tag,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if signed_on is not None:
        changes["signed_on"] = day_of(signed_on)
    run_async(_describe, document, changes, user)


async def _list(
    collection: str | None,
    trash: bool,
    waiting: bool,
    text: str,
    limit: int,
    user: str | None,
    as_json: bool,
) -> None:
    from govbot.documents import collections, lifecycle, store
    from govbot.errors import NotFound

    async with _acting(user, write=False) as (conn, _):
        found = await collections.collection_by_name(conn, collection) if collection else None
        if collection and found is None:
            raise NotFound('There is no collection named "%(name)s".', name=collection)
        if waiting:
            documents = await lifecycle.reviews(conn, limit=limit)
            documents = [d for d in documents if not found or d.collection_key == found.key]
        else:
            documents = await store.list_documents(
                conn, found.id if found else None, limit=limit, text=text, trashed=trash
            )
    if as_json:
        output.print_json([facts_of(document) for document in documents])
        return
    output.print_table(
        ["id", "status", "state", "version", "served", "collection", "path", "title"],
        [
            [
                d.id,
                d.status,
                d.version.state,
                d.version.number,
                d.served,
                d.collection,
                d.path,
                d.title,
            ]
            for d in documents
        ],
    )


async def _show(document: str, user: str | None, as_json: bool) -> None:
    from govbot.documents import lifecycle, store

    async with _acting(user, write=False) as (conn, _):
        found = await _one(conn, document)
        versions = await store.versions_of(conn, found.id)
        successor = await lifecycle.revoked_by_link(conn, found)
        revoked = await lifecycle.revokes(conn, found)
    facts = facts_of(found) | {
        "revoked_by": successor.id if successor else None,
        "revokes": [other.id for other in revoked],
    }
    if as_json:
        output.print_json(facts | {"versions": [facts_of_version(v) for v in versions]})
        return
    output.print_table(["field", "value"], [[name, value] for name, value in facts.items()])
    output.print_table(
        ["version", "state", "review", "pages", "created", "note"],
        [[v.number, v.state, v.review, v.pages, v.created_at, v.review_note] for v in versions],
    )


async def _submit(document: str, version: int | None, user: str | None) -> None:
    from govbot.documents import lifecycle

    async with _acting(user) as (conn, actor):
        await lifecycle.submit(conn, actor, await _version_of(conn, document, version))


async def _approve(document: str, version: int | None, user: str, note: str) -> None:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.db.access import as_actor
    from govbot.ingest import review

    async with open_app(current_settings()) as parts:
        actor = await acting(parts.pool, user)
        async with as_actor(parts.pool, actor) as conn:
            version_id = await _version_of(conn, document, version)
        await review.approve(parts, actor, version_id, note)


async def _reject(document: str, version: int | None, user: str, note: str) -> None:
    from govbot.documents import lifecycle

    async with _acting(user) as (conn, actor):
        await lifecycle.reject(conn, actor, await _version_of(conn, document, version), note)


async def _revoke(
    document: str, on: str | None, by: str | None, note: str, undo: bool, user: str | None
) -> None:
    from datetime import date

    from govbot.documents import lifecycle

    async with _acting(user) as (conn, actor):
        found = await _one(conn, document)
        if undo:
            await lifecycle.unrevoke(conn, actor, found.id)
            return
        successor = (await _one(conn, by)).id if by else None
        day = day_of(on) or date.today()
        await lifecycle.revoke(conn, actor, found.id, on=day, by=successor, note=note)


async def _validity(document: str, first: str, last: str, user: str | None) -> None:
    from govbot.documents import lifecycle

    start, end = day_of(first), day_of(last)
    async with _acting(user) as (conn, actor):
        found = await _one(conn, document)
        await lifecycle.set_validity(conn, actor, found.id, valid_from=start, valid_to=end)


async def _hold(document: str, reason: str, lift: bool, user: str | None) -> None:
    from govbot.documents import lifecycle
    from govbot.errors import Invalid

    if lift == bool(reason.strip()):
        raise Invalid("Give a reason (--reason) or lift the hold (--lift).")
    async with _acting(user) as (conn, actor):
        found = await _one(conn, document)
        await lifecycle.set_legal_hold(conn, actor, found.id, "" if lift else reason)


async def _trash(document: str, user: str | None) -> None:
    from govbot.documents import store

    async with _acting(user) as (conn, actor):
        await store.trash_document(conn, actor, (await _one(conn, document)).id)


async def _restore(document: str, user: str | None) -> None:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.ingest import receive

    async with open_app(current_settings()) as parts:
        await receive.restore(parts, await acting(parts.pool, user), _id(document))


async def _delete(document: str, user: str | None) -> None:
    from govbot.app import open_store
    from govbot.cli.acting import acting
    from govbot.documents import disposal
    from govbot.documents.files import FileStore

    settings = current_settings()
    files = FileStore(settings.data_dir / "files")
    async with open_store(settings) as pool:
        await disposal.delete_for_good(pool, files, await acting(pool, user), _id(document))


async def _describe(document: str, changes: dict[str, Any], user: str | None) -> None:
    from govbot.documents import lifecycle

    async with _acting(user) as (conn, actor):
        found = await _one(conn, document)
        await lifecycle.describe(conn, actor, found.id, changes)


@asynccontextmanager
async def _acting(
    user: str | None, *, write: bool = True
) -> AsyncIterator[tuple[Connection, Actor]]:
    """One transaction with the rights of the user, or of the operator."""
    from govbot.app import open_store
    from govbot.cli.acting import acting
    from govbot.db.access import as_actor

    async with open_store(current_settings()) as pool:
        actor = await acting(pool, user)
        async with as_actor(pool, actor, write=write) as conn:
            yield conn, actor


def _id(document: str) -> DocumentId:
    from govbot.errors import NotFound
    from govbot.ids import DocumentId

    try:
        return DocumentId(UUID(document))
    except ValueError as error:
        raise NotFound("%(text)s is not the identifier of a document.", text=document) from error


async def _one(conn: Connection, document: str) -> Document:
    from govbot.documents import store

    return await store.get_document(conn, _id(document))


async def _version_of(conn: Connection, document: str, number: int | None) -> VersionId:
    from govbot.documents import store
    from govbot.errors import NotFound

    found = await _one(conn, document)
    if number is None:
        return found.version.id
    for version in await store.versions_of(conn, found.id):
        if version.number == number:
            return version.id
    raise NotFound("There is no version %(number)d of this document.", number=number)
