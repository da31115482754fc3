"""The chat page: conversations, questions, answers as they are written."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from markupsafe import Markup

from govbot.chat import pins, recall, routing, store
from govbot.chat.store import Citation, Message, Turn
from govbot.chat.suggestions import suggested
from govbot.db.access import Role, as_actor
from govbot.db.pool import Connection
from govbot.errors import GovBotError, Invalid
from govbot.feedback import ratings
from govbot.feedback.ratings import Rating
from govbot.ids import ConversationId, MessageId
from govbot.web import admin_answering, doubts, errors, markdown, rates, rating
from govbot.web.dates import day_of
from govbot.web.i18n import _
from govbot.web.stream import paced
from govbot.web.visit import CurrentVisit, Visit

log = logging.getLogger(__name__)

MAX_QUESTION = 4000
PAGE = 40


async def home(visit: CurrentVisit) -> Response[Any]:
    """An empty conversation with suggested questions; for auditors, the audit log."""
    if visit.may(Role.AUDITOR):
        return visit.redirect("/admin/auditoria")
    async with as_actor(visit.app.pool, visit.actor) as conn:
        questions = await suggested(conn)
    return await _page(visit, None, [], questions)


async def show(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """A conversation with its answers."""
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, found)
        turns = await store.turns(conn, found)
        rated = await _ratings(conn, turns)
        pinned = await pins.pins(conn, found)
    return await _page(visit, conversation, turns, pinned=pinned, rated=rated)


async def listing(
    visit: CurrentVisit,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    before: FromQuery[datetime | None] = None,
) -> Response[str]:
    """One's own conversations, grouped by day; `before` pages on. With `q`, those found."""
    context = await _sidebar(visit, q, before)
    if visit.wants_fragment:
        template = "chat/_conversations_more.html" if before else "chat/_conversations.html"
        return visit.page(template, **context)
    return visit.page("chat/page.html", **_main(visit, None, []), **context)


async def start(visit: CurrentVisit) -> Response[Any]:
    """A first question: opens a conversation and asks."""
    question = await visit.field("question", max_length=MAX_QUESTION)
    as_of = await _as_of(visit)
    await rates.count_question(visit.app, visit.actor)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        conversation_id = await store.create_conversation(conn, visit.actor)
    await visit.app.answers.start(
        visit.actor, conversation_id, question, as_of=as_of, model=await _model(visit)
    )
    path = f"/conversas/{conversation_id}"
    if not visit.wants_fragment:
        return visit.redirect(path)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, conversation_id)
        turns = await store.turns(conn, conversation_id)
    context = _main(visit, conversation, turns) | await _sidebar(visit)
    return visit.page("chat/_started.html", headers={"HX-Push-Url": path}, **context)


