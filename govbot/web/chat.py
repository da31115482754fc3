"""The chat page: conversations, questions, answers as they are written."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery, HeaderParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from markupsafe import Markup

from govbot.chat import choice, conversations, pins, routing, store
from govbot.chat.further import Further, further
from govbot.chat.store import Citation, Message, Turn
from govbot.chat.suggestions import suggested
from govbot.db.access import Role, as_actor
from govbot.db.pool import Connection
from govbot.errors import GovBotError, Invalid
from govbot.feedback import ratings
from govbot.feedback.ratings import Rating
from govbot.ids import ConversationId, MessageId
from govbot.web import admin_answering, composer, doubts, errors, markdown, rates, rating, standing
from govbot.web.composer import Composer
from govbot.web.conversation_list import sidebar
from govbot.web.dates import day_of
from govbot.web.i18n import _
from govbot.web.stream import paced
from govbot.web.visit import CurrentVisit, Visit

log = logging.getLogger(__name__)

MAX_QUESTION = 4000


async def home(
    visit: CurrentVisit,
    temporaria: FromQuery[bool] = False,
    colecao: FromQuery[list[UUID] | None] = None,
    documento: FromQuery[list[UUID] | None] = None,
) -> Response[Any]:
    """An empty conversation with suggested questions; for auditors, the audit log. `colecao` and
    `documento` choose what it is answered from."""
    if visit.may(Role.AUDITOR):
        return visit.redirect("/admin/auditoria")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        around = await composer.of_new(visit, conn, colecao or (), documento or ())
        questions = await suggested(conn, around.picked)
    return await _page(visit, None, [], around, questions, temporary=temporaria)


async def show(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """A conversation with its answers."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await conversations.stay(conn, found)
        conversation = await store.get_conversation(conn, found)
        turns = await store.turns(conn, found)
        rated = await _ratings(conn, turns)
        pinned = await pins.pins(conn, found)
        around = await composer.of_conversation(visit, conn, found)
        leads = await further_of(visit, conn, found, turns)
    return await _page(visit, conversation, turns, around, pinned=pinned, rated=rated, leads=leads)


async def start(visit: CurrentVisit) -> Response[Any]:
    """A first question: opens a conversation and asks."""
    question = await visit.field("question", max_length=MAX_QUESTION)
    as_of = await as_of_day(visit)
    await rates.count_question(visit.app, visit.actor)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        temporary = bool((await visit.form()).get("temporary"))
        picked = await composer.picked_in_form(visit, conn)
        conversation_id = await store.create_conversation(conn, visit.actor, temporary=temporary)
        if picked:
            await choice.choose(conn, visit.actor, conversation_id, picked)
    await visit.app.answers.start(
        visit.actor, conversation_id, question, as_of=as_of, model=await _model(visit)
    )
    return await started(visit, conversation_id)


async def started(
    visit: Visit, conversation_id: ConversationId, *, draft: str = ""
) -> Response[Any]:
    """A conversation that was opened just now; `draft` goes on in the field."""
    path = f"/conversas/{conversation_id}"
    if not visit.wants_fragment:
        return visit.redirect(path)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, conversation_id)
        turns = await store.turns(conn, conversation_id)
        around = await composer.of_conversation(visit, conn, conversation_id, draft=draft)
    context = _main(visit, conversation, turns, around) | await sidebar(visit)
    return visit.page("chat/_started.html", headers={"HX-Push-Url": path}, **context)


