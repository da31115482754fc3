"""From a question to a cited answer: retrieve under the asker's rights, generate, cite.

No database connection is held while the text is written. The same flow serves the browser, the
command line and the evaluation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date

from govbot import audit, metrics, tracing
from govbot.chat import answer_cache, citations, pins, prompt, store
from govbot.chat.checking import checked
from govbot.chat.followup import preferred, standalone
from govbot.chat.guidance import Instructions, instructions_for
from govbot.chat.places import cite
from govbot.chat.refusal import refusal
from govbot.chat.reply import USUAL, Answer, Asked, CacheUse, Clock, Parts, Progress, Wishes
from govbot.chat.routing import check_choice
from govbot.chat.support import Support, shifted
from govbot.chat.writing import Said, written
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection
from govbot.errors import Invalid
from govbot.generate import Priority, Request, Routed, Source
from govbot.ids import MessageId
from govbot.privacy import mask
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import Retrieval, find
from govbot.retrieval.variants import Variant, by_model

__all__ = ["MAX_QUESTION", "Answer", "Parts", "Progress", "answer_stream", "ask", "check_question"]

MAX_QUESTION = 4000  # characters


@dataclass(frozen=True, slots=True)
class _Written:
    """What a generator wrote from passages; `order[n - 1]` is the source that [n] stands for.
    `found` are the same passages, the best first."""

    text: str
    order: Sequence[int]
    sources: Sequence[Source]
    passages: Sequence[Passage]
    found: Sequence[Passage]
    stopped: bool
    routed: Routed | None = None


async def ask(
    parts: Parts,
    actor: Actor,
    question: str,
    *,
    history: Sequence[prompt.Turn] = (),
    as_of: date | None = None,
    cache: CacheUse = "use",
    wishes: Wishes = USUAL,
) -> Answer:
    """Answer to the end, outside any conversation (command line, evaluation)."""
    stream = answer_stream(
        parts, actor, question, history=history, as_of=as_of, cache=cache, wishes=wishes
    )
    async with aclosing(stream) as steps:
        async for step in steps:
            if isinstance(step, Answer):
                return step
    raise AssertionError("the stream ends with an answer")


def check_question(question: str) -> str:
    """The question without surrounding space; Invalid when it is empty or too long."""
    question = question.replace("\x00", "").strip()
    if not question:
        raise Invalid("Write a question.", code="E-QUESTION")
    if len(question) > MAX_QUESTION:
        raise Invalid(
            "The question is longer than %(maximum)s characters.",
            code="E-QUESTION",
            maximum=MAX_QUESTION,
        )
    return question


async def answer_stream(
    parts: Parts,
    actor: Actor,
    question: str,
    *,
    history: Sequence[prompt.Turn] = (),
    answer_id: MessageId | None = None,
    stop: asyncio.Event | None = None,
    as_of: date | None = None,
    cache: CacheUse = "use",
    wishes: Wishes = USUAL,
) -> AsyncGenerator[Progress | Answer, None]:
    """Progress while it is made, the Answer last. Setting `stop` ends it with what there is.

    With `as_of`, the answer is about what was in force on that day, and says so first. `cache`:
    "renew" writes it anew, "off" leaves the cache of answers alone, as any unusual wish does.
    """
    check_choice(parts.generator, actor, wishes.model)
    cache = cache if wishes.usual else "off"
    asked = Asked(check_question(question), tuple(history), answer_id, as_of, cache, wishes)
    clock = Clock()
    yield Progress("status", "searching")
    found = await _evidence(parts, actor, asked)
    clock.mark("retrieve_ms")
    await _bind(parts, actor, asked, found)
    if not found.sufficient:
        answer = refusal(parts, found.passages, clock, as_of)
        _observe(answer)
        yield answer
        return
    generated = _generated(parts, actor, asked, found, clock, stop or asyncio.Event())
    async with aclosing(generated) as steps:
        async for step in steps:
            if isinstance(step, Answer):
                _observe(step)
            yield step


async def _generated(
    parts: Parts,
    actor: Actor,
    asked: Asked,
    found: Retrieval,
    clock: Clock,
    stop: asyncio.Event,
) -> AsyncGenerator[Progress | Answer, None]:
    """The answer written from these passages, step by step."""
    language = parts.settings.language
    lead = prompt.lead(asked.as_of, language)
    instructions = await _instructions(parts, actor, found.passages)
    request = _request(parts, actor, asked, found.passages, instructions)
    place = await answer_cache.place(parts, actor, asked, request, found.passages)
    if not place.hit:
        place.passages = _arranged(parts, asked, request, found.passages)
    passages = place.passages
    request = _request(parts, actor, asked, passages, instructions)
    said = Said(request.sources, language, "\n".join(each.text for each in instructions))
    routed: list[Routed] = []
    request = replace(request, on_sources=said.marks.restrict, on_routed=routed.append)
    request = place.listening(request)
    try:
        writing = place.say(request, written(parts.generator, request, stop))
        async with aclosing(writing) as steps:
            async for step in steps:
                if isinstance(step, Progress):
                    yield step
                    continue
                clock.first("first_token_ms")
                said.add(step)
                yield Progress("text", lead + said.text)
    except Exception:
        yield Progress("text", lead + said.end())  # what was held back is worth keeping
        raise
    text = said.end()
    clock.mark("generate_ms")
    stopped = stop.is_set()
    if not parts.generator.excerpts:
        yield Progress("status", "checking")
    by = routed[-1] if routed else None
    written_text = _Written(
        text, said.marks.order, request.sources, passages, found.passages, stopped, by
    )
    answer = await _finished(parts, actor, asked, written_text, clock)
    stood_in = by is not None and bool(by.passed)
    if not stopped and not stood_in and (answer.refused or answer.citations):
        await place.keep()
    cached = {"cached": 1.0} if place.hit else {}
    yield replace(answer, stopped=stopped, timings=answer.timings | cached)


async def _finished(
    parts: Parts, actor: Actor, asked: Asked, written: _Written, clock: Clock
) -> Answer:
    """What was written, checked against the passages and with its citations; else a refusal."""
    text = written.text
    found: list[Support] = []
    if text and not prompt.says_not_found(text):
        with tracing.span("check"):
            text, found = await checked(
                parts, text, written.order, written.sources, asked.question, stopped=written.stopped
            )
        if not parts.generator.excerpts:
            clock.mark("check_ms")
    if prompt.says_not_found(text) or not (text or written.stopped):
        refused = refusal(parts, written.found, clock, asked.as_of)
        return replace(refused, engine=_engine(parts, written), routed=written.routed)
    quotes = citations.quotes_of(text, written.order, written.sources)
    async with as_actor(parts.pool, actor) as conn:
        cited = await cite(conn, written.passages, quotes)
    lead = prompt.lead(asked.as_of, parts.settings.language)
    return Answer(
        lead + text,
        False,
        _engine(parts, written),
        parts.generator.excerpts,
        cited,
        [],
        clock.total(),
        support=shifted(found, len(lead)),
        routed=written.routed,
    )


def _engine(parts: Parts, written: _Written) -> str:
    """The name of what wrote: of the model, or of the generator where it does not say."""
    return written.routed.model if written.routed is not None else parts.generator.name


async def _instructions(
    parts: Parts, actor: Actor, passages: Sequence[Passage]
) -> tuple[Instructions, ...]:
    if parts.generator.excerpts:
        return ()
    async with as_actor(parts.pool, actor) as conn:
        return await instructions_for(conn, passages)


async def _evidence(parts: Parts, actor: Actor, asked: Asked) -> Retrieval:
    with tracing.span("retrieve") as step:
        found = await _found(parts, actor, asked)
        step.stages(found.timings)
        step.note(passages=len(found.passages), sufficient=found.sufficient)
    metrics.observe_retrieval(found.timings)
    return found


async def _found(parts: Parts, actor: Actor, asked: Asked) -> Retrieval:
    found = await find(
        parts.pool,
        actor,
        standalone(asked.question, asked.history),
        embedder=parts.embedder,
        settings=parts.settings,
        reranker=parts.reranker,
        variants=await _wordings(parts, actor, asked),
        as_of=asked.as_of,
        scope=asked.wishes.scope,
        preferred=preferred(asked.question, asked.history),
        surrounded=not parts.generator.excerpts,
    )
    if asked.answer_id is not None:
        async with as_actor(parts.pool, actor) as conn:
            found = await _pinned_first(conn, parts, asked, asked.answer_id, found)
    return found


async def _wordings(parts: Parts, actor: Actor, asked: Asked) -> tuple[Variant, ...]:
    """Other wordings by the model, where the settings ask for them."""
    settings = parts.settings.retrieval
    if not settings.model_variants:
        return ()
    before = [turn.question for turn in asked.history[-prompt.MAX_TURNS :]]
    return await by_model(
        parts.generator,
        asked.question,
        before,
        limit_s=settings.model_variants_s,
        owner=str(actor.id),
    )


async def _pinned_first(
    conn: Connection, parts: Parts, asked: Asked, answer_id: MessageId, found: Retrieval
) -> Retrieval:
    """What the person pinned is evidence that they chose: a model reads it in any case."""
    limit = parts.settings.retrieval.passages
    passages, pinned = await pins.pinned_first(
        conn, answer_id, found.passages, limit=limit, as_of=asked.as_of
    )
    chosen = pinned > 0 and not parts.generator.excerpts
    return replace(found, passages=passages, sufficient=found.sufficient or chosen)


async def _bind(parts: Parts, actor: Actor, asked: Asked, found: Retrieval) -> None:
    """Audit what will be handed to the model and tie the answer to it, before the first word.

    A model also reads the turns before and may repeat them, so what those were made from counts.
    """
    details: dict[str, object] = {
        "answer": str(asked.answer_id or ""),
        "chunks": [passage.chunk_id for passage in found.passages],
        "versions": sorted({str(passage.version_id) for passage in found.passages}),
        "sufficient": found.sufficient,
    }
    if asked.as_of is not None:
        details["as_of"] = asked.as_of.isoformat()
    if parts.settings.audit.question_text:
        details["question"] = mask(asked.question)
    async with as_actor(parts.pool, actor, write=True) as conn:
        if asked.answer_id is not None:
            keys = [passage.document_key for passage in found.passages]
            if not parts.generator.excerpts:
                keys += [key for turn in asked.history for key in turn.sources]
            await store.set_sources(conn, asked.answer_id, keys)
        await audit.record(conn, actor=actor, action="question.asked", details=details)


def _request(
    parts: Parts,
    actor: Actor,
    asked: Asked,
    passages: Sequence[Passage],
    instructions: Sequence[Instructions],
) -> Request:
    settings, wishes = parts.settings.generation, asked.wishes
    sources = _sources(passages, parts.settings.language)
    build = prompt.builder(
        asked.question,
        asked.history,
        language=parts.settings.language,
        as_of=asked.as_of,
        guidance=[each.on(passages) for each in instructions],
    )
    return Request(
        question=asked.question,
        messages=build(sources),
        sources=sources,
        max_tokens=min(wishes.max_tokens or settings.max_tokens, settings.max_tokens),
        temperature=settings.temperature,
        build=build,
        owner=str(actor.id),
        sampling=wishes.sampling,
        stop=wishes.stop,
        on_usage=wishes.on_usage,
        priority=wishes.priority,
        model=wishes.model,
    )


def _arranged(
    parts: Parts, asked: Asked, request: Request, passages: Sequence[Passage]
) -> Sequence[Passage]:
    """The passages in the order that spares the engine most. As found where no other prompt begins
    alike: behind earlier turns, without a model, and in evaluations, which must be repeatable."""
    if asked.history or parts.generator.excerpts or request.priority is not Priority.CHAT:
        return passages
    return [passages[at] for at in parts.arrangement.arrange(request.sources)]


def _sources(passages: Sequence[Passage], language: str) -> tuple[Source, ...]:
    today = date.today()
    return tuple(
        Source(
            number=number,
            text=passage.text,
            title=passage.title or passage.filename,
            heading=passage.heading,
            page=passage.page_from,
            score=passage.score,
            note=prompt.ended_note(passage.ended(today), language),
        )
        for number, passage in enumerate(passages, 1)
    )


def _observe(answer: Answer) -> None:
    first = answer.timings.get("first_token_ms")
    outcome = "stopped" if answer.stopped else "refused" if answer.refused else "answered"
    metrics.observe_answer(
        answer.engine,
        outcome,
        answer.timings["total_ms"] / 1000,
        first / 1000 if first is not None else None,
    )
