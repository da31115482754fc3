"""Files attached to one conversation: sent, followed while they are read, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from govbot.chat import choice, conversations, store
from govbot.db.access import as_actor
from govbot.documents.attached import Attached
from govbot.errors import GovBotError, Invalid
from govbot.ids import ConversationId, DocumentId
from govbot.ingest.attach import attach, detach
from govbot.web import chat, composer, rates
from govbot.web.i18n import _
from govbot.web.uploads import BLOCK
from govbot.web.visit import CurrentVisit, Visit


async def listing(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """The files of a conversation and how far each is."""
    return await _files(visit, ConversationId(conversation_id))


async def add(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Takes a file into a conversation."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        await store.get_conversation(conn, found)
    await _take(visit, found, await _file(visit))
    return await _files(visit, found)


async def begin(visit: CurrentVisit) -> Response[Any]:
    """Opens a conversation with a file; what was chosen and written so far goes with it."""
    file = await _file(visit)
    draft = str((await visit.form()).get("question") or "")[: chat.MAX_QUESTION]
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        temporary = bool((await visit.form()).get("temporary"))
        picked = await composer.picked_in_form(visit, conn)
        found = await store.create_conversation(conn, visit.actor, temporary=temporary)
        if picked:
            await choice.choose(conn, visit.actor, found, picked)
    try:
        await _take(visit, found, file)
    except GovBotError:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await conversations.delete(conn, visit.actor, found)
        raise
    return await chat.started(visit, found, draft=draft)


async def remove(
    visit: CurrentVisit, conversation_id: FromPath[UUID], document_id: FromPath[UUID]
) -> Response[Any]:
    """Deletes a file of a conversation; answers made from it are not shown any more."""
    found = ConversationId(conversation_id)
    await detach(visit.app, visit.actor, found, DocumentId(document_id))
    return await _files(visit, found)


async def _take(visit: Visit, conversation_id: ConversationId, file: UploadFile) -> Attached:
    await rates.count_upload(visit.app, visit.actor)
    return await attach(
        visit.app,
        visit.actor,
        conversation_id,
        filename=file.filename,
        content=_blocks(file),
    )


async def _file(visit: Visit) -> UploadFile:
    file = (await visit.request.form()).get("arquivo")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid(_("Choose a file."), code="E-NO-FILE")
    return file


async def _files(visit: Visit, conversation_id: ConversationId) -> Response[Any]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        await store.get_conversation(conn, conversation_id)
        if not visit.wants_fragment:
            return visit.redirect(f"/conversas/{conversation_id}#anexos")
        found = await composer.of_conversation(visit, conn, conversation_id)
    return visit.page(
        "chat/_files.html",
        composer=found,
        conversation_id=conversation_id,
        error_sentence=chat.helpers(visit)["error_sentence"],
    )


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(BLOCK):
        yield block
