"""Access to one document: its grants, its secrecy, who has it by which way, and why.

For those who manage the document; "why may I read this?" is for everybody who sees it.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import collections, grants, secrecy
from govbot.documents.explain import Explanation, asks_about_all, explain
from govbot.documents.holders import MOST, holders
from govbot.documents.types import Document, Grant, Level, Secrecy, Target
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import DocumentId, UserId
from govbot.web import access_words, principals
from govbot.web.access_words import EFFECTS, LEVELS
from govbot.web.document import document_path, hold, hold_to_manage
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

DONE = {
    "acesso": _("Saved. It counts from now on, in old conversations too."),
    "sigilo": _("Saved. Who is not cleared for it finds and opens it no more."),
}


async def show(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    feito: Annotated[str, QueryParameter(max_length=20)] = "",
) -> Response[str]:
    """Secrecy, grants of the document and those of its collection."""
    return await _page(visit, DocumentId(document_id), done=feito)


async def grant(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Gives a person or a group a level on the document, or denies one."""
    found = DocumentId(document_id)
    fields = await visit.form()
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await hold_to_manage(conn, found)
            chosen = await principals.chosen(conn, fields)
            await grants.set_grant(
                conn,
                visit.actor,
                Target.document(found),
                chosen.principal,
                chosen.level,
                effect=chosen.effect,
            )
    except Invalid as error:
        return await _page(visit, found, problem=error, at="who", typed=fields)
    return await _changed(visit, found, "acesso")


async def withdraw(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Takes a grant or a denial of the document away."""
    found = DocumentId(document_id)
    principal, effect = principals.row(await visit.form())
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await hold_to_manage(conn, found)
        target = Target.document(found)
        await grants.remove_grant(conn, visit.actor, target, principal, effect=effect)
    return await _changed(visit, found, "acesso")


async def set_secrecy(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Says who may see the document at all: those whose clearance reaches its secrecy."""
    found = DocumentId(document_id)
    value = (await visit.form()).get("secrecy", "")
    try:
        if value not in {str(each.value) for each in Secrecy}:
            raise Invalid(_("Choose a degree of secrecy."), code="E-SECRECY")
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await hold_to_manage(conn, found)
            await secrecy.set_secrecy(conn, visit.actor, found, Secrecy(int(value)))
    except (Invalid, Conflict) as error:
        return await _page(visit, found, problem=error, at="secrecy")
    return await _changed(visit, found, "sigilo")


async def people(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    q: Annotated[str, QueryParameter(max_length=200)] = "",
) -> Response[str]:
    """Who has the document, by which way."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        document = (await hold_to_manage(conn, DocumentId(document_id))).document
        found = await holders(
            conn,
            collection_key=document.collection_key,
            document_key=document.key,
            secrecy=document.secrecy,
            text=q,
        )
    return visit.page(
        "access/_holders.html" if visit.wants_fragment else "access/holders.html",
        **_head(document),
        holders=found,
        query=q.strip(),
        most=MOST,
        base=document_path(document.id),
        why=document_path(document.id) + "/porque",
        **access_words.helpers(visit),
    )


async def why(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    pessoa: Annotated[str, QueryParameter(max_length=300)] = "",
) -> Response[str]:
    """Why a person may, or may not, read the document; without one named, the visitor."""
    found = DocumentId(document_id)
    problem: GovBotError | None = None
    explanation: Explanation | None = None
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        held = await hold(conn, found)
        asks = held.manages or asks_about_all(visit.actor)
        offered = await principals.people(conn) if asks else []
        try:
            user_id = await _asked_about(visit, conn, pessoa.strip(), asks=asks)
            explanation = await explain(conn, visit.actor, user_id, found)
        except Invalid as error:
            problem = error
    return visit.page(
        "access/why.html",
        status=problem.status if problem else 200,
        **_head(held.document),
        held=held,
        found=explanation,
        own=explanation is not None and explanation.person.id == visit.actor.id,
        asks=asks,
        offered=offered,
        typed=pessoa.strip(),
        problem=visit.language.sentence(problem) if problem else "",
        **access_words.helpers(visit),
    )


async def _asked_about(visit: Visit, conn: Connection, name: str, *, asks: bool) -> UserId:
    """The account that is meant. Raises Denied before any name is looked up, or Invalid."""
    if not name or name.casefold() == visit.actor.name:
        return visit.actor.id
    if not asks:
        raise Denied
    return (await principals.person(conn, name)).id


async def _changed(visit: Visit, document_id: DocumentId, done: str) -> Response[Any]:
    """Back to the page, or to what the visitor may still see when they shut themselves out."""
    try:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            held = await hold(conn, document_id)
    except NotFound:
        return visit.redirect("/documentos")
    if not held.manages:
        return visit.redirect(document_path(document_id))
    if visit.wants_fragment:
        return await _page(visit, document_id, done=done)
    return visit.redirect(f"{document_path(document_id)}/acesso?feito={done}")


async def _page(
    visit: Visit,
    document_id: DocumentId,
    *,
    done: str = "",
    problem: GovBotError | None = None,
    at: str = "",
    typed: Any = None,
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        document = (await hold_to_manage(conn, document_id)).document
        own, inherited = await _grants(conn, document)
        offered = await principals.everyone(conn)
        limit = await secrecy.clearance_of_actor(conn)
    template = "access/_document.html" if visit.wants_fragment else "access/document.html"
    return visit.page(
        template,
        # htmx shows what a form answers only when it is no error of its own.
        status=problem.status if problem and not visit.wants_fragment else 200,
        **_head(document),
        grants=own,
        inherited=inherited,
        offered=offered,
        levels=LEVELS,
        effects=EFFECTS,
        degrees=[each for each in Secrecy if each <= limit],
        done=visit.translate(DONE[done]) if done in DONE else "",
        problem=visit.language.sentence(problem) if problem else "",
        at=at,
        typed=typed or {},
        mine=visit.actor.id,
        base=document_path(document.id) + "/acesso",
        **access_words.helpers(visit),
    )


async def _grants(conn: Connection, document: Document) -> tuple[list[Grant], list[Grant] | None]:
    """Those of the document, and of its collection; None for who does not manage that."""
    own = await grants.list_grants(conn, Target.document(document.id))
    if document.collection_id is None:
        return own, None
    collection = await collections.get_collection(conn, document.collection_id)
    if collection.level is not Level.MANAGE:
        return own, None
    return own, await grants.list_grants(conn, Target.collection(collection.id))


def _head(document: Document) -> dict[str, Any]:
    return {
        "document": document,
        "name": document.title or document.filename,
        "back": document_path(document.id),
    }
