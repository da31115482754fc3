"""From chunks to their vectors, the same at ingestion and at `reindex`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pgvector import HalfVector

from govbot.ingest.measure import Measure, embedded_windows
from govbot.models.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Passage:
    """What a vector is made of: the document's title, the path in it, and the words."""

    title: str
    heading: str
    text: str


async def measure_of(embedder: Embedder) -> Measure:
    """How this embedder counts; raises Unavailable when its tokenizer cannot be read."""
    room = await asyncio.to_thread(embedder.passage_tokens)
    return Measure(embedder.count_tokens, room)


async def vectors_of(
    embedder: Embedder, measure: Measure, passages: Sequence[Passage]
) -> list[HalfVector]:
    """One vector per passage: of a long one, the mean of the vectors of its parts."""
    windows = await asyncio.to_thread(_windows, passages, measure)
    parts = await embedder.embed_passages([text for texts in windows for text in texts])
    vectors = []
    position = 0
    for texts in windows:
        vectors.append(HalfVector(_mean(parts[position : position + len(texts)])))
        position += len(texts)
    return vectors


def _windows(passages: Sequence[Passage], measure: Measure) -> list[list[str]]:
    return [embedded_windows(p.title, p.heading, p.text, measure) for p in passages]


def _mean(vectors: Sequence[list[float]]) -> list[float]:
    """The mean, of length 1 again."""
    if len(vectors) == 1:
        return vectors[0]
    total = [sum(numbers) for numbers in zip(*vectors, strict=True)]
    length = math.sqrt(sum(number * number for number in total)) or 1.0
    return [number / length for number in total]
