"""Estimates: from measured pace, and none where nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from govbot.documents.types import State
from govbot.ids import DocumentId, VersionId
from govbot.ingest.estimate import (
    Pace,
    Waits,
    pace_of,
    queue_remaining,
    remaining_s,
    rounded,
)
from govbot.ingest.work import Group, Work

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PACE = Pace(page_s=1.0, ocr_page_s=5.0, document_s=8.0)


def work(**changes: Any) -> Work:
    values: dict[str, Any] = {
        "version_id": VersionId(UUID(int=1)),
        "document_id": DocumentId(UUID(int=2)),
        "filename": "lei.pdf",
        "title": "",
        "collection_id": None,
        "collection": "",
        "version": 1,
        "source": "upload",
        "group": Group.RUNNING,
        "state": State.EXTRACTING,
        "pages": 100,
        "pages_done": 0,
        "ocr_pages": 0,
        "size_bytes": 1,
        "attempts": 1,
        "error_code": None,
        "error": None,
        "created_at": NOW,
        "started_at": NOW - timedelta(seconds=20),
        "finished_at": None,
        "priority": 0,
        "again_at": None,
    }
    return Work(**{**values, **changes})


def test_two_finished_documents_are_too_few() -> None:
    assert pace_of([(10, 0, 5.0), (10, 0, 5.0)]) is None


def test_pages_read_and_pages_recognised_have_their_own_pace() -> None:
    pace = pace_of([(10, 0, 5.0), (30, 0, 15.0), (20, 10, 25.0)])
    assert pace is not None
    assert pace.page_s == pytest.approx(0.5)
    assert pace.ocr_page_s == pytest.approx(2.0)
    assert pace.document_s == pytest.approx(15.0)


def test_without_a_document_read_as_text_the_average_stands_for_it() -> None:
    pace = pace_of([(4, 4, 8.0)] * 3)
    assert pace == Pace(2.0, 2.0, 8.0)


@pytest.mark.parametrize(
    ("changes", "pace", "expected"),
    [
        ({"pages": 0}, PACE, None),  # not opened yet
        ({}, None, None),
        ({}, PACE, 100.0),
        ({"pages_done": 2}, PACE, 100 * (1 - 0.4 * 0.02)),
        ({"pages_done": 50}, PACE, 20 + 60.0),  # its own pace for reading, then the embedding
        ({"pages_done": 50}, None, 20.0),
        ({"state": State.EMBEDDING, "pages_done": 50}, PACE, 30.0),
        ({"state": State.EMBEDDING, "pages_done": 50}, None, None),
        ({"group": Group.WAITING, "ocr_pages": 10}, PACE, 90 + 50.0),
        ({"group": Group.FAILED, "state": State.FAILED}, PACE, None),
    ],
)
def test_what_is_left_of_a_document(
    changes: dict[str, Any], pace: Pace | None, expected: float | None
) -> None:
    assert remaining_s(work(**changes), pace, NOW) == pytest.approx(expected)


def test_the_queue_takes_what_is_left_divided_by_those_that_run() -> None:
    running = [work(state=State.EMBEDDING, pages_done=50), work(pages=0)]
    left = queue_remaining(running, Waits(pages=40, unopened=2), PACE, NOW)
    assert left.seconds == pytest.approx((30 + 8 + 40 + 16) / 2)
    assert left.unopened == 2


def test_without_a_pace_nobody_knows_how_long_the_queue_takes() -> None:
    left = queue_remaining([work()], Waits(0, 3), None, NOW)
    assert (left.seconds, left.unopened) == (None, 3)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(10, ("min", 0)), (70, ("min", 1)), (190, ("min", 3)), (1300, ("min", 20)),
     (5000, ("min", 85)), (6000, ("h", 2)), (90_000, ("h", 25))],
)  # fmt: skip
def test_times_are_said_roundly(seconds: float, said: tuple[str, int]) -> None:
    assert rounded(seconds) == said
