"""Makes a follow-up question stand alone for the search, by rule.

"E para os aposentados?" says nothing by itself: the words of the question before it are added.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from govbot.chat.prompt import Turn
from govbot.generate.stems import content_stems, fold

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


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The text to search for: the question, led by those before it while they lean on them."""
    texts = [question]
    for turn in reversed(history[-MOST_BEFORE:]):
        if not _leans(texts[0]):
            break
        texts.insert(0, turn.question)
    return "\n".join(texts)


def _leans(question: str) -> bool:
    opening = fold(question).lstrip().startswith(OPENINGS) and not _IS.match(question)
    return opening or len(set(content_stems(question))) <= SHORT
