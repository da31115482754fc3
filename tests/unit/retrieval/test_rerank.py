from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Reranker as RerankerSettings
from govbot.errors import Unavailable
from govbot.retrieval.rerank import reranked
from tests.unit.retrieval.cases import passage


class Reading:
    """A reranker that says what a test tells it, and keeps what it was given."""

    name = "leitor"
    fingerprint = "f"

    def __init__(self, scores: Sequence[float] = (), *, failure: Exception | None = None):
        self._scores = scores
        self._failure = failure
        self.wait_s = 0.0
        self.read: list[str] = []

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        self.read = list(passages)
        await asyncio.sleep(self.wait_s)
        if self._failure is not None:
            raise self._failure
        return list(self._scores)

    async def aclose(self) -> None:
        pass


def settings(**chosen: object) -> Settings:
    return Settings(
        data_dir=Path("unused"), reranker=RerankerSettings.model_validate({"weight": 0.5, **chosen})
    )


FOUND = [
    replace(passage("um", heading="Art. 1º", title="Lei"), score=0.9),
    replace(passage("dois"), score=0.8),
    replace(passage("três"), score=0.4),
]


async def test_the_blend_orders_what_was_read_and_the_rest_stays_behind() -> None:
    reading = Reading([0.1, 0.9])
    order = await reranked("q", FOUND, reading, settings(candidates=2))
    assert reading.read == ["Lei\nArt. 1º\num", "dois"]
    assert [p.text for p in order] == ["dois", "um", "três"]
    assert [p.score for p in order] == pytest.approx([0.85, 0.5, 0.2])
    assert [p.rerank for p in order] == [0.9, 0.1, None]


@pytest.mark.parametrize("trouble", ["fails", "is slow"])
async def test_without_scores_the_order_of_the_search_stands_and_the_log_says_so(
    trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading([0.1, 0.9, 1.0], failure=Unavailable("gone") if trouble == "fails" else None)
    reading.wait_s = 5.0 if trouble == "is slow" else 0.0
    with caplog.at_level(logging.WARNING):
        order = await reranked("segredo", FOUND, reading, settings(timeout_s=0.1))
    assert order == FOUND
    assert [getattr(r, "action", "") for r in caplog.records] == ["retrieval.not-reranked"]
    assert "segredo" not in caplog.text
    assert await reranked("q", [], reading, settings()) == []
