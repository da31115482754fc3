"""One answer that a model is writing: its tokens so far and how they become text."""

from __future__ import annotations

import codecs
import time
from collections.abc import Sequence
from typing import Literal

from govbot.generate import Priority, Usage
from govbot.generate.lookup import Lookup
from govbot.generate.reasoning import ReasoningFilter
from govbot.generate.slots import Slot
from govbot.generate.template import StopTexts
from govbot.generate.ticket import Ticket

Finish = Literal["stop", "length", "cancelled"]


class Running:
    """An answer with a slot while it has one: it may lose it and go on in another."""

    def __init__(
        self,
        ticket: Ticket,
        prompt: Sequence[int],
        *,
        room: int,
        stops: Sequence[str] = (),
        opened: int = 0,
    ) -> None:
        """`room`: how many tokens it may be long; `opened`: how many tokens of the prompt hold
        nothing that its owner typed."""
        self.ticket = ticket
        self.tokens = list(prompt)
        self.slot: Slot | None = None
        self.finish: Finish | None = None
        self.shared = 0
        self.opened = opened
        self.lookup = Lookup()
        self._prompt = len(prompt)
        self._room = room
        self._placed_at = time.perf_counter()
        self._first: float | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._thoughts = ReasoningFilter()
        self._stop = StopTexts([stop for stop in stops if stop])

    @property
    def rests(self) -> bool:
        """Whether it makes room for chats."""
        return self.ticket.request.priority is Priority.BACKGROUND

    @property
    def written(self) -> int:
        return len(self.tokens) - self._prompt

    @property
    def cells(self) -> int:
        """Tokens it may have in the end, prompt and answer together."""
        return self._prompt + self._room

    @property
    def pending(self) -> int:
        """Tokens that are known and not in memory yet."""
        return len(self.tokens) - (len(self.slot.tokens) if self.slot else 0)

    @property
    def left(self) -> int:
        """Tokens it may still write."""
        return self._room - self.written

    def placed(self, slot: Slot) -> None:
        self.slot = slot
        if not self.written:
            self.shared = len(slot.tokens)

    def add(self, token: int, piece: bytes) -> str:
        """One more token; gives the text that may be shown now and sets `finish` at the end."""
        self._begin()
        self.tokens.append(token)
        text = self._stop.feed(self._thoughts.feed(self._decoder.decode(piece)))
        if self._stop.stopped:
            self.finish = "stop"
        elif not self.left:
            text += self.end("length")
        return text

    def end(self, finish: Finish) -> str:
        """The answer ends here: what was held back until it is clear what it is."""
        self._begin()
        self.finish = finish
        rest = self._thoughts.feed(self._decoder.decode(b"", final=True)) + self._thoughts.end()
        return self._stop.feed(rest) + self._stop.end()

    def usage(self) -> Usage:
        first = self._first or time.perf_counter()
        return Usage(
            prompt_tokens=self._prompt,
            shared_tokens=self.shared,
            completion_tokens=self.written,
            first_token_ms=(first - self.ticket.opened_at) * 1000,
            finish=self.finish or "cancelled",
        )

    @property
    def seconds(self) -> float:
        """How long it has had, or waited for, a slot."""
        return time.perf_counter() - self._placed_at

    def _begin(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()