async def ask(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """A further question of a conversation."""
    question = await visit.field("question", max_length=MAX_QUESTION)
    as_of = await as_of_day(visit)
    found = ConversationId(conversation_id)
    await rates.count_question(visit.app, visit.actor)
    started = await visit.app.answers.start(
        visit.actor, found, question, as_of=as_of, model=await _model(visit)
    )
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#m-{started.question_id}")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        turns = await store.turns(conn, found)
    turn = next(turn for turn in turns if turn.question.id == started.question_id)
    return visit.page("chat/_turn.html", turn=turn, conversation_id=found, **helpers(visit))


async def regenerate(
    visit: CurrentVisit, conversation_id: FromPath[UUID], answer_id: FromPath[UUID]
) -> Response[Any]:
    """Another answer to the same question."""
    found, old = ConversationId(conversation_id), MessageId(answer_id)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        turn = _turn_of(await store.turns(conn, found), old)
    await rates.count_question(visit.app, visit.actor)
    await visit.app.answers.start(visit.actor, found, turn.question.content, regenerate=old)
    if not visit.wants_fragment:
        return visit.redirect(f"/conversas/{conversation_id}#m-{turn.question.id}")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        turns = await store.turns(conn, found)
        again = next(each for each in turns if each.question.id == turn.question.id)
        rated = await _ratings(conn, [again])
    context = helpers(visit) | {"ratings": rated}
    return visit.page("chat/_turn.html", turn=again, conversation_id=found, **context)


async def events(
    visit: CurrentVisit,
    conversation_id: FromPath[UUID],
    answer_id: FromPath[UUID],
    last_event_id: Annotated[int, HeaderParameter(name="Last-Event-ID", ge=0)] = 0,
) -> ServerSentEvent:
    """An answer as it is written: `status`, `text` (the whole text so far) and `done` events."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        await store.question_of(conn, ConversationId(conversation_id), MessageId(answer_id))
    stream = _fragments(visit, ConversationId(conversation_id), MessageId(answer_id), last_event_id)
    return ServerSentEvent(stream, headers={"Cache-Control": "no-store"})


async def stop(
    visit: CurrentVisit, conversation_id: FromPath[UUID], answer_id: FromPath[UUID]
) -> Response[Any]:
    """Ends an answer; what is written so far stays."""
    await visit.app.answers.stop(visit.actor, MessageId(answer_id))
    return visit.done(f"/conversas/{conversation_id}")


async def as_of_day(visit: Visit) -> date | None:
    """The day that a question is about; None when the field is empty. Raises Invalid E-DATE."""
    return day_of(await visit.field("as_of", max_length=20, required=False))


async def _page(
    visit: Visit,
    conversation: store.Conversation | None,
    turns: list[Turn],
    around: Composer,
    suggestions: Sequence[str] = (),
    pinned: Sequence[pins.Pin] = (),
    rated: Mapping[MessageId, Rating] | None = None,
    temporary: bool = False,
    leads: Sequence[str] = (),
) -> Response[str]:
    context = _main(visit, conversation, turns, around, temporary=temporary)
    context |= {"suggestions": suggestions, "pins": pinned, "ratings": rated or {}}
    context["further"] = leads
    if visit.wants_fragment:
        return visit.page("chat/_conversation.html", **context)
    return visit.page("chat/page.html", **context, **await sidebar(visit))


def _main(
    visit: Visit,
    conversation: store.Conversation | None,
    turns: list[Turn],
    around: Composer,
    *,
    temporary: bool = False,
) -> dict[str, Any]:
    return {
        "composer": around,
        "temporary": temporary or (conversation is not None and conversation.ends_at is not None),
        "conversation": conversation,
        "conversation_id": conversation.id if conversation else None,
        "turns": turns,
        "pins": (),
        "most_pins": pins.MOST,
        "running": any(turn.answers[-1].state == "running" for turn in turns),
        "suggestions": (),
        **helpers(visit),
    }


async def further_of(
    visit: Visit, conn: Connection, conversation_id: ConversationId, turns: Sequence[Turn]
) -> list[str]:
    """Questions that the last answer leads on to, in words."""
    if not visit.app.settings.answers.further:
        return []
    organisation = visit.app.settings.organisation
    leads = await further(conn, conversation_id, turns, organisation=organisation)
    return [_further(visit, each) for each in leads]


def _further(visit: Visit, lead: Further) -> str:
    if lead.question:
        return lead.question
    return visit.translate(
        "What does “%(title)s” say about: %(subject)s?", title=lead.title, subject=lead.subject
    )


async def _ratings(conn: Connection, turns: Sequence[Turn]) -> Mapping[MessageId, Rating]:
    answers = [answer.id for turn in turns for answer in turn.answers]
    return await ratings.of_messages(conn, answers)


async def _fragments(
    visit: Visit, conversation_id: ConversationId, answer_id: MessageId, after: int
) -> AsyncIterator[ServerSentEventMessage]:
    source = visit.app.answers.events(visit.actor, answer_id, after)
    limit = float(visit.app.settings.web.stream_timeout_s)
    try:
        async for event in paced(source, limit=limit):
            if event is None:
                yield ServerSentEventMessage(comment="")
            elif event.kind == "text":
                yield _message(event.seq, "text", markdown.to_html(event.text))
            elif event.kind == "status":
                yield _message(event.seq, "status", _status(visit, event.text))
            else:
                answer = event.message or _hidden(answer_id)
                html = await _answer_html(visit, conversation_id, answer)
                yield _message(event.seq, "done", html)
    except GovBotError as error:
        # The response has begun; the browser connects again and goes on where it was.
        log.warning("A stream broke: %s", error.error_code, extra={"action": "stream.failed"})


async def _answer_html(visit: Visit, conversation_id: ConversationId, answer: Message) -> str:
    """A finished answer; with what it leads on to where it is the last one of the branch shown."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        turns = await store.turns(conn, conversation_id)
        last = bool(turns) and turns[-1].answers[-1].id == answer.id
        leads = await further_of(visit, conn, conversation_id, turns) if last else []
    context = helpers(visit) | {"further": leads, "last": last}
    return visit.html(
        "chat/_answer.html", answer=answer, conversation_id=conversation_id, **context
    )


def _status(visit: Visit, word: str) -> str:
    """A status word of the answer as a sentence."""
    kind, _colon, rest = word.partition(":")
    if kind == "queued":
        place, _colon, seconds = rest.partition(":")
        if seconds:
            return visit.translate(
                "Waiting in the queue: place %(place)s, about %(seconds)s s…",
                place=place,
                seconds=seconds,
            )
        return visit.translate("Waiting in the queue: place %(place)s…", place=place or "1")
    if kind == "writing":
        return visit.translate("Reading the passages found…")
    if kind == "checking":
        return Markup("<span data-checking>{}</span>").format(
            visit.translate("Checking each sentence against its passages…")
        )
    return visit.translate("Searching the documents…")


def _hidden(answer_id: MessageId) -> Message:
    """An answer whose documents went out of the reader's reach while it was written."""
    return Message(
        id=answer_id,
        role="assistant",
        content="",
        state="done",
        refused=False,
        engine="",
        excerpts=False,
        error_code=None,
        created_at=datetime.now().astimezone(),
        hidden=True,
    )


def _message(seq: int, kind: str, html: str) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=html, event=kind, id=seq)


