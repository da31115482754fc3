"""From a question to a cited answer: retrieve under the asker's rights, generate, cite.

No database connection is held while the text is written. The same flow serves the browser, the
command line and the evaluation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date
from time import perf_counter
from typing import Any, Literal, Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from govbot import audit, metrics
from govbot.chat import citations, prompt, store
from govbot.chat.followup import standalone
from govbot.chat.outgoing import Outgoing
from govbot.chat.places import cite, whole
from govbot.chat.store import Citation
from govbot.config import Settings
from govbot.db.access import Actor, as_actor
from govbot.errors import Invalid
from govbot.generate import Generator, Request, Source
from govbot.ids import MessageId
from govbot.models.embedder import Embedder
from govbot.privacy import mask
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import Retrieval, retrieve

log = logging.getLogger(__name__)

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

MAX_QUESTION = 4000  # characters
NEAREST_DOCUMENTS = 3


class Parts(Protocol):
    """What of the application an answer needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def generator(self) -> Generator: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: Markdown with marks [n] that `citations` resolve. Timings are in ms."""

    text: str
    refused: bool
    engine: str
    excerpts: bool
    citations: list[Citation] = field(default_factory=list)
    nearest: list[Citation] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What happens on the way: `text` is the status word, or the whole Markdown so far."""

    kind: Literal["status", "text"]
    text: str


async def ask(
    parts: Parts,
    actor: Actor,
    question: str,
    *,
    history: Sequence[prompt.Turn] = (),
    as_of: date | None = None,
) -> Answer:
    """Answer to the end, outside any conversation (command line, evaluation)."""
    stream = answer_stream(parts, actor, question, history=history, as_of=as_of)
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
) -> AsyncGenerator[Progress | Answer, None]:
    """Progress while it is made, the Answer last. Setting `stop` ends it with what there is.

    With `as_of`, the answer is about what was in force on that day, and says so first.
    """
    question = check_question(question)
    clock = _Clock()
    yield Progress("status", "searching")
    found = await _evidence(parts, actor, standalone(question, history), as_of)
    clock.mark("retrieve_ms")
    await _bind(parts, actor, question, found, history, answer_id, as_of)
    if not found.sufficient:
        answer = _refusal(parts, found.passages, clock, as_of)
        _observe(answer)
        yield answer
        return
    language = parts.settings.language
    lead = prompt.lead(as_of, language)
    sources = _sources(found.passages, language)
    said = _Said(sources, language)
    request = replace(
        _request(parts, actor, question, history, sources, as_of), on_sources=said.marks.restrict
    )
    stream = _written(parts.generator, request, stop or asyncio.Event())
    try:
        async with aclosing(stream):
            async for step in stream:
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
    stopped = bool(stop and stop.is_set())
    if prompt.says_not_found(text) or not (text or stopped):
        answer = _refusal(parts, found.passages, clock, as_of)
    else:
        quotes = citations.quotes_of(text, said.marks.order, sources)
        async with as_actor(parts.pool, actor) as conn:
            cited = await cite(conn, found.passages, quotes)
        engine, excerpts = parts.generator.name, parts.generator.excerpts
        answer = Answer(lead + text, False, engine, excerpts, cited, [], clock.total())
    answer = replace(answer, stopped=stopped)
    _observe(answer)
    yield answer


async def _evidence(parts: Parts, actor: Actor, question: str, as_of: date | None) -> Retrieval:
    async with as_actor(parts.pool, actor) as conn:
        found = await retrieve(
            conn, question, embedder=parts.embedder, settings=parts.settings, as_of=as_of
        )
    metrics.observe_retrieval(found.timings)
    return found


async def _bind(
    parts: Parts,
    actor: Actor,
    question: str,
    found: Retrieval,
    history: Sequence[prompt.Turn],
    answer_id: MessageId | None,
    as_of: date | None,
) -> None:
    """Audit what will be handed to the model and tie the answer to it, before the first word.

    A model also reads the turns before and may repeat them, so what those were made from counts.
    """
    details: dict[str, object] = {
        "answer": str(answer_id or ""),
        "chunks": [passage.chunk_id for passage in found.passages],
        "versions": sorted({str(passage.version_id) for passage in found.passages}),
        "sufficient": found.sufficient,
    }
    if as_of is not None:
        details["as_of"] = as_of.isoformat()
    if parts.settings.audit.question_text:
        details["question"] = mask(question)
    async with as_actor(parts.pool, actor, write=True) as conn:
        if answer_id is not None:
            keys = [passage.document_key for passage in found.passages]
            if not parts.generator.excerpts:
                keys += [key for turn in history for key in turn.sources]
            await store.set_sources(conn, answer_id, keys)
        await audit.record(conn, actor=actor, action="question.asked", details=details)