async def ask(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """A further question of a conversation."""
    question = await visit.field("question", max_length=MAX_QUESTION)
    as_of = await _as_of(visit)
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
    return visit.page("chat/_turn.html", turn=turn, conversation_id=found, **_helpers(visit))


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
    context = _helpers(visit) | {"ratings": rated}
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


async def title_form(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """The form that renames a conversation."""
    return await _conversation_form(visit, conversation_id, "chat/_rename.html", "chat/rename.html")


async def rename(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Gives a conversation another title."""
    title = await visit.field("title", max_length=200)
    found = ConversationId(conversation_id)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.rename(conn, visit.actor, found, title)
        conversation = await store.get_conversation(conn, found)
    if visit.wants_fragment:
        return visit.page("chat/_renamed.html", item=conversation)
    return visit.redirect(f"/conversas/{conversation_id}")


async def delete_form(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[str]:
    """Asks before a conversation is deleted."""
    return await _conversation_form(visit, conversation_id, "chat/_delete.html", "chat/delete.html")


async def delete(visit: CurrentVisit, conversation_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a conversation with all that is in it."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await store.delete(conn, visit.actor, ConversationId(conversation_id))
    return visit.redirect("/")


async def _as_of(visit: Visit) -> date | None:
    """The day that a question is about; None when the field is empty. Raises Invalid E-DATE."""
    return day_of(await visit.field("as_of", max_length=20, required=False))


async def _page(
    visit: Visit,
    conversation: store.Conversation | None,
    turns: list[Turn],
    suggestions: Sequence[str] = (),
    pinned: Sequence[pins.Pin] = (),
    rated: Mapping[MessageId, Rating] | None = None,
) -> Response[str]:
    context = _main(visit, conversation, turns)
    context |= {"suggestions": suggestions, "pins": pinned, "ratings": rated or {}}
    if visit.wants_fragment:
        return visit.page("chat/_conversation.html", **context)
    return visit.page("chat/page.html", **context, **await _sidebar(visit))


def _main(
    visit: Visit, conversation: store.Conversation | None, turns: list[Turn]
) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "conversation_id": conversation.id if conversation else None,
        "turns": turns,
        "pins": (),
        "most_pins": pins.MOST,
        "running": any(turn.answers[-1].state == "running" for turn in turns),
        "suggestions": (),
        **_helpers(visit),
    }


async def _ratings(conn: Connection, turns: Sequence[Turn]) -> Mapping[MessageId, Rating]:
    answers = [answer.id for turn in turns for answer in turn.answers]
    return await ratings.of_messages(conn, answers)


async def _sidebar(visit: Visit, query: str = "", before: datetime | None = None) -> dict[str, Any]:
    if query.strip():
        return await _found(visit, query)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await store.list_conversations(conn, limit=PAGE + 1, before=before)
    shown = found[:PAGE]
    return {
        "groups": visit.language.by_day((item.updated_at, item) for item in shown),
        "query": query,
        "more": shown[-1].updated_at if len(found) > PAGE else None,
    }


async def _found(visit: Visit, query: str) -> dict[str, Any]:
    """What of one's own conversations holds the words, by day, then what is about the same."""
    found = await recall.search(visit.app, visit.actor, query, limit=PAGE)
    visit.app.answers.remember(visit.actor)
    groups = visit.language.by_day((each.updated_at, each) for each in found if not each.similar)
    similar = [each for each in found if each.similar]
    if similar:
        groups.append((visit.translate("About something similar"), similar))
    return {"groups": groups, "query": query, "more": None}


async def _conversation_form(
    visit: Visit, conversation_id: UUID, fragment: str, page: str
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        conversation = await store.get_conversation(conn, ConversationId(conversation_id))
    if visit.wants_fragment:
        return visit.page(fragment, item=conversation)
    return visit.page(page, item=conversation, **await _sidebar(visit))


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
                yield _message(event.seq, "done", _answer_html(visit, conversation_id, answer))
    except GovBotError as error:
        # The response has begun; the browser connects again and goes on where it was.
        log.warning("A stream broke: %s", error.error_code, extra={"action": "stream.failed"})


def _answer_html(visit: Visit, conversation_id: ConversationId, answer: Message) -> str:
    return visit.html(
        "chat/_answer.html", answer=answer, conversation_id=conversation_id, **_helpers(visit)
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
    return f"{routed.model}: {why}" + (f" ({signs})" if signs else "")


def _helpers(visit: Visit) -> dict[str, Any]:
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
        "error_sentence": lambda code: visit.language.gettext(errors.describe(code)),
        "max_question": MAX_QUESTION,
        "offered": routing.offered(visit.app.generator),
        "ratings": {},
        "reasons": rating.REASONS,
        "routed": lambda answer: _routed(visit, answer),
        "standing": lambda citation: _standing(visit, citation),
    }


def _standing(visit: Visit, citation: Citation) -> str:
    """That the document of a source does not count any more today; "" while it does."""
    today = date.today()
    if citation.revoked_on is not None and citation.revoked_on <= today:
        day = visit.language.short_date(citation.revoked_on)
        return visit.translate("revoked since %(day)s", day=day)
    if citation.valid_to is not None and citation.valid_to < today:
        day = visit.language.short_date(citation.valid_to)
        return visit.translate("in force until %(day)s", day=day)
    return ""


def citation_path(message_id: MessageId, citation: Citation, kind: str = "cited") -> str:
    """The address of the page that a citation points to."""
    mark = f"m={message_id}&c={citation.number}" + ("&k=nearest" if kind == "nearest" else "")
    return f"/documentos/{citation.version_id}/pagina/{citation.page_from}?{mark}"
