"""The check of a written answer, by the setting that says what is done with what fails it."""

from __future__ import annotations

from collections.abc import Sequence

from govbot.chat import support
from govbot.chat.claims import claims_of
from govbot.chat.reply import Parts
from govbot.chat.support import Reason, Support
from govbot.generate import Source


async def checked(
    parts: Parts,
    text: str,
    order: Sequence[int],
    sources: Sequence[Source],
    question: str,
    *,
    stopped: bool = False,
) -> tuple[str, list[Support]]:
    """The text as it may stay, with the verdict on each sentence; "" when nothing is left of it.

    `order` and `sources` as in `support.check`. A sentence that was `stopped` in the middle has
    had no time to cite.
    """
    if parts.generator.excerpts:
        return text, support.literal(text)
    found = await support.check(
        text, order, sources, question, embedder=parts.embedder, entailment=parts.entailment
    )
    if stopped and found and _unfinished(text, found[-1]):
        found = found[:-1]
    if parts.settings.answers.unsupported == "mark":
        return text, found
    kept, found = support.without_unsupported(text, found)
    says_something = any(claim.states for claim in claims_of(kept))
    return (kept.strip(), found) if says_something or stopped else ("", [])


def _unfinished(text: str, last: Support) -> bool:
    return last.reason is Reason.UNCITED and not text[last.end :].strip()
