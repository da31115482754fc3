"""What an answer tells while it is written, to as many as watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from govbot.chat.answer import Progress
from govbot.chat.store import Message
from govbot.db.access import Actor


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """`seq` grows; `text` is a status word or the whole Markdown so far; "done" ends the stream.

    `message` is set with "done"; None there means that the answer may no longer be read.
    """

    seq: int
    kind: Literal["status", "text", "done"]
    text: str = ""
    message: Message | None = None


@dataclass(slots=True)
class Live:
    """An answer that this process writes."""

    actor: Actor
    written: str = ""  # the last text, which stays when a status follows
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    seq: int = 0
    kind: Literal["status", "text"] = "status"
    text: str = "searching"
    finished: bool = False

    async def publish(self, step: Progress) -> None:
        """Tells all who watch."""
        async with self.changed:
            self.seq += 1
            self.kind, self.text = step.kind, step.text
            if step.kind == "text":
                self.written = step.text
            self.changed.notify_all()

    async def told(self, after: int) -> AsyncGenerator[AnswerEvent, None]:
        """What comes after the number `after`, to the end of the writing."""
        while not self.finished:
            event = await self._news(after)
            after = event.seq
            if not self.finished:
                yield event

    async def end(self) -> None:
        """Nothing comes any more."""
        async with self.changed:
            self.finished = True
            self.changed.notify_all()

    async def _news(self, after: int) -> AnswerEvent:
        """Numbers of another node mean nothing here.

        One that is higher than ours came from there, so what we have is news: it is the whole text.
        """
        async with self.changed:
            if after > self.seq:
                after = -1
            await self.changed.wait_for(lambda: self.seq > after or self.finished)
            return AnswerEvent(self.seq, self.kind, self.text)
