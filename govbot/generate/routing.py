"""Which model of several should write an answer: by rule and by how difficult the question looks.

Pure: it sees a request and the models, and gives an order with reasons. The rules are few words
and counts, because they must explain themselves to an administrator and cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from govbot.generate import Priority, Request, Routed
from govbot.generate.stems import fold

Tier = Literal["fast", "quality"]

LONG_QUESTION: Final = 30  # words
MANY_DOCUMENTS: Final = 5
MANY_TURNS: Final = 2
_SIGNS_PER_TOKEN: Final = 3.0  # characters of Portuguese, on the careful side
_ROOM_SHARE: Final = 4  # as the engine: at most a quarter of the context is kept for the answer

# Verbs as they are asked for, not every word of their family: "analista", "fundamento legal" and
# "comprar" are of simple questions.
_COMPARISON = re.compile(
    r"\b(compar(?:e|em|ar|ando|acao|acoes|ativ[oa]s?|ad[oa]s?)|diferencas?|diferem?|diferenci\w+"
    r"|disting(?:a|am|uir|ue|uem)|distinc(?:ao|oes)|versus|vs|semelhancas?|contradi(?:z|zem|cao|coes)"
    r"|conflit(?:o|os|a|am) (?:com|entre)|(?:des)?vantage(?:m|ns)|pros e contras|o que mud\w+"
    r"|em vez de|ao contrario)\b"
)
_EXPLANATION = re.compile(
    r"\b(expli(?:que|quem|car|ca|cam|cacao)|por ?que|motivos?|razao|razoes"
    r"|justifi(?:que|car|ca|cam)|fundament(?:e|ar|acao)|como (?:funcion|se relacion|interpret)\w+"
    r"|analisar|interpret(?:e|ar)|resum(?:a|am|ir|o)|sintetiz(?:e|ar)|sintese"
    r"|elabor(?:e|ar)|redij(?:a|am)|redigir"
    r"|descrev(?:a|am|er)|detalh(?:e|ar|adamente)|passo a passo|consequencias?"
    r"|em (?:que|quais) casos|hipoteses|relacione|liste tod[oa]s|enumer(?:e|ar))\b"
    r"|^analis(?:e|em)\b"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may write, as far as the rules look at it."""

    name: str
    tier: Tier
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Difficulty:
    points: int
    signs: tuple[str, ...]


def difficulty(request: Request) -> Difficulty:
    """How much there is to think about; `signs` are stable words."""
    question = fold(request.question)
    words = len(question.split())
    earlier = sum(message.role == "user" for message in request.messages) - 1
    found = (
        ("comparison", 2, bool(_COMPARISON.search(question))),
        ("explanation", 2, bool(_EXPLANATION.search(question))),
        ("several", 1, question.count("?") > 1),
        ("long", 1, words > LONG_QUESTION),
        ("very-long", 1, words > 3 * LONG_QUESTION),
        ("documents", 1, len({s.title for s in request.sources}) >= MANY_DOCUMENTS),
        ("history", 1, earlier >= MANY_TURNS),
    )
    held = [(sign, points) for sign, points, holds in found if holds]
    return Difficulty(sum(points for _, points in held), tuple(sign for sign, _ in held))


def plan(
    request: Request, candidates: Sequence[Candidate], *, complex_from: int
) -> tuple[Routed, ...]:
    """All candidates in the order in which they should try, each with the reason it would have.

    The order of the list counts within a tier. A model whose context does not take the prompt goes
    behind those whose does. What people chose comes first in any case.
    """
    if len(candidates) == 1:
        return (Routed(candidates[0].name, "only"),)
    found = difficulty(request)
    wanted: Tier
    signs: tuple[str, ...] = ()
    if request.tier:
        wanted = request.tier
        reason = "background" if request.priority is Priority.BACKGROUND else "tier"
    elif found.points >= complex_from:
        wanted, reason, signs = "quality", "complex", found.signs
    else:
        wanted, reason, signs = "fast", "simple", found.signs
    preferred = sorted(candidates, key=lambda each: each.tier != wanted)
    ordered = sorted(preferred, key=lambda each: not _takes(each, request))
    if ordered[0] != preferred[0]:
        reason = "context"
    routed = [Routed(each.name, reason, signs) for each in ordered]
    chosen = [Routed(each.name, "chosen") for each in candidates if each.name == request.model]
    return (*chosen, *(each for each in routed if each.model != request.model))


def _takes(candidate: Candidate, request: Request) -> bool:
    """Whether the prompt fits, by a guess from its characters; passages would be dropped else."""
    prompt = sum(len(message.content) for message in request.messages) / _SIGNS_PER_TOKEN
    room = min(request.max_tokens, candidate.context_tokens // _ROOM_SHARE)
    return prompt + room <= candidate.context_tokens
