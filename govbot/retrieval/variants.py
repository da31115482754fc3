"""Other wordings of a question, searched beside it in the same statement."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.errors import GovBotError
from govbot.generate import ChatMessage, Generator, Priority, Request
from govbot.generate.stems import fold, words
from govbot.retrieval.synonyms import GROUPS

log = logging.getLogger(__name__)

SYNONYM_WEIGHT = 0.15
MODEL_WEIGHT = 0.3
MOST_BY_MODEL = 3
LONGEST = 300  # characters of a wording
_LABEL = re.compile(r"^\s*(?:[-*•]|\d{1,2}\s*[.):-])\s*")
_ASK = """Você prepara buscas em documentos da administração pública brasileira. Reescreva a \
última pergunta de até três maneiras, com outras palavras que um documento usaria, cada uma \
completa por si, sem depender das anteriores. Escreva uma por linha, sem numerar, sem responder e \
sem comentar."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Words that may stand where the question's own stand; `weight` is 0 to 1 of theirs.

    `whole`: a question by itself, worth a vector of its own. `origins`: the stems of the question
    that it stands for.
    """

    text: str
    weight: float
    whole: bool = False
    origins: tuple[str, ...] = ()


def by_rule(question: str) -> tuple[Variant, ...]:
    """Synonyms of the words of a question; none for most."""
    asked = [word.stem for word in words(question)]
    found: dict[str, Variant] = {}
    for group in _STEMMED:
        origins = next((stems for _, stems in group if _stands(stems, asked)), None)
        for text, stems in group if origins else ():
            if not _stands(stems, asked):
                found.setdefault(text, Variant(text, SYNONYM_WEIGHT, origins=origins or ()))
    return tuple(found.values())


async def by_model(
    generator: Generator, question: str, history: Sequence[str], *, limit_s: float, owner: str = ""
) -> tuple[Variant, ...]:
    """Wordings that a model proposes; none where it takes longer than `limit_s` or fails.

    `history` are the questions before, oldest first. An extractive generator has none to offer.
    """
    if generator.excerpts:
        return ()
    spoken = "\n".join([*history, question])
    messages = (ChatMessage("system", _ASK), ChatMessage("user", spoken))
    request = Request(
        question,
        messages,
        (),
        120,
        0.0,
        lambda _sources: messages,
        owner,
        priority=Priority.BACKGROUND,
        tier="fast",
    )
    try:
        async with asyncio.timeout(limit_s):
            text = "".join([delta async for delta in generator.stream(request)])
    except (GovBotError, TimeoutError) as error:
        log.info(
            "No other wordings of a question: %s",
            type(error).__name__,
            extra={"action": "retrieval.no-variants"},
        )
        return ()
    lines = [_LABEL.sub("", line).strip() for line in text.splitlines()]
    kept = dict.fromkeys(
        line for line in lines if 0 < len(line) <= LONGEST and fold(line) != fold(question)
    )
    return tuple(Variant(line, MODEL_WEIGHT, whole=True) for line in list(kept)[:MOST_BY_MODEL])


def _stands(stems: Sequence[str], asked: Sequence[str]) -> bool:
    size = len(stems)
    return any(tuple(asked[at : at + size]) == stems for at in range(len(asked) - size + 1))


def _stems(text: str) -> tuple[str, ...]:
    return tuple(word.stem for word in words(text))


_STEMMED = tuple(tuple((text, _stems(text)) for text in group) for group in GROUPS)
