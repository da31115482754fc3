"""Turns what llama.cpp prints on standard error into records of our log."""

from __future__ import annotations

import ctypes
import logging

import llama_cpp

log = logging.getLogger(__name__)

# By ggml_log_level (debug, info, warning, error), one step quieter: llama.cpp tells a lot, and what
# it calls a warning is seldom something to act on. What matters also comes back as a return value.
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.INFO, 4: logging.WARNING}
_CONTINUED = 5


class _Lines:
    """Puts pieces together to lines, each with the level of its first piece."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._level = logging.DEBUG

    def add(self, level: int, text: str) -> None:
        if level != _CONTINUED:
            self._level = _LEVELS.get(level, logging.DEBUG)
        self._pieces.append(text)
        if text.endswith("\n"):
            message = "".join(self._pieces).strip(" \n.")
            self._pieces.clear()
            if message:
                log.log(self._level, "llama.cpp: %s", message, extra={"action": "llama.log"})


_lines = _Lines()


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _record(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    _lines.add(level, text.decode("utf-8", errors="replace"))


def silence() -> None:
    """From now on llama.cpp writes to the log, for the whole process."""
    llama_cpp.llama_log_set(_record, ctypes.c_void_p(0))
