"""Hides personal data in a text without changing its length, so that places in it stay right."""

from __future__ import annotations

import re
from collections.abc import Collection

from govbot.privacy.detect import find
from govbot.privacy.kinds import Finding, Kind

EVERY_KIND = frozenset(Kind)
STAR = "*"
_NUMBER = re.compile(r"[0-9A-Za-z]")
# What `hide` leaves of a value, from its first star on.
MASKED = re.compile(
    r"(?<!\*)(?:\*{3}\.?\s{0,3}[0-9]{3}\.?\s{0,3}[0-9]{3}[-/]?\s{0,3}\*{2}"
    r"|\*{3}\.?[0-9]{5}\.?\*{2}-?\*"
    r"|\*{2}\.?\*{3}\.?\*{3}/?[0-9A-Z]{4}-?\*{2}"
    r"|\*{4}\s?[0-9]{4}\s?\*{4}"
    r"|\*{4}[ -]?\*{4}[ -]?\*{4}[ -]?[0-9]{4}"
    r"|\*{4,5}[-. ]?\*{2}[0-9]{2}"
    r"|\*{1,3}\.?\*{3}\.?\*{3}(?:-\*{1,2})?"
    r"|\*{1,64}(?=@))(?!\*)"
)
# What stays readable of a number of full length: the form of the Portal da Transparência for CPF
# (***.456.789-**), the last digits where people tell their own number by them.
_KEPT = {
    Kind.CPF: range(3, 9),
    Kind.PIS: range(3, 8),
    Kind.CNPJ: range(8, 12),
    Kind.VOTER: range(4, 8),
    Kind.RG: range(0),
}


def mask(text: str, kinds: Collection[Kind] = EVERY_KIND) -> str:
    """The text with data of these kinds hidden, as long as before. Masking again changes nothing.

    What the text holds of other kinds stays; nothing to hide gives the text itself.
    """
    if not kinds:
        return text
    while found := [finding for finding in find(text) if finding.kind in kinds]:
        # Again, as what is hidden may have stood over something else that is to be hidden.
        text = hide(text, found)
    return text


def hide(text: str, findings: Collection[Finding]) -> str:
    """The text with these places hidden. Places that overlap are hidden wherever one hides them."""
    characters: list[str] | None = None
    for finding in findings:
        characters = characters if characters is not None else list(text)
        for place in _hidden(text, finding):
            characters[place] = STAR
    return "".join(characters) if characters is not None else text


def _hidden(text: str, finding: Finding) -> list[int]:
    """The places in the text that turn into stars."""
    start, end = finding.start, finding.end
    if finding.kind is Kind.EMAIL:
        at = text.find("@", start, end)
        until = at if at >= 0 else end
        first = start + 1 if until - start > 2 else start
        return [place for place in range(first, until) if not text[place].isspace()]
    places = [start + match.start() for match in _NUMBER.finditer(text[start:end])]
    if finding.kind is Kind.PHONE:
        kept = _of_phone(len(places))
    elif finding.kind is Kind.CARD:
        kept = range(len(places) - 4, len(places))
    else:
        kept = _KEPT[finding.kind]
    return [place for number, place in enumerate(places) if number not in kept]


def _of_phone(length: int) -> Collection[int]:
    """The country's and the area's code, and the last two digits."""
    own = 9 if length in (9, 11, 12, 13) else 8
    return {*range(length - own), length - 2, length - 1}
