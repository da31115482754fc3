"""Leaves out what a reasoning model thinks aloud before its answer."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class ReasoningFilter:
    """Drops one `<think>...</think>` block at the very beginning of a stream."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"  # start, thinking, answer

    def feed(self, text: str) -> str:
        if self._state == "answer":
            return text
        self._held += text
        if self._state == "start":
            begin = self._held.lstrip()
            if not begin or (_OPEN.startswith(begin) and begin != _OPEN):
                return ""
            self._state = "thinking" if begin.startswith(_OPEN) else "answer"
        if self._state == "thinking":
            _, closed, rest = self._held.partition(_CLOSE)
            if not closed:
                self._held = self._held[-len(_CLOSE) :]  # no more is needed to find the end
                return ""
            self._held = rest.lstrip()
            self._state = "answer" if self._held else "gap"
        if self._state == "gap":
            self._held = self._held.lstrip()
            if self._held:
                self._state = "answer"
        shown, self._held = self._held, ""
        return shown

    def end(self) -> str:
        """What was held back and is no thought after all."""
        held, self._held = self._held, ""
        return held if self._state == "start" else ""
