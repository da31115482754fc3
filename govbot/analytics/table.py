"""The figures of days as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from govbot.analytics.figures import Day

COLUMNS: Final = (
    "day", "questions", "answered", "refused", "stopped", "failed", "unanswered_rate", "p50_ms",
    "p95_ms", "thumbs_up", "thumbs_down",
)  # fmt: skip


def to_csv(days: Sequence[Day], *, separator: str = ",") -> str:
    """One line for each day below the names of the columns; a cell without figure is empty.

    With ";" between the cells decimals have a comma, as spreadsheets in Portuguese read them.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in days:
        cells = (
            each.day.isoformat(), each.questions, each.answered, each.refused, each.stopped,
            each.failed, unanswered_rate(each), each.p50_ms, each.p95_ms, each.up, each.down,
        )  # fmt: skip
        writer.writerow([_cell(value, separator) for value in cells])
    return buffer.getvalue()


def unanswered_rate(day: Day) -> float | None:
    """Of the questions that came to an end, the share that found no answer, 0 to 1."""
    ended = day.answered + day.refused
    return day.refused / ended if ended else None


def _cell(value: str | float | None, separator: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.3f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if separator == ";" else text
    return str(value)
