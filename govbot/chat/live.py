"""Answers under way: each is a task of the server that goes on when the browser leaves, can be
watched by several pages, resumed from a sequence number, and stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from time import monotonic
from typing import Protocol

from govbot import metrics, tracing
from govbot.analytics.categories import Classifier
from govbot.auth import users
from govbot.chat import branches, outcome, recall, store, underway
from govbot.chat.answer import Answer, Parts, answer_stream, check_question
from govbot.chat.asked import Asked, in_place
from govbot.chat.followup import standalone
from govbot.chat.reply import Wishes
from govbot.chat.routing import check_choice
from govbot.chat.store import Message
from govbot.chat.underway import Taken
from govbot.chat.watched import AnswerEvent, Live
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.outage import outlasted
from govbot.errors import Busy, GovBotError, NotFound, Unavailable
from govbot.ids import ConversationId, MessageId, NodeId, UserId, new_id
from govbot.models.mood import Mood

log = logging.getLogger(__name__)

STOPPING_S = 5.0  # for checking and storing what a stopped answer has
SAVE_EVERY_S = 1.0  # how much of an answer a crash may cost
SAVE_S = 2.0  # longest that such a copy may hold up the text
POLL_S = 0.5  # for an answer that another node writes
PER_USER = 3  # answers of one person under way at once
LOOK_S = 1.0  # how often it looks for what other nodes stopped or left
TAKES = 2  # answers that were taken up so often seem to kill who writes them


@dataclass(frozen=True, slots=True)
class Started:
    question_id: MessageId
    answer_id: MessageId


class Standing(Protocol):
    """How this process stands among the nodes."""

    @property
    def steady(self) -> bool: ...


class _Lost(Exception):
    """Another node took this one for dead and writes the answer."""


class Answers:
    """The answers that this process writes. Close it before the database."""

    def __init__(
        self, parts: Parts, mood: Mood | None = None, *, node: NodeId | None = None
    ) -> None:
        self._parts = parts
        self._node = node or NodeId(new_id())
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
        """What has happened since `after`, then what happens; ends with "done".

        It goes over to the node that writes the answer, or takes it up. Ends without "done" when
        this one stops and another goes on.
        """
        while True:
            live = self._live.get(answer_id)
            ours = live is not None and live.actor.id == actor.id
            source = live.told(after) if live and ours else self._polled(actor, answer_id, after)
            async with aclosing(source):
                async for event in source:
                    after = event.seq
                    yield event
            message = await self._message(actor, answer_id)
            if message is None or message.state != "running":
                yield AnswerEvent(after + 1, "done", message=message)
                return
            if self._closing:
                return

    async def stop(self, actor: Actor, answer_id: MessageId) -> None:
        """End an answer with what is written; NotFound for someone else's."""
        live = self._live.get(answer_id)
        if live is not None and live.actor.id == actor.id:
            live.stop.set()
            return
        async with as_actor(self._parts.pool, actor, write=True) as conn:
            await store.get_message(conn, answer_id)
            await underway.ask_stop(conn, answer_id)

    async def look_after(self, standing: Standing) -> None:
        """Ends what somebody stopped at another node, goes on with what dead nodes left; until it
        is cancelled."""
        while True:
            try:
                taken: list[Taken] = []
                async with as_system(self._parts.pool) as conn:
                    stopped = await underway.asked_to_stop(conn, self._node)
                    if standing.steady and not self._closing:
                        taken = await underway.take_up(conn, self._node)
                for answer_id in stopped:
                    if live := self._live.get(answer_id):
                        live.stop.set()
                for each in taken:
                    await outlasted(partial(self._take_up, each), given_up=lambda: self._closing)
            except GovBotError as error:
                log.debug("Answers of others are looked at later: %s", error)
            await asyncio.sleep(LOOK_S)

    async def _take_up(self, taken: Taken) -> None:
        """Begins an answer anew that a dead node left, with what its owner may read now."""
        log.warning(
            "An answer of a node that died is written here",
            extra={"action": "answer.taken-up", "takes": taken.takes},
        )
        try:
            if taken.takes > TAKES:
                raise NotFound
            async with as_system(self._parts.pool) as conn:
                user = await users.get(conn, taken.user_id)
            if user.disabled_at is not None:
                raise NotFound
            actor = Actor(user.id, user.username, user.role)
            async with as_actor(self._parts.pool, actor) as conn:
                written = await store.get_message(conn, taken.answer_id)
                question = await store.question_of(conn, taken.conversation_id, taken.answer_id)
                asked = Asked(question.content, question.as_of, taken.again, taken.model)
                asked = await in_place(conn, taken.conversation_id, question.id, asked)
        except NotFound:
            await self._abandon(taken.answer_id)
            return
        self._go(Live(actor, written=written.content), taken.answer_id, asked)

    def remember(self, actor: Actor) -> None:
        """Makes the actor's questions findable by meaning, beside everything else."""
        if self._closing or actor.id in self._remembering:
            return
        self._remembering.add(actor.id)
        task = asyncio.create_task(recall.remember(self._parts, actor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _task: self._remembering.discard(actor.id))

    async def close(self, grace_s: float = 5.0, *, hand_over: bool = False) -> None:
        """Let answers end for `grace_s` seconds, then stop them with what they have; or `hand_over`
        to other nodes, which begin them anew when this one has left."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for live in self._live.values() if not hand_over else ():
            live.stop.set()
        if self._tasks and not hand_over:
            await asyncio.wait(self._tasks, timeout=max(grace_s, STOPPING_S))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, live: Live, answer_id: MessageId, asked: Asked) -> None:
        try:
            with metrics.answer_running(), tracing.span("answer", answer=str(answer_id)):
                await self._write(live, answer_id, asked)
        except _Lost:
            log.warning("Another node has the answer", extra={"action": "answer.lost"})
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
                if not await underway.is_ours(c, answer_id, self._node):
                    raise _Lost
                await store.save_text(c, answer_id, text)

    async def _finish(
        self, actor: Actor, answer_id: MessageId, answer: Answer, asked: Asked
    ) -> None:
        # A second time finds that it is not ours any more and changes nothing.
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
            if not await underway.end(conn, answer_id, self._node):
                return True
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
        metrics.observe_failure(self._parts.generator.name, code)
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
            if not await underway.end(conn, answer_id, self._node):
                return True
            closed = await store.finish_answer(
                conn, live.actor, answer_id, content=live.written, state="failed", error_code=code
            )
            if closed:
                await outcome.record_failure(conn, self._parts)
        return closed

    async def _abandon(self, answer_id: MessageId) -> None:
        """Ends an answer whose owner lost a document of it: nothing of theirs can touch it now."""
        async with as_system(self._parts.pool) as conn:
            await underway.close_interrupted(conn, answer_id)

    async def _message(self, actor: Actor, answer_id: MessageId) -> Message | None:
        async with as_actor(self._parts.pool, actor) as conn:
            try:
                return await store.get_message(conn, answer_id)
            except NotFound:
                return None

    async def _polled(
        self, actor: Actor, answer_id: MessageId, after: int
    ) -> AsyncGenerator[AnswerEvent, None]:
        """For one that another node writes: what the database says, until it or we are done."""
        text = ""
        while True:
            message = await self._message(actor, answer_id)
            if message is None and not text:
                raise NotFound
            if message is None or message.state != "running":
                return
            if message.content != text:
                text, after = message.content, after + 1
                yield AnswerEvent(after, "text", text)
            if answer_id in self._live or self._closing:
                return
            await asyncio.sleep(POLL_S)


async def close_interrupted(parts: Parts) -> None:
    """At start: answers that no node has, and that none can take up, are marked as failed."""
    async with as_system(parts.pool) as conn:
        await underway.close_interrupted(conn)


def _require_few(under_way: int) -> None:
    if under_way >= PER_USER:
        raise Busy("Wait until one of your answers is finished.", code="E-ANSWERS")
