"""How long work will still take, from the pace of the last documents; or that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from govbot.db.pool import Connection
from govbot.documents.types import State
from govbot.ingest.work import Group, Work

LAST = 60
ENOUGH = 3  # fewer finished documents say too little
EMBEDDING = 0.6  # share of a page's time, as in Version.progress
OWN_PAGES = 3  # after these a document tells its own pace


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds per page read as text, per page recognised in its picture, and per document."""

    page_s: float
    ocr_page_s: float
    document_s: float


@dataclass(frozen=True, slots=True)
class Remaining:
    """Seconds until the queue is empty, None while nobody knows; `unopened` documents, whose
    pages are not counted yet, are taken for as long as the last ones."""

    seconds: float | None
    unopened: int


async def measured_pace(conn: Connection) -> Pace | None:
    """The pace of the documents that were finished last; None while there are too few."""
    cursor = await conn.execute(
        """
        SELECT pages, cardinality(ocr_pages) AS ocr,
               extract(epoch FROM finished_at - started_at)::float AS seconds
        FROM document_versions
        WHERE state = 'ready' AND started_at IS NOT NULL AND finished_at > started_at AND pages > 0
        ORDER BY finished_at DESC
        LIMIT %(last)s
        """,
        {"last": LAST},
    )
    rows = await cursor.fetchall()
    return pace_of([(row["pages"], row["ocr"], row["seconds"]) for row in rows])


def pace_of(finished: Sequence[tuple[int, int, float]]) -> Pace | None:
    """From (pages, those of them that were recognised, seconds) of finished documents."""
    if len(finished) < ENOUGH:
        return None
    read = [(pages, seconds) for pages, ocr, seconds in finished if not ocr]
    scanned = [(pages - ocr, ocr, seconds) for pages, ocr, seconds in finished if ocr]
    total = sum(seconds for _, _, seconds in finished)
    average = total / sum(pages for pages, _, _ in finished)
    page_s = sum(s for _, s in read) / sum(p for p, _ in read) if read else average
    if scanned:
        left = sum(max(0.0, seconds - page_s * text) for text, _, seconds in scanned)
        ocr_page_s = max(page_s, left / sum(ocr for _, ocr, _ in scanned))
    else:
        ocr_page_s = page_s
    return Pace(page_s, ocr_page_s, total / len(finished))


def remaining_s(work: Work, pace: Pace | None, now: datetime) -> float | None:
    """Seconds of work left on one version; None when its pages or the pace are not known."""
    if not work.pages or work.group not in (Group.RUNNING, Group.WAITING):
        return None
    embedding = EMBEDDING * pace.page_s * work.pages if pace else None
    share = min(1.0, work.pages_done / work.pages)
    if work.group is Group.WAITING:
        return _whole(work, pace) if pace else None
    if work.state is State.EMBEDDING:
        return embedding * (1 - share) if embedding is not None else None
    if work.pages_done >= OWN_PAGES and work.started_at is not None:
        elapsed = (now - work.started_at).total_seconds()
        return max(0.0, elapsed) * (1 - share) / share + (embedding or 0.0)
    return _whole(work, pace) * (1 - (1 - EMBEDDING) * share) if pace else None


def queue_remaining(
    running: Iterable[Work], waiting: Waits, pace: Pace | None, now: datetime
) -> Remaining:
    """The whole queue, with as many documents at a time as run now."""
    under_way = list(running)
    if pace is None:
        return Remaining(None, waiting.unopened)
    left = sum(
        pace.document_s if (s := remaining_s(work, pace, now)) is None else s for work in under_way
    )
    left += pace.page_s * waiting.pages + pace.document_s * waiting.unopened
    return Remaining(left / max(1, len(under_way)), waiting.unopened)


@dataclass(frozen=True, slots=True)
class Waits:
    """Pages of the waiting documents that were opened before, and how many were not."""

    pages: int
    unopened: int


async def count_pages(conn: Connection) -> Waits:
    """What waits, outside the trash; a new version is taken to be as long as the one before."""
    cursor = await conn.execute(
        """
        SELECT coalesce(sum(l.pages), 0) AS pages,
               count(*) FILTER (WHERE l.pages = 0) AS unopened
        FROM document_listings l
        WHERE l.newest_state = 'queued' AND l.trashed_at IS NULL
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    return Waits(int(row["pages"]), int(row["unopened"]))


def rounded(seconds: float) -> tuple[Literal["min", "h"], int]:
    """As one says it: 0 minutes for less than one, hours from an hour and a half on."""
    minutes = seconds / 60
    if minutes < 1:
        return "min", 0
    if minutes < 10:
        return "min", round(minutes)
    if minutes < 90:
        return "min", 5 * round(minutes / 5)
    return "h", round(minutes / 60)


def _whole(work: Work, pace: Pace) -> float:
    return pace.page_s * (work.pages - work.ocr_pages) + pace.ocr_page_s * work.ocr_pages
