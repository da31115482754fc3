"""Conversations under supervision: what an administrator sees of others, and others of that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.auth import users
from govbot.auth.users import User
from govbot.chat import supervision
from govbot.chat.store import Citation, Message
from govbot.chat.supervision import Supervision
from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.errors import Invalid, NotFound
from govbot.ids import ConversationId, UserId
from govbot.web import doubts, markdown
from govbot.web.visit import CurrentVisit, Visit


async def form(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """Asks for the reason."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        user = await _person(visit, conn, user_id)
    return visit.page("admin/supervision.html", user=user, reason="", problem="")


async def listing(visit: CurrentVisit, user_id: FromPath[UUID]) -> Response[str]:
    """The person's conversations, once a reason is given."""
    reason = await visit.field("reason", max_length=4000, required=False)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            user = await _person(visit, conn, user_id)
            await _supervise(visit, conn, user, reason)
            found = await supervision.conversations_of(conn, user.id)
    except Invalid as error:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            user = await _person(visit, conn, user_id)
        problem = visit.language.sentence(error)
        return visit.page(
            "admin/supervision.html", status=422, user=user, reason=reason, problem=problem
        )
    return visit.page(
        "admin/supervised.html", user=user, reason=reason, conversations=found, conversation=None
    )


async def conversation(
    visit: CurrentVisit, user_id: FromPath[UUID], conversation_id: FromPath[UUID]
) -> Response[str]:
    """One conversation, to read only."""
    reason = await visit.field("reason", max_length=4000, required=False)
    wanted = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        user = await _person(visit, conn, user_id)
        await _supervise(visit, conn, user, reason, wanted)
        found, turns = await supervision.conversation_of(conn, user.id, wanted)
    return visit.page(
        "admin/supervised.html",
        user=user,
        reason=reason,
        conversations=[],
        conversation=found,
        turns=turns,
        **_helpers(visit),
    )


async def own(visit: CurrentVisit) -> Response[str]:
    """Who looked at the visitor's own conversations, when and why."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        looks: list[Supervision] = list(await supervision.looks_at(conn))
    return visit.page(
        "account/supervision.html",
        looks=looks,
        enabled=visit.app.settings.audit.read_conversations,
    )


async def _person(visit: Visit, conn: Connection, user_id: UUID) -> User:
    """The person; with the setting off, and for one's own account, the page does not exist."""
    if not visit.app.settings.audit.read_conversations or user_id == visit.actor.id:
        raise NotFound
    return await users.get(conn, UserId(user_id))


async def _supervise(
    visit: Visit,
    conn: Connection,
    user: User,
    reason: str,
    conversation_id: ConversationId | None = None,
) -> None:
    await supervision.supervise(
        conn,
        visit.actor,
        user.id,
        reason=reason,
        enabled=visit.app.settings.audit.read_conversations,
        conversation_id=conversation_id,
    )


def _helpers(visit: Visit) -> dict[str, Any]:
    """Sources lead to the document's page under the administrator's own rights, unmarked."""

    def path(citation: Citation) -> str:
        return f"/documentos/{citation.version_id}/pagina/{citation.page_from}"

    def body(answer: Message) -> str:
        links = {c.number: (path(c), c.title or c.filename) for c in answer.citations}
        html = markdown.to_html(doubts.annotated(answer), links)
        return doubts.placed(html, doubts.doubts_of(answer, visit.translate))

    return {"answer_html": body, "source_path": path}
