"""The answer that the readable documents do not hold what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from govbot.chat import prompt
from govbot.chat.cited import Citation
from govbot.chat.places import whole
from govbot.chat.reply import Answer, Clock, Parts
from govbot.retrieval.passages import Passage

NEAREST_DOCUMENTS = 3


def refusal(
    parts: Parts, passages: Sequence[Passage], clock: Clock, as_of: date | None = None
) -> Answer:
    """No answer in the readable documents: say so, and name the nearest ones."""
    language = parts.settings.language
    return Answer(
        prompt.lead(as_of, language) + prompt.not_found_sentence(language),
        True,
        parts.generator.name,
        False,
        [],
        _nearest(passages),
        clock.total(),
    )


def _nearest(passages: Sequence[Passage]) -> list[Citation]:
    nearest: list[Citation] = []
    seen: set[int] = set()
    for passage in passages:
        if passage.document_key not in seen and len(nearest) < NEAREST_DOCUMENTS:
            seen.add(passage.document_key)
            nearest.append(whole(len(nearest) + 1, passage))
    return nearest