def _request(
    parts: Parts,
    actor: Actor,
    question: str,
    history: Sequence[prompt.Turn],
    sources: tuple[Source, ...],
    as_of: date | None,
) -> Request:
    settings = parts.settings.generation
    build = prompt.builder(question, history, language=parts.settings.language, as_of=as_of)
    return Request(
        question=question,
        messages=build(sources),
        sources=sources,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        build=build,
        owner=str(actor.id),
    )


async def _written(
    generator: Generator, request: Request, stop: asyncio.Event
) -> AsyncGenerator[Progress | str, None]:
    """Text deltas, mixed with the place in the queue while waiting for the engine."""
    positions: list[int] = []
    stream = generator.stream(replace(request, on_position=positions.append))
    yield Progress("status", "writing")
    async with aclosing(_until(stream, stop, lambda: _position(positions))) as deltas:
        async for delta in deltas:
            yield delta


def _position(positions: list[int]) -> Progress | None:
    if not positions:
        return None
    last = positions[-1]
    positions.clear()
    return Progress("status", f"queued:{last}" if last > 0 else "writing")


async def _until(
    stream: AsyncIterator[str], stop: asyncio.Event, status: Callable[[], Progress | None]
) -> AsyncGenerator[Progress | str, None]:
    """The items of `stream` until it ends or `stop` is set; then the stream is closed at once."""
    stopping = asyncio.ensure_future(stop.wait())
    item: asyncio.Future[str] | None = None
    try:
        while not stop.is_set():
            item = item or asyncio.ensure_future(_next(stream))
            either: set[asyncio.Future[Any]] = {item, stopping}
            await asyncio.wait(either, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            if (news := status()) is not None:
                yield news
            if item.done():
                delta, item = item.result(), None
                if not delta:
                    return
                yield delta
    finally:
        stopping.cancel()
        if item is not None:
            item.cancel()
            await asyncio.gather(item, return_exceptions=True)
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _next(stream: AsyncIterator[str]) -> str:
    """The next delta that holds text; empty at the end."""
    async for delta in stream:
        if delta:
            return delta
    return ""


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


def _refusal(
    parts: Parts, passages: Sequence[Passage], clock: _Clock, as_of: date | None
) -> Answer:
    """No answer in the readable documents: say so, and name the nearest ones."""
    nearest: list[Citation] = []
    seen: set[int] = set()
    for passage in passages:
        if passage.document_key not in seen and len(nearest) < NEAREST_DOCUMENTS:
            seen.add(passage.document_key)
            nearest.append(whole(len(nearest) + 1, passage))
    language = parts.settings.language
    return Answer(
        prompt.lead(as_of, language) + prompt.not_found_sentence(language),
        True,
        parts.generator.name,
        False,
        [],
        nearest,
        clock.total(),
    )


class _Said:
    """What the generator has said so far, as it may be shown."""

    def __init__(self, sources: Sequence[Source], language: str) -> None:
        self.marks = citations.Marks(sources)
        self.text = ""
        self._outgoing = Outgoing(prompt.rules_in(language), prompt.removed_marker(language))

    def add(self, delta: str) -> None:
        self.text += self.marks.feed(self._outgoing.feed(delta))

    def end(self) -> str:
        """The whole text. What was taken out is told in the log, without its words: a document
        holds credentials, or the model obeys one."""
        self.text += self.marks.feed(self._outgoing.end()) + self.marks.end()
        if self._outgoing.removed:
            log.warning(
                "Taken out of an answer: %d credentials or repetitions of the rules",
                self._outgoing.removed,
                extra={"action": "answer.filtered"},
            )
        return self.text.strip()


def _observe(answer: Answer) -> None:
    first = answer.timings.get("first_token_ms")
    outcome = "stopped" if answer.stopped else "refused" if answer.refused else "answered"
    metrics.observe_answer(
        answer.engine,
        outcome,
        answer.timings["total_ms"] / 1000,
        first / 1000 if first is not None else None,
    )


class _Clock:
    """Milliseconds since the question came, by name."""

    def __init__(self) -> None:
        self._started = perf_counter()
        self._marks: dict[str, float] = {}

    def mark(self, name: str) -> None:
        self._marks[name] = round((perf_counter() - self._started) * 1000, 1)

    def first(self, name: str) -> None:
        if name not in self._marks:
            self.mark(name)

    def total(self) -> dict[str, float]:
        self.mark("total_ms")
        return dict(self._marks)
