"""Makes a follow-up question stand alone for the search, by rule.

"E para os aposentados?" says nothing by itself: the words of the question before it are added.
"""

from __future__ import annotations

from collections.abc import Sequence

from govbot.chat.prompt import Turn
from govbot.generate.stems import content_stems, fold

SHORT = 3  # content words up to which a question leans on the one before
PRONOUNS = ("e", "mas", "isso", "esse", "essa", "este", "esta", "ele", "ela", "eles", "elas", "and")
OPENINGS = (
    *(f"{word} " for word in PRONOUNS),
    *("nesse caso", "neste caso", "qual deles", "quais deles", "what about", "in that case"),
)


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The text to search for: the question, led by the previous one when it leans on it."""
    if not history:
        return question
    opening = fold(question).lstrip().startswith(OPENINGS)
    if opening or len(set(content_stems(question))) <= SHORT:
        return f"{history[-1].question}\n{question}"
    return question
