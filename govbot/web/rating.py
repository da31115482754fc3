"""The thumbs under an answer."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.chat import cached
from govbot.db.access import as_actor
from govbot.errors import Invalid
from govbot.feedback import ratings
from govbot.feedback.ratings import DOWN, UP, Rating
from govbot.feedback.states import MAX_COMMENT, Reason
from govbot.ids import ConversationId, MessageId
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit

REASONS: Final = {
    Reason.WRONG: _("It is wrong"),
    Reason.INCOMPLETE: _("It is incomplete"),
    Reason.OUTDATED: _("It is out of date"),
    Reason.WRONG_SOURCE: _("It cites the wrong source"),
    Reason.OTHER: _("Something else"),
}


async def rate(
    visit: CurrentVisit, conversation_id: FromPath[UUID], answer_id: FromPath[UUID]
) -> Response[Any]:
    """Rates an answer up or down, in place of an earlier rating, or takes the rating back."""
    found, answer = ConversationId(conversation_id), MessageId(answer_id)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        await ratings.require(conn, answer, conversation_id=found)
    value = await visit.field("rating", max_length=10)
    rating = None if value == "none" else await _rating(visit, value)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        if rating is None:
            await ratings.withdraw(conn, visit.actor, answer, conversation_id=found)
        else:
            await ratings.rate(conn, visit.actor, answer, rating, conversation_id=found)
            if rating.value == DOWN:  # and nobody else is to be given it
                await cached.forget(conn, answer)
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#a-{answer_id}")
    return visit.page(
        "chat/_rating.html",
        conversation_id=conversation_id,
        answer_id=answer_id,
        rating=rating,
        reasons=REASONS,
        asking=True,
    )


async def _rating(visit: CurrentVisit, value: str) -> Rating:
    if value == "up":
        return Rating(UP)
    if value != "down":
        raise Invalid
    reason = await visit.field("reason", max_length=20, required=False)
    if reason not in set(Reason):
        raise Invalid("Say what is wrong with the answer.", code="E-RATING")
    comment = await visit.field("comment", max_length=MAX_COMMENT, required=False)
    return Rating(DOWN, Reason(reason), comment)
