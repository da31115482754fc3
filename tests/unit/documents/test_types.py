"""What the data of documents says by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from govbot.documents.types import Review, State, Version
from govbot.ids import DocumentId, VersionId, new_id


def version(state: State, done: int, pages: int) -> Version:
    return Version(
        id=VersionId(new_id()),
        document_id=DocumentId(new_id()),
        document_key=1,
        collection_key=1,
        number=1,
        sha256="0" * 64,
        size_bytes=1,
        mime="text/plain",
        state=state,
        review=Review.APPROVED,
        reviewed_by=None,
        review_note="",
        pages=pages,
        pages_done=done,
        ocr_pages=[],
        unread_pages=[],
        attachments=[],
        chunks=0,
        error_code=None,
        error=None,
        attempts=0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by=None,
        started_at=None,
        finished_at=None,
    )


@pytest.mark.parametrize(
    ("state", "done", "pages", "share"),
    [
        (State.QUEUED, 0, 0, 0.0),
        (State.EXTRACTING, 0, 0, 0.0),
        (State.EXTRACTING, 5, 10, 0.2),
        (State.EXTRACTING, 10, 10, 0.4),
        (State.EMBEDDING, 0, 10, 0.4),
        (State.EMBEDDING, 5, 10, 0.7),
        (State.EMBEDDING, 12, 10, 1.0),
        (State.READY, 10, 10, 1.0),
        (State.FAILED, 0, 0, 1.0),
    ],
)
def test_progress_grows_from_reading_to_embedding(
    state: State, done: int, pages: int, share: float
) -> None:
    assert version(state, done, pages).progress == pytest.approx(share)


@pytest.mark.parametrize("state", State)
def test_only_ends_are_finished(state: State) -> None:
    assert state.finished == (
        state in {State.READY, State.FAILED, State.CANCELLED, State.SUPERSEDED}
    )
