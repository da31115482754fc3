"""Forms about the life of a document: its facts, validity, revocation, legal hold, its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.db.access import as_actor
from govbot.documents import detail, disposal, lifecycle
from govbot.documents.types import Document
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import DocumentId
from govbot.web import document_words
from govbot.web.dates import day_of
from govbot.web.document import document_path, hold_to_manage, hold_to_write
from govbot.web.document_words import KINDS, OTHER
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

FACTS = ("title", "kind", "number", "year", "signed_on", "issuer", "summary", "tags")


async def facts_form(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[str]:
    """The form for what describes a document."""
    document = await _to_write(visit, document_id)
    return _form(visit, "facts", document, _facts_of(document), kinds=_kinds(visit, document.kind))


async def set_facts(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Stores what describes a document; reading it again leaves these fields alone."""
    document = await _to_write(visit, document_id)
    typed = await _typed(visit, FACTS)
    try:
        changes = {
            **{name: typed[name] for name in ("title", "kind", "number", "issuer", "summary")},
            "year": _year(typed["year"]),
            "signed_on": day_of(typed["signed_on"]),
            "tags": [tag.strip() for tag in typed["tags"].split(",") if tag.strip()],
        }
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await lifecycle.describe(conn, visit.actor, document.id, changes)
    except Invalid as error:
        kinds = _kinds(visit, document.kind)
        return _form(visit, "facts", document, typed, problem=error, kinds=kinds)
    return visit.redirect(document_path(document_id, "dados"))


async def validity_form(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[str]:
    """The form for the days between which a document counts."""
    document = await _to_write(visit, document_id)
    typed = {"from": _iso(document.valid_from), "to": _iso(document.valid_to)}
    return _form(visit, "validity", document, typed)


async def set_validity(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Stores from when to when a document counts."""
    document = await _to_write(visit, document_id)
    typed = await _typed(visit, ("from", "to"))
    try:
        first, last = day_of(typed["from"]), day_of(typed["to"])
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await lifecycle.set_validity(
                conn, visit.actor, document.id, valid_from=first, valid_to=last
            )
    except Invalid as error:
        return _form(visit, "validity", document, typed, problem=error)
    return visit.redirect(document_path(document_id, "vigencia"))


async def revoke_form(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    q: Annotated[str, QueryParameter(max_length=200)] = "",
) -> Response[str]:
    """Asks since when a document does not count any more, and which one took its place."""
    document = await _to_write(visit, document_id)
    typed = {"on": date.today().isoformat(), "by": "", "note": ""}
    return await _revoke_page(visit, document, typed, q.strip())


async def revoke(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Revokes a document from a day on."""
    document = await _to_write(visit, document_id)
    typed = await _typed(visit, ("on", "by", "note"))
    try:
        on = day_of(typed["on"])
        if on is None:
            raise Invalid(_("Say since when it is revoked."), code="E-EMPTY")
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await lifecycle.revoke(
                conn, visit.actor, document.id, on=on, by=_id(typed["by"]), note=typed["note"]
            )
    except (Invalid, Conflict) as error:
        return await _revoke_page(visit, document, typed, "", problem=error)
    return visit.redirect(document_path(document_id, "revogado"))


async def unrevoke_form(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[str]:
    """Asks before a revocation is lifted."""
    return _form(visit, "unrevoke", await _to_write(visit, document_id), {})


async def unrevoke(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Lifts a revocation."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await lifecycle.unrevoke(conn, visit.actor, DocumentId(document_id))
    return visit.redirect(document_path(document_id, "restabelecido"))


async def hold_form(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[str]:
    """The form that protects a document from deletion, or lifts that."""
    document = await _to_manage(visit, document_id)
    return _form(visit, "hold", document, {"reason": document.legal_hold})


async def set_hold(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Sets a legal hold with its reason; without one it is lifted."""
    document = await _to_manage(visit, document_id)
    typed = await _typed(visit, ("reason", "lift"))
    reason = "" if typed["lift"] else typed["reason"]
    try:
        if not reason and not typed["lift"]:
            raise Invalid(_("Write the reason."), code="E-EMPTY")
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await lifecycle.set_legal_hold(conn, visit.actor, document.id, reason)
    except (Invalid, Conflict) as error:
        return _form(visit, "hold", document, typed, problem=error)
    return visit.redirect(document_path(document_id, "guarda"))


async def end_form(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[str]:
    """Asks before a document of the trash is deleted for good."""
    return _form(visit, "end", await _trashed(visit, document_id), {})


async def end(visit: CurrentVisit, document_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a document of the trash for good, with every version."""
    document = await _trashed(visit, document_id)
    await disposal.delete_for_good(visit.app.pool, visit.app.files, visit.actor, document.id)
    return visit.redirect("/documentos?estado=lixeira&feito=excluido")


async def _to_write(visit: Visit, document_id: UUID) -> Document:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        return (await hold_to_write(conn, DocumentId(document_id))).document


async def _to_manage(visit: Visit, document_id: UUID) -> Document:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        return (await hold_to_manage(conn, DocumentId(document_id))).document


async def _trashed(visit: Visit, document_id: UUID) -> Document:
    document = await _to_manage(visit, document_id)
    if document.trashed_at is None:
        raise Conflict(_("Move it to the trash first."))
    return document


async def _typed(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    fields = await visit.form()
    return {name: fields.get(name, "").replace("\r\n", "\n").strip() for name in names}


async def _revoke_page(
    visit: Visit,
    document: Document,
    typed: Mapping[str, str],
    text: str,
    *,
    problem: GovBotError | None = None,
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await detail.find(conn, text, without=document.id)
    if visit.wants_fragment and problem is None:
        words = document_words.helpers(visit)
        return visit.page(
            "documents/_revoke_choices.html", found=found, text=text, typed=typed, **words
        )
    return _form(visit, "revoke", document, typed, problem=problem, found=found, text=text)


def _form(
    visit: Visit,
    name: str,
    document: Document,
    typed: Mapping[str, str],
    *,
    problem: GovBotError | None = None,
    **context: Any,
) -> Response[str]:
    """A form on a page of its own, with what was typed and why that was refused."""
    return visit.page(
        f"documents/{name}.html",
        status=problem.status if problem else 200,
        document=document,
        name=document.title or document.filename,
        back=document_path(document.id),
        typed=typed,
        problem=visit.language.sentence(problem) if problem else "",
        **document_words.helpers(visit),
        **context,
    )


def _facts_of(document: Document) -> dict[str, str]:
    return {
        "title": document.title or document.filename,
        "kind": document.kind,
        "number": document.norm_number,
        "year": str(document.year or ""),
        "signed_on": _iso(document.signed_on),
        "issuer": document.issuer,
        "summary": document.summary,
        "tags": ", ".join(document.tags),
    }


def _kinds(visit: Visit, kind: str) -> list[tuple[str, str]]:
    """The kinds to choose from, by their names; a word of one's own stays among them."""
    named = [(word, visit.translate(label)) for word, label in KINDS.items() if word != OTHER]
    named.sort(key=lambda pair: pair[1].casefold())
    if kind and kind not in KINDS:
        named.append((kind, kind))
    return [*named, (OTHER, visit.translate(KINDS[OTHER]))]


def _year(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Invalid(_("This is not a year."), code="E-YEAR")
    return int(text)


def _id(text: str) -> DocumentId | None:
    if not text:
        return None
    try:
        return DocumentId(UUID(text))
    except ValueError as error:
        raise Invalid from error


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
