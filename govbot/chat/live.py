"""Answers under way: each is a task of the server that goes on when the browser leaves, can be
watched by several pages, resumed from a sequence number, and stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date
from time import monotonic
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import metrics
from govbot.analytics.categories import Classifier
from govbot.chat import branches, choice, outcome, recall, store
from govbot.chat.answer import Answer, Parts, Progress, answer_stream, check_question
from govbot.chat.followup import standalone
from govbot.chat.prompt import Turn
from govbot.chat.reply import Wishes
from govbot.chat.routing import check_choice
from govbot.chat.store import Message
from govbot.db.access import Actor, as_actor, as_system
from govbot.documents import attached
from govbot.errors import Busy, GovBotError, NotFound
from govbot.ids import ConversationId, MessageId, UserId
from govbot.models.mood import Mood
from govbot.retrieval.scope import EVERYTHING, Scope

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

STOPPING_S = 5.0  # for checking and storing what a stopped answer has
SAVE_EVERY_S = 1.0  # how much of an answer a crash may cost
POLL_S = 0.5  # for an answer that another node writes
PER_USER = 3  # answers of one person under way at once
HISTORY_TURNS = 4


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """`seq` grows; `text` is a status word or the whole Markdown so far; "done" ends the stream.

    `message` is set with "done"; None there means that the answer may no longer be read.
    """

    seq: int
    kind: Literal["status", "text", "done"]
    text: str = ""
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Started:
    question_id: MessageId
    answer_id: MessageId


@dataclass(slots=True)
class _Live:
    actor: Actor
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    seq: int = 0
    kind: Literal["status", "text"] = "status"
    text: str = "searching"
    written: str = ""  # the last text, which stays when a status follows
    finished: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    history: Sequence[Turn]
    as_of: date | None
    again: bool
    model: str = ""
    scope: Scope = EVERYTHING
    private: bool = False  # the conversation is temporary, or has files of its own


class Answers:
    """The answers that this process writes. Close it before the database."""

    def __init__(self, parts: Parts, mood: Mood | None = None) -> None:
        self._parts = parts
        self._classifier = Classifier(parts.embedder, mood)
        self._live: dict[MessageId, _Live] = {}
        self._starting: Counter[UserId] = Counter()
        self._tasks: set[asyncio.Task[None] | asyncio.Task[int]] = set()
        self._remembering: set[UserId] = set()
        self._closing = False

    async def start(
        self,
        actor: Actor,
        conversation_id: ConversationId,
        question: str,
        *,
        regenerate: MessageId | None = None,
        edit: MessageId | None = None,
        as_of: date | None = None,
        model: str = "",
    ) -> Started:
        """Store the question (or find the one of the answer to `regenerate`) and begin.

        With `edit` it stands beside that question, in a branch of its own (branches.py). `as_of` is
        the day that a new question is about; one asked again keeps its own. `model` is the one
        that the person chose, if any; Invalid when they may not.

        Raises NotFound for a conversation of someone else, Busy when too many are under way.
        """
        under_way = sum(live.actor.id == actor.id for live in self._live.values())
        if under_way + self._starting[actor.id] >= PER_USER:
            raise Busy("Wait until one of your answers is finished.", code="E-ANSWERS")
        self._starting[actor.id] += 1
        try:
            check_choice(self._parts.generator, actor, model)
            asked = _Asked(question, (), as_of, again=regenerate is not None, model=model)
            return await self._start(actor, conversation_id, asked, regenerate, edit)
        finally:
            self._starting[actor.id] -= 1
            if not self._starting[actor.id]:
                del self._starting[actor.id]

    async def _start(
        self,
        actor: Actor,
        conversation_id: ConversationId,
        asked: _Asked,
        regenerate: MessageId | None,
        edit: MessageId | None,
    ) -> Started:
        async with as_actor(self._parts.pool, actor, write=True) as conn:
            if edit is not None:
                asked = replace(asked, question=check_question(asked.question))
                question_id = await branches.edit(
                    conn, actor, conversation_id, edit, asked.question, as_of=asked.as_of
                )
            elif regenerate is None:
                asked = replace(asked, question=check_question(asked.question))
                question_id = await store.add_question(
                    conn, actor, conversation_id, asked.question, as_of=asked.as_of
                )
            else:
                old = await store.question_of(conn, conversation_id, regenerate)
                question_id = old.id
                await branches.show(conn, conversation_id, question_id)
                asked = replace(asked, question=old.content, as_of=old.as_of)
            answer_id = await store.add_answer(conn, actor, conversation_id, question_id)
            temporary = (await store.get_conversation(conn, conversation_id)).ends_at is not None
            asked = replace(
                asked,
                history=await _history(conn, conversation_id, question_id),
                scope=await choice.scope_of(conn, conversation_id),
                private=temporary or bool(await attached.attached(conn, conversation_id)),
            )
        live = self._live[answer_id] = _Live(actor)
        task = asyncio.create_task(self._run(live, answer_id, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Started(question_id, answer_id)

    async def events(
        self, actor: Actor, answer_id: MessageId, after: int = 0
    ) -> AsyncIterator[AnswerEvent]:
        """What has happened since `after`, then what happens; ends with "done"."""
        live = self._live.get(answer_id)
        if live is None or live.actor.id != actor.id:
            async for event in self._polled(actor, answer_id, after):
                yield event
            return
        while not live.finished:
            event = await _news(live, after)
            after = event.seq
            if not live.finished:
                yield event
        yield AnswerEvent(after + 1, "done", message=await self._message(actor, answer_id))

    async def stop(self, actor: Actor, answer_id: MessageId) -> None:
        """End an answer with what is written; NotFound for someone else's."""
        live = self._live.get(answer_id)
        if live is not None and live.actor.id == actor.id:
            live.stop.set()
            return
        if await self._message(actor, answer_id) is None:
            raise NotFound

    def remember(self, actor: Actor) -> None:
        """Makes the actor's questions findable by meaning, beside everything else."""
        if self._closing or actor.id in self._remembering:
            return
        self._remembering.add(actor.id)
        task = asyncio.create_task(recall.remember(self._parts, actor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _task: self._remembering.discard(actor.id))

    async def close(self, grace_s: float = 5.0) -> None:
        """Let answers end for `grace_s` seconds, then stop them with what they have."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for live in self._live.values():
            live.stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(grace_s, STOPPING_S))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, live: _Live, answer_id: MessageId, asked: _Asked) -> None:
        try:
            with metrics.answer_running():
                await self._write(live, answer_id, asked)
        except GovBotError as error:
            log.warning(
                "An answer failed: %s.", error.error_code, extra={"action": "answer.failed"}
            )
            await self._failed(live, answer_id, error.error_code)
        except Exception:
            log.exception("An answer failed.", extra={"action": "answer.failed"})
            await self._failed(live, answer_id, "E-INTERNAL")
        finally:
            self._live.pop(answer_id, None)
            async with live.changed:
                live.finished = True
                live.changed.notify_all()
            self.remember(live.actor)

    async def _write(self, live: _Live, answer_id: MessageId, asked: _Asked) -> None:
        saved = monotonic()
        steps = answer_stream(
            self._parts,
            live.actor,
            asked.question,
            history=asked.history,
            answer_id=answer_id,
            stop=live.stop,
            as_of=asked.as_of,
            cache="off" if asked.private else "renew" if asked.again else "use",
            wishes=Wishes(model=asked.model, scope=asked.scope),
        )
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, Answer):
                    await self._finish(live.actor, answer_id, step, asked)
                    continue
                await _publish(live, step)
                if step.kind == "text" and monotonic() - saved > SAVE_EVERY_S:
                    saved = monotonic()
                    async with as_actor(self._parts.pool, live.actor, write=True) as conn:
                        await store.save_text(conn, answer_id, step.text)

    async def _finish(
        self, actor: Actor, answer_id: MessageId, answer: Answer, asked: _Asked
    ) -> None:
        question = standalone(asked.question, asked.history)
        kind = await outcome.kind_of(self._parts, self._classifier, actor, question)
        async with as_actor(self._parts.pool, actor, write=True) as conn:
            closed = await store.finish_answer(
                conn,
                actor,
                answer_id,
                content=answer.text,
                state="stopped" if answer.stopped else "done",
                refused=answer.refused,
                engine=answer.engine,
                excerpts=answer.excerpts,
                timings=answer.timings,
                citations=answer.citations,
                nearest=answer.nearest,
                support=answer.support,
                routed=answer.routed,
            )
            if closed:
                await outcome.record(
                    conn, self._parts, question, answer, kind, private=asked.private
                )
        if not closed:
            await self._abandon(answer_id)

    async def _failed(self, live: _Live, answer_id: MessageId, code: str) -> None:
        metrics.observe_failure(self._parts.generator.name)
        text = live.written
        try:
            async with as_actor(self._parts.pool, live.actor, write=True) as conn:
                closed = await store.finish_answer(
                    conn, live.actor, answer_id, content=text, state="failed", error_code=code
                )
                if closed:
                    await outcome.record_failure(conn, self._parts)
            if not closed:
                await self._abandon(answer_id)
        except Exception:
            log.exception("A failed answer could not be closed.", extra={"action": "answer.failed"})

    async def _abandon(self, answer_id: MessageId) -> None:
        """Ends an answer whose owner lost a document of it: nothing of theirs can touch it now."""
        async with as_system(self._parts.pool) as conn:
            await store.fail_interrupted(conn, answer_id)

    async def _message(self, actor: Actor, answer_id: MessageId) -> Message | None:
        async with as_actor(self._parts.pool, actor) as conn:
            try:
                return await store.get_message(conn, answer_id)
            except NotFound:
                return None

    async def _polled(
        self, actor: Actor, answer_id: MessageId, after: int
    ) -> AsyncIterator[AnswerEvent]:
        """For a finished answer, or one that another node writes: what the database says."""
        deadline = monotonic() + self._parts.settings.web.stream_timeout_s
        text = ""
        while True:
            message = await self._message(actor, answer_id)
            if message is None and not text:
                raise NotFound
            if message is None or message.state != "running" or monotonic() > deadline:
                yield AnswerEvent(after + 1, "done", message=message)
                return
            if message.content != text:
                text, after = message.content, after + 1
                yield AnswerEvent(after, "text", text)
            await asyncio.sleep(POLL_S)


async def close_interrupted(parts: Parts) -> None:
    """At start: answers that a crash left under way are marked as failed."""
    async with as_system(parts.pool) as conn:
        await store.fail_interrupted(conn)


async def _news(live: _Live, after: int) -> AnswerEvent:
    async with live.changed:
        await live.changed.wait_for(lambda: live.seq > after or live.finished)
        return AnswerEvent(live.seq, live.kind, live.text)


async def _publish(live: _Live, step: Progress) -> None:
    async with live.changed:
        live.seq += 1
        live.kind, live.text = step.kind, step.text
        if step.kind == "text":
            live.written = step.text
        live.changed.notify_all()


async def _history(
    conn: Connection, conversation_id: ConversationId, question_id: MessageId
) -> list[Turn]:
    """Earlier turns whose answers may still be read."""
    earlier: list[Turn] = []
    for turn in await store.turns(conn, conversation_id):
        if turn.question.id == question_id:
            break
        answer = turn.answers[-1]
        if not answer.hidden and answer.state in ("done", "stopped"):
            sources = tuple(answer.sources)
            earlier.append(Turn(turn.question.content, answer.content, sources))
    return earlier[-HISTORY_TURNS:]
