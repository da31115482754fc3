"""Passages pinned in a conversation: pin what a source shows, take a pin away."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, PathParameter

from govbot.chat import pins
from govbot.chat.store import CitationKind
from govbot.db.access import as_actor
from govbot.errors import NotFound
from govbot.ids import ConversationId, MessageId
from govbot.web.visit import CurrentVisit, Visit


async def pin(
    visit: CurrentVisit,
    conversation_id: FromPath[UUID],
    answer_id: FromPath[UUID],
    number: Annotated[int, PathParameter(ge=1, le=999)],
) -> Response[Any]:
    """Pins what a source of an answer shows, for the next questions of its conversation."""
    nearest = await visit.field("kind", max_length=10, required=False) == "nearest"
    kind: CitationKind = "nearest" if nearest else "cited"
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await pins.pin(conn, visit.actor, MessageId(answer_id), number, kind)
        if found != conversation_id:
            raise NotFound
    return await _shown(visit, found)


async def unpin(
    visit: CurrentVisit, conversation_id: FromPath[UUID], pin_id: FromPath[UUID]
) -> Response[Any]:
    """Takes a pin away."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await pins.unpin(conn, visit.actor, found, pin_id)
    return await _shown(visit, found)


async def _shown(visit: Visit, conversation_id: ConversationId) -> Response[Any]:
    """The pins as they are now."""
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#fixados")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        pinned = await pins.pins(conn, conversation_id)
    return visit.page(
        "chat/_pins.html",
        pins=pinned,
        most_pins=pins.MOST,
        conversation_id=conversation_id,
    )
