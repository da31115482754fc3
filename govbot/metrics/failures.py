"""Errors by their stable code (docs/errors.md) and the place where they were met."""

from __future__ import annotations

import re
from typing import Final

from govbot.metrics.registry import counter

OTHER: Final = "other"
_CODE: Final = re.compile(r"E-[A-Z0-9]+(-[A-Z0-9]+)*")
_MOST_CODES: Final = 300
_seen: set[str] = set()

errors_total = counter(
    "govbot_errors_total",
    "Errors by place (web, answer, document, job) and stable code.",
    ["place", "code"],
)


def observe_error(place: str, code: str) -> None:
    """Something ended with this stable code."""
    errors_total.labels(place, known_code(code)).inc()


def known_code(code: str) -> str:
    """The code, or "other" for what is none: there are never more than so many series."""
    if code in _seen:
        return code
    if len(code) > 40 or not _CODE.fullmatch(code) or len(_seen) >= _MOST_CODES:
        return OTHER
    _seen.add(code)
    return code
