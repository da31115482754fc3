"""Copies of the audit log for the browser: a table for spreadsheets, lines for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence

from govbot import audit
from govbot.audit.lines import to_line
from govbot.db.access import as_actor
from govbot.web.visit import Visit

BATCH = 1000
COLUMNS = ("seq", "at", "actor", "actor_id", "action", "resource", "details", "ip", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_table(visit: Visit, chosen: audit.Filter, last: int) -> AsyncIterator[str]:
    """CSV, the newest entry before number `last` first."""
    separator = ";" if visit.language.code == "pt-BR" else ","  # what its spreadsheets expect

    def lines(found: Sequence[audit.Entry]) -> str:
        return _lines([_row(entry) for entry in found], separator)

    return _batches(visit, chosen, last, "\ufeff" + _lines([COLUMNS], separator), lines)


def as_lines(visit: Visit, chosen: audit.Filter, last: int) -> AsyncIterator[str]:
    """JSON lines with all that the hashes are made of, in the same order."""
    return _batches(visit, chosen, last, "", lambda found: "".join(map(to_line, found)))


async def _batches(
    visit: Visit,
    chosen: audit.Filter,
    last: int,
    head: str,
    written: Callable[[Sequence[audit.Entry]], str],
) -> AsyncIterator[str]:
    """Each batch in a transaction of its own: a slow reader holds no connection."""
    yield head
    before = last
    while True:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            found = await audit.entries(conn, chosen, limit=BATCH, before=before)
        if not found:
            return
        before = found[-1].seq
        yield written(found)


def _row(entry: audit.Entry) -> tuple[str, ...]:
    values = (
        str(entry.seq),
        entry.at.isoformat(),
        entry.actor_name,
        str(entry.actor_id or ""),
        entry.action,
        entry.resource,
        entry.details,
        entry.ip,
        bytes(entry.hash).hex(),
    )
    # A cell that begins like a formula would be run by a spreadsheet.
    return tuple(f"'{value}" if value.startswith(_FORMULA) else value for value in values)


def _lines(rows: Sequence[Sequence[str]], separator: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
