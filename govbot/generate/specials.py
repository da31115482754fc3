"""Control tokens of a model that may not come from the texts of documents and people.

A rendered prompt is read with its control tokens live, as the chat template needs them. So in the
messages, every text that the model's vocabulary would take for a control token is broken up first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from govbot.generate import ChatMessage


class Specials:
    """The control tokens of one vocabulary."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = sorted({text for text in texts if len(text) > 1}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def defused(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """The messages with a space inside each control token, so that it is read as text."""
        return tuple(replace(each, content=self.broken(each.content)) for each in messages)

    def broken(self, text: str) -> str:
        """The text without a control token; breaking one up may not make another."""
        while self._pattern is not None and (match := self._pattern.search(text)):
            start = match.start() + 1
            text = f"{text[:start]} {text[start:]}"
        return text
