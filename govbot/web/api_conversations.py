"""Whom a key acts as, and that person's own conversations, in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, JSONBody, QueryParameter

from govbot.chat import store
from govbot.chat.store import Message, Turn
from govbot.db.access import as_actor
from govbot.feedback import ratings
from govbot.feedback.ratings import DOWN, UP, Rating
from govbot.feedback.states import Reason
from govbot.ids import ConversationId, MessageId
from govbot.web.api_call import (
    PAGE,
    CurrentCall,
    Cursor,
    Limit,
    bad_cursor,
    cursor_of,
    place_of,
    words,
)
from govbot.web.api_questions import citation_item, support_items
from govbot.web.api_types import (
    AnswerItem,
    ConversationDetail,
    ConversationItem,
    ConversationPage,
    Key,
    Me,
    RatingRequest,
    TitleRequest,
    TurnItem,
)
from govbot.web.dossier import Format, exported


async def me(call: CurrentCall) -> Me:
    """Whom the key acts as, and what it may be used for. Every key may ask this."""
    key = call.bearer
    return Me(
        key.actor.id,
        key.actor.name,
        key.display_name,
        key.actor.role.value,
        Key(key.handle, key.name, sorted(key.scopes), key.expires_at),
    )


async def list_conversations(
    call: CurrentCall, cursor: Cursor = "", limit: Limit = PAGE
) -> ConversationPage:
    """The person's own conversations, the latest first."""
    before = _moment(cursor)
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await store.list_conversations(conn, limit=limit + 1, before=before)
    shown = found[:limit]
    more = cursor_of(shown[-1].updated_at.isoformat()) if len(found) > limit else None
    items = [ConversationItem(each.id, each.title, each.updated_at) for each in shown]
    return ConversationPage(items, more)


async def get_conversation(
    call: CurrentCall, conversation_id: FromPath[UUID]
) -> ConversationDetail:
    """A conversation with its questions and answers. Answers from documents that may no longer be
    read are hidden."""
    found = ConversationId(conversation_id)
    async with as_actor(call.app.pool, call.actor) as conn:
        conversation = await store.get_conversation(conn, found)
        turns = await store.turns(conn, found)
    return ConversationDetail(
        conversation.id,
        conversation.title,
        conversation.updated_at,
        [_turn(turn) for turn in turns],
    )


async def export_conversation(
    call: CurrentCall,
    conversation_id: FromPath[UUID],
    format: Annotated[Format, QueryParameter(description="The kind of file.")] = "pdf",  # noqa: A002
) -> Response[bytes]:
    """The conversation as a file with its sources and the SHA-256 of their originals, as far as the
    person may read them at this moment."""
    found = ConversationId(conversation_id)
    file = await exported(call.app, call.actor, found, format, call.language)
    return file.response()


async def rename_conversation(
    call: CurrentCall, conversation_id: FromPath[UUID], data: JSONBody[TitleRequest]
) -> ConversationItem:
    """Gives a conversation another title."""
    found = ConversationId(conversation_id)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await store.rename(conn, call.actor, found, words(data.title))
        named = await store.get_conversation(conn, found)
    return ConversationItem(named.id, named.title, named.updated_at)


async def delete_conversation(call: CurrentCall, conversation_id: FromPath[UUID]) -> None:
    """Deletes a conversation with all that is in it."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await store.delete(conn, call.actor, ConversationId(conversation_id))


async def rate_answer(
    call: CurrentCall,
    conversation_id: FromPath[UUID],
    answer_id: FromPath[UUID],
    data: JSONBody[RatingRequest],
) -> None:
    """Rates an answer of a conversation, in place of an earlier rating. Rating down shows question,
    answer, sources and comment to the curators of its documents, without the person."""
    found, answer = ConversationId(conversation_id), MessageId(answer_id)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        if data.rating == "none":
            await ratings.withdraw(conn, call.actor, answer, conversation_id=found)
            return
        reason = Reason(data.reason) if data.reason else None
        rating = Rating(UP if data.rating == "up" else DOWN, reason, data.comment.strip())
        await ratings.rate(conn, call.actor, answer, rating, conversation_id=found)


def _moment(cursor: str) -> datetime | None:
    if not cursor:
        return None
    try:
        moment = datetime.fromisoformat(place_of(cursor))
    except ValueError as error:
        raise bad_cursor() from error
    if moment.tzinfo is None:
        raise bad_cursor()
    return moment


def _turn(turn: Turn) -> TurnItem:
    asked = turn.question
    return TurnItem(
        asked.content, asked.created_at, asked.as_of, [_answer(each) for each in turn.answers]
    )


def _answer(message: Message) -> AnswerItem:
    return AnswerItem(
        text=message.content,
        refused=message.refused,
        excerpts=message.excerpts,
        engine=message.engine,
        citations=[citation_item(each) for each in message.citations],
        nearest=[citation_item(each) for each in message.nearest],
        support=support_items(message.content, message.support),
        id=message.id,
        state=message.state,
        error_code=message.error_code,
        hidden=message.hidden,
        created_at=message.created_at,
    )