def _turn_of(turns: list[Turn], answer_id: MessageId) -> Turn:
    for turn in turns:
        if any(answer.id == answer_id for answer in turn.answers):
            return turn
    raise Invalid(_("This answer cannot be written again."))


async def _model(visit: Visit) -> str:
    """The model that the person chose; empty: the rules choose. Raises Invalid."""
    wanted = str((await visit.form()).get("model") or "")[:200]
    return routing.check_choice(visit.app.generator, visit.actor, wanted)


def _routed(visit: Visit, answer: Message) -> str:
    """For administrators: which model wrote it and why."""
    routed = answer.routed
    if routed is None or not visit.may(Role.ADMIN):
        return ""
    why = admin_answering.reason(visit, routed.reason)
    signs = admin_answering.signs(visit, routed.signs)
    name = admin_answering.model_name(visit, routed.model)
    return f"{name}: {why}" + (f" ({signs})" if signs else "")


def helpers(visit: Visit) -> dict[str, Any]:
    """What the templates of an answer call."""

    def label(citation: Citation) -> str:
        return visit.translate(
            "Source %(number)s: %(title)s, page %(page)s",
            number=citation.number,
            title=citation.title or citation.filename,
            page=citation.page_from,
        )

    def body(answer: Message) -> str:
        links = {c.number: (citation_path(answer.id, c), label(c)) for c in answer.citations}
        html = markdown.to_html(doubts.annotated(answer), links)
        return doubts.placed(html, doubts.doubts_of(answer, visit.translate))

    return {
        "answer_html": body,
        "citation_label": label,
        "citation_path": citation_path,
        "doubts_of": lambda answer: doubts.doubts_of(answer, visit.translate),
        "further": (),
        "last": False,
        "error_sentence": lambda code: visit.language.gettext(errors.describe(code)),
        "max_question": MAX_QUESTION,
        "offered": routing.offered(visit.app.generator),
        "ratings": {},
        "reasons": rating.REASONS,
        "routed": lambda answer: _routed(visit, answer),
        "standing": lambda citation: standing.words(visit, citation),
    }


def citation_path(message_id: MessageId, citation: Citation, kind: str = "cited") -> str:
    """The address of the passage that a citation points to, on its page."""
    mark = f"m={message_id}&c={citation.number}" + ("&k=nearest" if kind == "nearest" else "")
    return f"/documentos/{citation.version_id}/pagina/{citation.page_from}?{mark}#passagem"
