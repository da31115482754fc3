"""Collections, and who may read, write and manage them."""

from __future__ import annotations

from typing import Any, Literal, cast
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.documents import collections, disposal, store
from govbot.documents.types import Collection, Effect, Level, Principal
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import CollectionId
from govbot.web import principals
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/colecoes"
MAX_NAME = 200
MAX_DESCRIPTION = 2000

LEVELS: dict[Level, tuple[str, str]] = {
    Level.READ: (_("Reads"), _("asks about the documents and opens them")),
    Level.WRITE: (_("Writes"), _("also sends documents and moves them to the trash")),
    Level.MANAGE: (_("Manages"), _("also decides who has access, renames and deletes")),
}


async def listing(visit: CurrentVisit) -> Response[str]:
    """The collections that the visitor may read."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await collections.list_collections(conn)
    return visit.page(
        "collections/page.html",
        collections=found,
        levels=LEVELS,
        may_create=roles.may_create_collections(visit.actor),
    )


async def create_form(visit: CurrentVisit) -> Response[str]:
    """The form for a new collection."""
    return _create_page(visit, "", "", None)


async def create(visit: CurrentVisit) -> Response[Any]:
    """Creates a collection; who creates it manages it."""
    roles.require(roles.may_create_collections(visit.actor))
    name, description = await _fields(visit)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            collection_id = await collections.create_collection(
                conn, visit.actor, name=name, description=description
            )
    except (Invalid, Conflict) as error:
        return _create_page(visit, name, description, error)
    return visit.redirect(f"{PATH}/{collection_id}")


async def show(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[str]:
    """A collection; who manages it sees who has access."""
    return await _page(visit, CollectionId(collection_id))


async def change(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Gives a collection another name and description."""
    found = CollectionId(collection_id)
    name, description = await _fields(visit)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await collections.rename_collection(
                conn, visit.actor, found, name=name, description=description
            )
    except (Invalid, Conflict) as error:
        return await _page(
            visit, found, problem=error, at="name", name=name, description=description
        )
    return visit.redirect(f"{PATH}/{collection_id}?feito=nome")


async def set_review(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Decides whether new versions wait for the approval of a second person."""
    found = CollectionId(collection_id)
    wanted = (await visit.form()).get("needs_review") == "1"
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await collections.set_review(conn, visit.actor, found, wanted)
    return visit.redirect(f"{PATH}/{collection_id}?feito=revisao#revisao")


async def delete_form(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[str]:
    """Asks before a collection is deleted, with the number of documents that go with it."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        collection = await _managed(visit, conn, CollectionId(collection_id))
        trashed = await store.count_trashed(conn, collection.id)
    return visit.page("collections/delete.html", collection=collection, trashed=trashed, problem="")


async def delete(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a collection; one with documents only when its name was typed."""
    found = CollectionId(collection_id)
    typed = " ".join((await visit.form()).get("name", "").split())
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        collection = await _managed(visit, conn, found)
        if collection.documents and typed.casefold() != collection.name.casefold():
            problem = Invalid(_("Type the name of the collection as it is written above."))
            trashed = await store.count_trashed(conn, collection.id)
            return visit.page(
                "collections/delete.html",
                status=problem.status,
                collection=collection,
                trashed=trashed,
                problem=visit.language.sentence(problem),
            )
        orphans = await collections.delete_collection(
            conn, visit.actor, found, with_documents=bool(collection.documents)
        )
    await disposal.remove_originals(visit.app.pool, visit.app.files, orphans)
    return visit.redirect(f"{PATH}?feito=excluida")


async def grant(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Gives a person or a group a level, or another one than before."""
    found = CollectionId(collection_id)
    fields = await visit.form()
    who, level = fields.get("who", "").strip()[:300], fields.get("level", "")
    try:
        if level not in LEVELS:
            raise Invalid(_("Choose what they may do."), code="E-LEVEL")
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await _managed(visit, conn, found)
            principal = _principal(fields) or await principals.principal(conn, who)
            await collections.set_grant(conn, visit.actor, found, principal, Level(level))
    except Invalid as error:
        return await _page(visit, found, problem=error, at="who", who=who, level=level)
    return await _granted(visit, found)


async def withdraw(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Takes a level away from a person or a group."""
    found = CollectionId(collection_id)
    fields = await visit.form()
    effect = fields.get("effect", "allow")
    principal = _principal(fields)
    if principal is None or effect not in ("allow", "deny"):
        raise Invalid
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await collections.remove_grant(
            conn, visit.actor, found, principal, effect=cast("Effect", effect)
        )
    return await _granted(visit, found)


async def _granted(visit: Visit, collection_id: CollectionId) -> Response[Any]:
    """Back to the collection, or to the list when the visitor has shut himself out."""
    try:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            await collections.get_collection(conn, collection_id)
    except NotFound:
        return visit.redirect(PATH)
    if visit.wants_fragment:
        return await _page(visit, collection_id)
    return visit.redirect(f"{PATH}/{collection_id}?feito=acesso#acesso")


async def _page(
    visit: Visit,
    collection_id: CollectionId,
    *,
    problem: GovBotError | None = None,
    at: Literal["", "name", "who"] = "",
    **typed: str,
) -> Response[str]:
    """The page as it is now, with what was typed when that was refused."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        collection = await collections.get_collection(conn, collection_id)
        manages = collection.level is Level.MANAGE
        grants = await collections.list_grants(conn, collection_id) if manages else []
        offered = await principals.everyone(conn) if manages else []
    template = "collections/collection.html"
    if visit.wants_fragment and at != "name":
        template = "collections/_access.html"
    return visit.page(
        template,
        # htmx shows what a form answers only when it is no error of its own.
        status=problem.status if problem and not visit.wants_fragment else 200,
        collection=collection,
        manages=manages,
        grants=grants,
        offered=offered,
        levels=LEVELS,
        problem=visit.language.sentence(problem) if problem else "",
        at=at,
        typed={"name": collection.name, "description": collection.description, **typed},
        mine=visit.actor.id,
    )


async def _managed(visit: Visit, conn: Any, collection_id: CollectionId) -> Collection:
    """The collection. Raises NotFound, or Denied for who does not manage it."""
    collection = await collections.get_collection(conn, collection_id)
    if collection.level is not Level.MANAGE:
        raise Denied
    return collection


async def _fields(visit: Visit) -> tuple[str, str]:
    name = await visit.field("name", max_length=MAX_NAME, required=False)
    return name, await visit.field("description", max_length=MAX_DESCRIPTION, required=False)


def _create_page(
    visit: Visit, name: str, description: str, problem: GovBotError | None
) -> Response[str]:
    return visit.page(
        "collections/create.html",
        status=problem.status if problem else 200,
        name=name,
        description=description,
        problem=visit.language.sentence(problem) if problem else "",
    )


def _principal(fields: Any) -> Principal | None:
    """The person or group of a row of the list; None when the form names nobody by id."""
    kind, value = fields.get("kind", ""), fields.get("id", "")
    if kind not in ("user", "group"):
        return None
    try:
        return Principal(kind, UUID(value))
    except ValueError as error:
        raise Invalid from error
