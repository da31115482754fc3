"""Questions in the form of OpenAI's chat completions, answered as `/api/v1/ask` answers them: the
same rights, limits, masks and entries in the audit log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import Stream

from govbot.chat import answer as answering
from govbot.chat.prompt import Turn
from govbot.chat.reply import Wishes
from govbot.chat.routing import check_choice
from govbot.errors import GovBotError
from govbot.retrieval.scope import within
from govbot.web import rates
from govbot.web.api_call import Call, CurrentCall, while_connected
from govbot.web.api_questions import Slots
from govbot.web.openai_answer import Shown, Writing
from govbot.web.openai_errors import problem_of
from govbot.web.openai_models import chosen
from govbot.web.openai_reading import conversation, wishes
from govbot.web.openai_types import ChatRequest, Completion
from govbot.web.stream import paced

log = logging.getLogger(__name__)

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Asking:
    """A chat request that was understood."""

    question: str
    history: tuple[Turn, ...]
    wishes: Wishes
    writing: Writing
    with_usage: bool


@dataclass(frozen=True, slots=True)
class Growth:
    """A step of an answer: `text` is all of it so far."""

    kind: Literal["status", "text", "end"]
    text: str = ""
    answer: answering.Answer | None = None
    error: GovBotError | None = None


async def chat_completions(
    call: CurrentCall, slots: NamedDependency[Slots], data: JSONBody[ChatRequest]
) -> Response[Completion]:
    """An answer with citations to the last message of the user; earlier ones are the history, of
    which nothing is kept. With `stream`, it comes in pieces as server-sent events, `[DONE]` last.
    """
    asking = await _understood(call, data)
    if data.stream:
        slots.require(call.actor.id)
        pieces: Any = Stream(
            _pieces(call, slots, asking), media_type="text/event-stream", headers=HEADERS
        )
        streamed: Response[Completion] = pieces
        return streamed
    with slots.one(call.actor.id):
        work = answering.ask(
            call.app, call.actor, asking.question, history=asking.history, wishes=asking.wishes
        )
        found = await while_connected(call, work)
    return Response(asking.writing.whole(found))


async def _understood(call: Call, data: ChatRequest) -> Asking:
    """Raises what is wrong with the request, before anything is searched."""
    settings = call.app.settings
    question, history = conversation(data.messages)
    wished = wishes(data, settings.generation.temperature)
    engine = (data.engine or "").strip()
    check_choice(call.app.generator, call.actor, engine)
    await rates.count_question(call.app, call.actor)
    shelf = await chosen(call, data.model)
    base = settings.web.base_url or str(call.request.base_url)
    writing = Writing(data.model, base.rstrip("/"), bool(data.sources_in_text))
    key = None if shelf is None else shelf.key
    wished = replace(wished, scope=within(key), on_usage=writing.hear, model=engine)
    told = data.stream_options is not None and bool(data.stream_options.include_usage)
    return Asking(question, history, wished, writing, told)


async def _pieces(call: Call, slots: Slots, asking: Asking) -> AsyncIterator[bytes]:
    """The lines of the stream. An error is told as the last one, since the status is sent."""
    writing = asking.writing
    limit = float(call.app.settings.web.stream_timeout_s)
    shown = Shown(whole=call.app.settings.answers.unsupported != "mark")
    yield _line(writing.opening())
    async with aclosing(_growth(call, slots, asking)) as growth:
        async for step in paced(growth, limit=limit):
            if step is None:
                yield b": \n\n"
            elif step.error is not None:
                yield _line(problem_of(step.error, call.language))
            elif step.answer is not None:
                if rest := shown.end(writing.text_of(step.answer)):
                    yield _line(writing.piece(rest))
                yield _line(writing.closing(step.answer))
                if asking.with_usage:
                    yield _line(writing.usage_chunk())
                yield b"data: [DONE]\n\n"
            elif step.kind == "text" and (more := shown.grow(step.text)):
                yield _line(writing.piece(more))


async def _growth(call: Call, slots: Slots, asking: Asking) -> AsyncGenerator[Growth, None]:
    steps = answering.answer_stream(
        call.app, call.actor, asking.question, history=asking.history, wishes=asking.wishes
    )
    try:
        with slots.one(call.actor.id):
            async with aclosing(steps):
                async for step in steps:
                    if isinstance(step, answering.Answer):
                        yield Growth("end", answer=step)
                    else:
                        yield Growth(step.kind, step.text)
    except GovBotError as error:
        log.warning("A stream broke: %s", error.error_code, extra={"action": "stream.failed"})
        yield Growth("end", error=error)


def _line(event: msgspec.Struct) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
