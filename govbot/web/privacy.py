"""Personal data: what stands in a document, what answers hide, and the rights of persons."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, QueryParameter

from govbot.auth import roles, users
from govbot.auth.users import User
from govbot.db.access import as_actor, as_system
from govbot.documents import personal
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import CollectionId, DocumentId, UserId
from govbot.persons import export
from govbot.persons.erase import erase as erase_person
from govbot.privacy import Kind
from govbot.web.document import hold_to_write
from govbot.web.i18n import _
from govbot.web.personal import KINDS, advised, read_version
from govbot.web.visit import CurrentVisit, Visit

SAMPLES = 50


async def found(
    visit: CurrentVisit,
    document_id: FromPath[UUID],
    n: Annotated[int, QueryParameter(ge=1, le=100_000)] = 1,
) -> Response[str]:
    """Each place of a document where personal data stands, masked, for those who write in it."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        held = await hold_to_write(conn, DocumentId(document_id))
        version = await read_version(conn, held.document)
        offset = (n - 1) * SAMPLES
        overview = await personal.overview(conn, version.id)
        samples = await personal.samples(conn, version.id, offset=offset, limit=SAMPLES)
    return visit.page(
        "documents/personal.html",
        document=held.document,
        held=held,
        version=version,
        personal=overview,
        samples=samples,
        number=n,
        last_page=max(1, -(-overview.total // SAMPLES)),
        kind_name=lambda kind: visit.translate(KINDS[kind]),
        advised=advised(held, overview),
    )


async def set_masks(visit: CurrentVisit, collection_id: FromPath[UUID]) -> Response[Any]:
    """Chooses what the answers of a collection hide."""
    fields = await visit.form()
    kinds = [kind for kind in Kind if fields.get(f"mask-{kind.value}") == "1"]
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await personal.set_masks(conn, visit.actor, CollectionId(collection_id), kinds)
    return visit.redirect(f"/colecoes/{collection_id}?feito=dados#dados-pessoais")


async def own_export(visit: CurrentVisit) -> Response[bytes]:
    """All that is kept about the visitor, as a ZIP."""
    return await _export(visit, visit.actor.id, conversations=True)


async def person_export(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[bytes]:
    """What is kept about somebody else; their conversations are not for administrators."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return await _export(visit, UserId(user_id), conversations=False)


async def erase_form(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """What an erasure would remove and what would stay, before it is done."""
    user = await _other(visit, user_id)
    return await _erase_page(visit, user, None)


async def erase(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[Any]:
    """Erases a person once their user name was typed, and shows the report."""
    user = await _other(visit, user_id)
    typed = (await visit.form()).get("username", "").strip().casefold()
    if typed != user.username:
        problem = Invalid(_("Type the user name as it is written above."), code="E-TYPED-NAME")
        return await _erase_page(visit, user, problem)
    language = visit.app.settings.language
    report = await erase_person(
        visit.app.pool, user.id, by=visit.actor, language=language, files=visit.app.files
    )
    return visit.page(
        "admin/erased.html", report=report.as_text(language), user=user, planned=False, problem=""
    )


async def _erase_page(visit: Visit, user: User, problem: GovBotError | None) -> Response[str]:
    language = visit.app.settings.language
    report = await erase_person(
        visit.app.pool, user.id, by=visit.actor, rehearse=True, language=language
    )
    return visit.page(
        "admin/erased.html",
        status=problem.status if problem else 200,
        report=report.as_text(language),
        user=user,
        planned=True,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def _export(visit: Visit, user_id: UserId, *, conversations: bool) -> Response[bytes]:
    language = visit.app.settings.language
    async with as_system(visit.app.pool) as conn:
        dossier = await export.collect(
            conn, user_id, by=visit.actor, conversations=conversations, language=language
        )
    return Response(
        export.archive(dossier, language=language),
        media_type="application/zip",
        headers={
            "Content-Disposition": 'attachment; filename="dados-pessoais.zip"',
            "Cache-Control": "no-store",
        },
    )


async def _other(visit: Visit, user_id: UUID) -> User:
    """The account, which is not the visitor's own."""
    roles.require(roles.may_manage_accounts(visit.actor))
    async with as_actor(visit.app.pool, visit.actor) as conn:
        user = await users.get(conn, UserId(user_id))
    if user.id == visit.actor.id:
        raise Conflict(_("Ask another administrator to change your own account."))
    return user
