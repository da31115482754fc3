"""Questions edited into branches, and what a conversation is answered from."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, PathParameter

from govbot.chat import branches, choice, pins, store
from govbot.chat.choice import ChosenKind
from govbot.db.access import as_actor
from govbot.errors import NotFound
from govbot.feedback import ratings
from govbot.ids import ConversationId, MessageId
from govbot.web import chat, composer, rates
from govbot.web.conversation_list import sidebar
from govbot.web.visit import CurrentVisit, Visit

KINDS: dict[str, ChosenKind] = {"colecao": "collection", "documento": "document"}


async def question(
    visit: CurrentVisit, conversation_id: FromPath[UUID], question_id: FromPath[UUID]
) -> Response[Any]:
    """A question as it stands in the conversation: what an edit that is given up goes back to."""
    turn = await _turn(visit, ConversationId(conversation_id), question_id)
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#m-{question_id}")
    return visit.page("chat/_question.html", turn=turn, conversation_id=conversation_id)


async def edit_form(
    visit: CurrentVisit, conversation_id: FromPath[UUID], question_id: FromPath[UUID]
) -> Response[str]:
    """The form in which a question is changed."""
    turn = await _turn(visit, ConversationId(conversation_id), question_id)
    context: dict[str, Any] = {
        "turn": turn,
        "conversation_id": conversation_id,
        "max_question": chat.MAX_QUESTION,
    }
    if visit.wants_fragment:
        return visit.page("chat/_edit.html", **context)
    return visit.page("chat/edit.html", **context, **await sidebar(visit))


async def edit(
    visit: CurrentVisit, conversation_id: FromPath[UUID], question_id: FromPath[UUID]
) -> Response[Any]:
    """Asks a changed question in the place of one; what followed that one stays beside it."""
    text = await visit.field("question", max_length=chat.MAX_QUESTION)
    as_of = await chat.as_of_day(visit)
    found = ConversationId(conversation_id)
    await rates.count_question(visit.app, visit.actor)
    started = await visit.app.answers.start(
        visit.actor, found, text, edit=MessageId(question_id), as_of=as_of
    )
    return await _turns(visit, found, started.question_id)


async def show_branch(
    visit: CurrentVisit, conversation_id: FromPath[UUID], question_id: FromPath[UUID]
) -> Response[Any]:
    """Goes over to the branch of another question in the same place."""
    found, shown = ConversationId(conversation_id), MessageId(question_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await branches.show(conn, found, shown)
    return await _turns(visit, found, shown)


async def choose(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Answers come from the collections of the form from now on; from all with none."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.get_conversation(conn, found)
        picked = await composer.picked_in_form(visit, conn)
        await choice.choose(conn, visit.actor, found, picked, keep_documents=True)
    return await _choice(visit, found)


async def leave(
    visit: CurrentVisit,
    conversation_id: FromPath[UUID],
    kind: FromPath[Literal["colecao", "documento"]],
    key: Annotated[int, PathParameter(ge=1, le=2**31 - 1)],
) -> Response[Any]:
    """Takes one collection or document out of the choice."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.get_conversation(conn, found)
        await choice.leave(conn, visit.actor, found, KINDS[kind], key)
    return await _choice(visit, found)


async def keys(visit: CurrentVisit) -> Response[str]:
    """All keys, as a dialog or as a page."""
    if visit.wants_fragment:
        return visit.page("chat/_keys.html")
    return visit.page("chat/keys.html")


async def _choice(visit: Visit, conversation_id: ConversationId) -> Response[Any]:
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#escopo")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await composer.of_conversation(visit, conn, conversation_id)
    return visit.page("chat/_scope.html", composer=found, conversation_id=conversation_id)


async def _turn(visit: Visit, conversation_id: ConversationId, question_id: UUID) -> store.Turn:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        for turn in await store.turns(conn, conversation_id):
            if turn.question.id == question_id:
                return turn
    raise NotFound


async def _turns(
    visit: Visit, conversation_id: ConversationId, question_id: MessageId
) -> Response[Any]:
    """The branch as it is now: all turns and the pins that count in it."""
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#m-{question_id}")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        turns = await store.turns(conn, conversation_id)
        answers = [answer.id for turn in turns for answer in turn.answers]
        rated = await ratings.of_messages(conn, answers)
        pinned = await pins.pins(conn, conversation_id)
        further = await chat.further_of(visit, conn, conversation_id, turns)
    context = chat.helpers(visit) | {"ratings": rated, "further": further}
    return visit.page(
        "chat/_branch.html",
        turns=turns,
        conversation_id=conversation_id,
        pins=pinned,
        most_pins=pins.MOST,
        **context,
    )
