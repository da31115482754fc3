"""Answers under way: each is a task of the server that goes on when the browser leaves, can be
watched by several pages, resumed from a sequence number, and stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
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
from govbot.db.outage import outlasted
from govbot.documents import attached
from govbot.errors import Busy, GovBotError, NotFound, Unavailable
from govbot.ids import ConversationId, MessageId, UserId
from govbot.models.mood import Mood
from govbot.retrieval.scope import EVERYTHING, Scope

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

STOPPING_S = 5.0  # for checking and storing what a stopped answer has
SAVE_EVERY_S = 1.0  # how much of an answer a crash may cost
SAVE_S = 2.0  # longest that such a copy may hold up the text
POLL_S = 0.5  # for an answer that another node writes
PER_USER = 3  # answers of one person under way at once
HISTORY_TURNS = 4


@dataclass(frozen=True, slots=True)
class Started:
    question_id: MessageId
    answer_id: MessageId


class Answers:
    """The answers that this process writes. Close it before the database."""

    def __init__(self, parts: Parts, mood: Mood | None = None) -> None:
        self._parts = parts
        self._classifier = Classifier(parts.embedder, mood)
        self._live: dict[MessageId, Live] = {}
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
        _require_few(under_way + self._starting[actor.id])
        self._starting[actor.id] += 1
        try:
            check_choice(self._parts.generator, actor, model)
            asked = Asked(question, as_of, again=regenerate is not None, model=model)
            return await self._start(actor, conversation_id, asked, regenerate, edit)
        finally:
            self._starting[actor.id] -= 1
            if not self._starting[actor.id]:
                del self._starting[actor.id]

    async def _start(
        self,
        actor: Actor,
        conversation_id: ConversationId,
        asked: Asked,
        regenerate: MessageId | None,
        edit: MessageId | None,
    ) -> Started:
        async with as_actor(self._parts.pool, actor, write=True) as conn:
            _require_few(await underway.count(conn, actor))
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
            await underway.begin(
                conn, actor, answer_id, self._node, model=asked.model, again=asked.again
            )
            asked = await in_place(conn, conversation_id, question_id, asked)
        self._go(Live(actor), answer_id, asked)
        return Started(question_id, answer_id)

    def _go(self, live: Live, answer_id: MessageId, asked: Asked) -> None:
        self._live[answer_id] = live
        task = asyncio.create_task(self._run(live, answer_id, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
            event = await live.news(after)
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

    async def _run(self, live: Live, answer_id: MessageId, asked: Asked) -> None:
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
            await live.end()
            self.remember(live.actor)

    async def _write(self, live: Live, answer_id: MessageId, asked: Asked) -> None:
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
                await live.publish(step)
                if step.kind == "text" and monotonic() - saved > SAVE_EVERY_S:
                    saved = monotonic()
                    await self._save(live.actor, answer_id, step.text)

    async def _save(self, actor: Actor, answer_id: MessageId, text: str) -> None:
        """What is written so far. A database that is away costs this copy and not the answer."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(SAVE_S), as_actor(self._parts.pool, actor, write=True) as c:
                await store.save_text(c, answer_id, text)

    async def _finish(
        self, actor: Actor, answer_id: MessageId, answer: Answer, asked: Asked
    ) -> None:
        # A second time finds it closed and changes nothing.
        closed = await outlasted(
            lambda: self._close(actor, answer_id, answer, asked), given_up=lambda: self._closing
        )
        if not closed:
            await self._abandon(answer_id)

    async def _close(
        self, actor: Actor, answer_id: MessageId, answer: Answer, asked: Asked
    ) -> bool:
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
        return closed

    async def _failed(self, live: Live, answer_id: MessageId, code: str) -> None:
        metrics.observe_failure(self._parts.generator.name)
        try:
            closed = await outlasted(
                lambda: self._close_failed(live, answer_id, code), given_up=lambda: self._closing
            )
            if not closed:
                await self._abandon(answer_id)
        except Exception:
            log.exception("A failed answer could not be closed.", extra={"action": "answer.failed"})

    async def _close_failed(self, live: Live, answer_id: MessageId, code: str) -> bool:
        async with as_actor(self._parts.pool, live.actor, write=True) as conn:
            closed = await store.finish_answer(
                conn, live.actor, answer_id, content=live.written, state="failed", error_code=code
            )
            if closed:
                await outcome.record_failure(conn, self._parts)
        return closed

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
