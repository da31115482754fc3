"""Collections, and who may read, write and manage them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import roles
from govbot.chat import suggestions
from govbot.db.access import as_actor
from govbot.documents import collections, disposal, grants, personal, store
from govbot.documents.holders import MOST, holders
from govbot.documents.types import Collection, Level, Target
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import CollectionId
from govbot.web import access_words, principals
from govbot.web.access_words import EFFECTS, LEVELS
from govbot.web.i18n import _
from govbot.web.personal import KINDS
from govbot.web.visit import CurrentVisit, Visit

PATH = "/colecoes"
MAX_NAME = 200
MAX_DESCRIPTION = 2000
MAX_QUESTIONS = 10_000  # characters of the whole field


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


async def set_instructions(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Says how answers from the collection are to be written."""
    found = CollectionId(collection_id)
    text = (await visit.form()).get("instructions", "")[: 4 * collections.MAX_INSTRUCTIONS]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await collections.set_instructions(conn, visit.actor, found, text)
    except Invalid as error:
        return await _page(visit, found, problem=error, at="instructions", instructions=text)
    return visit.redirect(f"{PATH}/{collection_id}?feito=orientacoes#orientacoes")


async def set_questions(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Gives a collection other suggested questions, one a line."""
    found = CollectionId(collection_id)
    text = (await visit.form()).get("questions", "")[:MAX_QUESTIONS]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            collection = await collections.get_collection(conn, found)
            await suggestions.change(conn, visit.actor, collection, text.splitlines())
    except Invalid as error:
        return await _page(visit, found, problem=error, at="questions", questions=text)
    return visit.redirect(f"{PATH}/{collection_id}?feito=perguntas#perguntas")


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
    """Gives a person or a group a level, or another one than before, or denies one."""
    found = CollectionId(collection_id)
    target = Target.collection(found)
    fields = await visit.form()
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await _managed(visit, conn, found)
            chosen = await principals.chosen(conn, fields)
            await grants.set_grant(
                conn, visit.actor, target, chosen.principal, chosen.level, effect=chosen.effect
            )
    except Invalid as error:
        typed = {key: fields.get(key, "")[:300] for key in ("who", "level", "effect")}
        return await _page(visit, found, problem=error, at="who", **typed)
    return await _granted(visit, found)


async def withdraw(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Takes a level, or a denial, away from a person or a group."""
    found = CollectionId(collection_id)
    target = Target.collection(found)
    principal, effect = principals.row(await visit.form())
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await _managed(visit, conn, found)
        await grants.remove_grant(conn, visit.actor, target, principal, effect=effect)
    return await _granted(visit, found)


async def people(
    visit: CurrentVisit,
    collection_id: FromPath[UUID],
    q: Annotated[str, QueryParameter(max_length=200)] = "",
) -> Response[str]:
    """Who has the collection, by which way."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        collection = await _managed(visit, conn, CollectionId(collection_id))
        found = await holders(conn, collection_key=collection.key, text=q)
    return visit.page(
        "access/_holders.html" if visit.wants_fragment else "access/holders.html",
        name=collection.name,
        back=f"{PATH}/{collection.id}",
        holders=found,
        query=q.strip(),
        most=MOST,
        why="",
        **access_words.helpers(visit),
    )


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
    at: Literal["", "name", "who", "instructions", "questions"] = "",
    **typed: str,
) -> Response[str]:
    """The page as it is now, with what was typed when that was refused."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        collection = await collections.get_collection(conn, collection_id)
        manages = collection.level is Level.MANAGE
        target = Target.collection(collection_id)
        given = await grants.list_grants(conn, target) if manages else []
        offered = await principals.everyone(conn) if manages else []
        masks = await personal.masks_of(conn, collection_id) if manages else frozenset()
        suggested = await suggestions.of_collection(conn, collection.key) if manages else []
    template = "collections/collection.html"
    if visit.wants_fragment and at in ("", "who"):
        template = "collections/_access.html"
    return visit.page(
        template,
        # htmx shows what a form answers only when it is no error of its own.
        status=problem.status if problem and not visit.wants_fragment else 200,
        collection=collection,
        manages=manages,
        grants=given,
        offered=offered,
        levels=LEVELS,
        kinds=KINDS,
        masks=masks,
        effects=EFFECTS,
        base=f"{PATH}/{collection.id}/acessos",
        problem=visit.language.sentence(problem) if problem else "",
        at=at,
        typed={
            "name": collection.name,
            "description": collection.description,
            "instructions": collection.instructions,
            "questions": "\n".join(suggested),
            **typed,
        },
        max_instructions=collections.MAX_INSTRUCTIONS,
        most_questions=suggestions.MOST,
        longest_question=suggestions.LONGEST,
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
