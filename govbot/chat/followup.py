"""Makes a follow-up question stand alone for the search, by rule.

"E para os aposentados?" says nothing by itself: the words of the question before it are added.
"O que diz o art. 5º desta lei?" needs the law that was spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from govbot.chat.prompt import Turn
from govbot.generate.stems import content_stems, fold
from govbot.retrieval.references import NormName, articles, kinds_meant, norms, refers_back

# Content words up to which a question leans on the one before. With three, most questions stand
# alone ("Em quantas etapas as férias podem ser parceladas?").
SHORT = 2
MOST_BEFORE = 3  # follow-ups of follow-ups reach back so far
PRONOUNS = ("e", "mas", "isso", "esse", "essa", "este", "esta", "ele", "ela", "eles", "elas", "and")
OPENINGS = (
    *(f"{word} " for word in PRONOUNS),
    *("nesse caso", "neste caso", "qual deles", "quais deles", "what about", "in that case"),
)
_IS = re.compile(r"\W*é\b", re.IGNORECASE)  # "É permitido ...?" begins a question, "E ...?" goes on
_BESIDE = re.compile(r"\bartigo (?P<side>anterior|seguinte)\b")


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The text to search for: the question, led by those before it while they lean on them, or by
    the norm and the article that it refers back to."""
    texts = [question]
    for turn in reversed(history[-MOST_BEFORE:]):
        if not _leans(texts[0]):
            break
        texts.insert(0, turn.question)
    if (meant := _meant(question, history)) and not norms("\n".join(texts)):
        texts.insert(0, meant)
    return "\n".join(texts)


def preferred(question: str, history: Sequence[Turn]) -> tuple[int, ...]:
    """Keys of the documents that the last answer was made from, where the question is about
    "this law" or "the same decree"."""
    return history[-1].sources if history and refers_back(question) else ()


def _leans(question: str) -> bool:
    opening = fold(question).lstrip().startswith(OPENINGS) and not _IS.match(question)
    return opening or len(set(content_stems(question))) <= SHORT


def _meant(question: str, history: Sequence[Turn]) -> str:
    """The norm, and the article beside the one spoken of, that the question refers back to."""
    if not refers_back(question):
        return ""
    kinds = kinds_meant(question)
    for turn in reversed(history[-MOST_BEFORE:]):
        named = [*norms(turn.question), *norms(turn.answer)]
        norm = next((each for each in named if not kinds or each.kind in kinds), None)
        if norm is not None:
            return _article_beside(question, turn, norm) + norm.text
    return ""


def _article_beside(question: str, turn: Turn, norm: NormName) -> str:
    beside = _BESIDE.search(fold(question))
    spoken = [number for number in articles(turn.question) if number.isdigit()]
    if beside is None or not spoken or norm not in norms(turn.question):
        return ""
    step = 1 if beside["side"] == "seguinte" else -1
    return f"art. {int(spoken[-1]) + step} "
