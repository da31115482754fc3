"""The sentences of an answer that its passages do not bear out, marked and explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from govbot.chat.store import Message
from govbot.chat.support import Reason, State, shown_sentence
from govbot.web.i18n import _

_MARKS = re.compile(r"(?:[ \t]*\[\d{1,3}\])*")
# Of the private use area, where no text of a document or model means anything.
BEGIN: Final = "\ue000"
END: Final = "\ue001"
_PLACE = re.compile(f"{BEGIN}(\\d+){END}")
SHOWN: Final = 300  # characters of a sentence in the list

LABELS: Final = {State.WEAK: _("check"), State.UNSUPPORTED: _("not supported")}
REASONS: Final = {
    Reason.UNCITED: _("It cites no document."),
    Reason.VALUE: _("This does not stand in the passages cited: %(missing)s."),
    Reason.WORDS: _("The passages cited say little or nothing of this."),
    Reason.NEGATION: _("It may say the opposite of the passage cited."),
    Reason.CONTRADICTED: _("The passage cited seems to say otherwise."),
}

Translate = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One sentence to check; `number` counts from 1 within its answer."""

    number: int
    anchor: str
    label: str
    unsupported: bool
    sentence: str
    explanation: str


def doubts_of(answer: Message, translate: Translate) -> list[Doubt]:
    """The sentences that are weak or unsupported, in order."""
    found: list[Doubt] = []
    for support in answer.support:
        if support.state is State.SUPPORTED or support.end > len(answer.content):
            continue
        sentence = _clean(shown_sentence(answer.content, support))
        missing = ", ".join(f"“{answer.content[start:end]}”" for start, end in support.missing)
        reason = REASONS.get(support.reason, REASONS[Reason.WORDS])
        number = len(found) + 1
        found.append(
            Doubt(
                number,
                f"d-{answer.id}-{number}",
                translate(LABELS[support.state]),
                support.state is State.UNSUPPORTED,
                sentence if len(sentence) <= SHOWN else sentence[: SHOWN - 1].rstrip() + "…",
                translate(reason, missing=missing)
                if support.reason is Reason.VALUE
                else translate(reason),
            )
        )
    return found


def annotated(answer: Message) -> str:
    """The Markdown of the answer with a place for a mark behind each doubtful sentence."""
    content = answer.content
    ends = [
        _MARKS.match(content, each.end).end()  # type: ignore[union-attr]
        for each in answer.support
        if each.state is not State.SUPPORTED and each.end <= len(content)
    ]
    parts, position = [], 0
    for number, end in enumerate(ends, 1):
        end = max(end, position)  # noqa: PLW2901 - two sentences never share a place
        parts += [_clean(content[position:end]), f"{BEGIN}{number}{END}"]
        position = end
    return "".join((*parts, _clean(content[position:])))


def placed(html: Markup, doubts: list[Doubt]) -> Markup:
    """The HTML of an annotated answer with its marks, each a link to what is said of it."""

    def mark(match: re.Match[str]) -> str:
        number = int(match[1])
        if not 1 <= number <= len(doubts):
            return ""
        doubt = doubts[number - 1]
        kind = "unsupported" if doubt.unsupported else "weak"
        return str(
            Markup(
                ' <a class="doubt doubt-{kind}" href="#{anchor}" title="{explanation}"'
                ' aria-label="{label}: {explanation}">{label}</a>'
            ).format(
                kind=kind, anchor=doubt.anchor, explanation=doubt.explanation, label=doubt.label
            )
        )

    return Markup(_PLACE.sub(mark, html))  # noqa: S704 - html is safe, and format escapes


def _clean(text: str) -> str:
    return text.replace(BEGIN, "").replace(END, "")
