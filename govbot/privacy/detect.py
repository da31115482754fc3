"""Finds personal data in Portuguese text by shape, check digits and the words before it. Pure.

A number without punctuation, or of a kind without check digits, counts only after words that name
it or where its check digits leave little doubt. One pass looks for areas of digits and signs; the
patterns of the kinds are bounded and see only those, so the time grows with the length of the
text whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from govbot.privacy import digits
from govbot.privacy.kinds import Finding, Kind
from govbot.privacy.names import Name, is_identity, name_before

# Numbers are cut by the ends of lines, and PDFs put spaces of all kinds beside points and dashes.
_GAP = r"[\s\u00ad\u200b]{0,3}"
_DASH = r"[-\u2010-\u2015\u2212]"
_S = rf"({_GAP}(?:(?:[./]|{_DASH}){_GAP})?)"
# Not in the middle of a word, of a longer number, or of what is masked already.
_BEGIN = r"(?<![\w*])(?<![0-9*][.,/-])(?<![0-9*][\u2010-\u2015\u2212])"
_END = rf"(?![\w*]|[.,/][0-9*]|{_DASH}[0-9*])"

# Seven digits or more with nothing but signs between them.
_AREA = re.compile(r"[0-9](?:[\s.,/()+\u00ad\u200b\u2010-\u2015\u2212-]{0,8}+[0-9]){6,}+")
_CPF = re.compile(rf"{_BEGIN}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{2}}{_END}")
_PIS = re.compile(rf"{_BEGIN}[0-9]{{3}}{_S}[0-9]{{5}}{_S}[0-9]{{2}}{_S}[0-9]{_END}")
_CNPJ = re.compile(
    rf"{_BEGIN}[0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{4}}{_S}[0-9]{{2}}{_END}"
)
_LETTERED = re.compile(
    rf"{_BEGIN}[0-9A-Z]{{2}}{_S}[0-9A-Z]{{3}}{_S}[0-9A-Z]{{3}}{_S}[0-9A-Z]{{4}}{_S}[0-9]{{2}}{_END}"
)
_TAIL = re.compile(rf"/{_GAP}[0-9A-Z]{{4}}{_GAP}{_DASH}{_GAP}[0-9]{{2}}(?![\w*])")
_NAMED_CNPJ = re.compile(r"CNPJ")
_VOTER = re.compile(rf"{_BEGIN}[0-9]{{4}}{_S}[0-9]{{4}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_END}")
_CARDS = (
    re.compile(rf"{_BEGIN}[0-9]{{4}}{_S}[0-9]{{4}}{_S}[0-9]{{4}}{_S}[0-9]{{4}}{_END}"),
    re.compile(rf"{_BEGIN}[0-9]{{4}}{_S}[0-9]{{6}}{_S}[0-9]{{4,5}}{_END}"),
)
_PHONE = re.compile(
    rf"(?<![\w*+])(?<![0-9*][.,/-])(?:\+{_GAP}55[\s.-]{{0,2}})?"
    rf"(?:\(\s?0?([1-9][0-9])\s?\)[\s-]{{0,3}}|0?([1-9][0-9])[\s.-]{{0,3}})?"
    rf"(9[ .]?[0-9]{{4}}|[2-5][0-9]{{3}})([\s.]{{0,3}}{_DASH}?\s{{0,2}})([0-9]{{4}}){_END}"
)
_RG = re.compile(
    rf"(?<![\w*])[0-9]{{1,3}}\.?{_GAP}[0-9]{{3}}\.?{_GAP}[0-9]{{3}}"
    rf"(?:\s?{_DASH}\s?[0-9Xx]{{1,2}})?{_END}"
)
_STATE = re.compile(r"(?<![\w.])[A-Z]{1,3}[-.\s]{1,2}$")  # MG-12.345.678
_DOMAIN = re.compile(
    r"@\n?((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}+(?<!-))?\."
    r"(?:\n(?=(?:com|gov|org|edu|leg|jus|mp|net|br)\b))?){1,6}[A-Za-z]{2,24})(?![\w*-])"
)
_LOCAL = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ"
)
_MAX_LOCAL = 64
_YEARS = re.compile(r"(?:19|20)[0-9]{2}")
_LETTER_OR_DIGIT = re.compile(r"[0-9A-Za-z]")
_AREA_CODES = frozenset(str(code) for code in range(11, 100)) - frozenset(
    str(code)
    for code in (20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80,
                 90)
)  # fmt: skip
# Numbers of companies, the same in the whole country.
_NATIONAL = ("300", "400", "4020", "4062")


class _Candidate(NamedTuple):
    """`weight` decides between candidates that overlap."""

    weight: int
    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Finding]:
    """What is personal in the text, in order and without overlaps."""
    candidates = [*_emails(text), *_lettered(text)]
    for area in _AREA.finditer(text):
        candidates += _numbers(text, area.start(), area.end())
    if not candidates:
        return []
    candidates.sort(key=lambda one: (-one.weight, one.start - one.end, one.start))
    taken = bytearray(len(text))
    kept = []
    for one in candidates:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(Finding(one.kind, one.start, one.end))
    return sorted(kept, key=lambda finding: finding.start)


def _emails(text: str) -> Iterator[_Candidate]:
    at = text.find("@")
    while at >= 0:
        match = _DOMAIN.match(text, at)
        end_of_local = at - 1 if text[at - 1 : at] == "\n" else at
        before = text[max(0, end_of_local - _MAX_LOCAL - 1) : end_of_local]
        local = before[len(before.rstrip(_LOCAL)) :].lstrip(".-%+_")
        masked = before[: len(before) - len(local)].endswith("*")
        if match and local and len(local) <= _MAX_LOCAL and not masked:
            yield _Candidate(100, Kind.EMAIL, end_of_local - len(local), match.end())
        at = text.find("@", at + 1)


def _lettered(text: str) -> Iterator[_Candidate]:
    """CNPJ with letters: by its tail, or by its name where it has no punctuation."""
    tails = [max(0, match.start() - 20) for match in _TAIL.finditer(text)]
    names = [match.end() for match in _NAMED_CNPJ.finditer(text)]
    for start in tails + names:
        match = _LETTERED.search(text, start, start + 70)
        if match is None or not any(character.isalpha() for character in match[0]):
            continue
        # The end of what was searched is no end of a number.
        if match.end() < len(text) and text[match.end()].isalnum():
            continue
        if digits.is_cnpj(_bare(match[0])):
            yield _Candidate(95, Kind.CNPJ, match.start(), match.end())


def _numbers(text: str, start: int, end: int) -> Iterator[_Candidate]:
    """Candidates in an area of digits; the patterns see what stands around it."""
    last = min(len(text), end + 4)
    for match in _CPF.finditer(text, start, last):
        yield from _cpf(text, match)
    for match in _PIS.finditer(text, start, last):
        yield from _pis(text, match)
    for match in _CNPJ.finditer(text, start, last):
        yield from _cnpj(text, match)
    for match in _VOTER.finditer(text, start, last):
        named = name_before(text, match.start()) is Kind.VOTER
        if named and digits.is_voter(_bare(match[0])):
            yield _candidate(100, Kind.VOTER, match)
    for pattern in _CARDS:
        for match in pattern.finditer(text, start, last):
            yield from _card(text, match)
    for match in _PHONE.finditer(text, max(0, start - 6), last):
        yield from _phone(text, match)
    for match in _RG.finditer(text, start, min(len(text), end + 8)):
        yield from _rg(text, match)


def _cpf(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    if not digits.is_cpf(_bare(match[0])):
        return
    gaps = match.groups()
    signs = _signs(gaps)
    if signs[:2] == [".", "."] or (signs[2] == "-" and not any(_broken(gaps[:2]))):
        yield _candidate(95, Kind.CPF, match)
        return
    name = name_before(text, match.start())
    if name is Kind.CPF:
        yield _candidate(100, Kind.CPF, match)
    elif not any(gaps) and _may_be(name):
        yield _candidate(50, Kind.CPF, match)


def _pis(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    if not digits.is_pis(_bare(match[0])):
        return
    if _signs(match.groups()) == [".", ".", "-"] or name_before(text, match.start()) is Kind.PIS:
        yield _candidate(96, Kind.PIS, match)


def _cnpj(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    bare = _bare(match[0])
    if not digits.is_cnpj(bare):
        return
    if _signs(match.groups())[2:] == ["/", "-"]:
        yield _candidate(100, Kind.CNPJ, match)
        return
    name = name_before(text, match.start())
    if name is Kind.CNPJ:
        yield _candidate(100, Kind.CNPJ, match)
    # Most have few branches, while process numbers have anything there.
    elif not any(match.groups()) and _may_be(name) and bare[8:10] == "00":
        yield _candidate(50, Kind.CNPJ, match)


def _card(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    gaps = set(match.groups())
    if len(gaps) > 1 or not digits.is_card(_bare(match[0])):
        return
    name = name_before(text, match.start())
    if name is Kind.CARD:
        yield _candidate(100, Kind.CARD, match)
    elif gaps <= {"", " ", "-"} and _may_be(name):
        yield _candidate(60, Kind.CARD, match)


def _phone(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    bracketed, plain, first, gap, last = match.groups()
    code = bracketed or plain
    mobile = first.startswith("9")
    if (code and code not in _AREA_CODES) or (not mobile and first.startswith(_NATIONAL)):
        return
    name = name_before(text, match.start())
    international = match[0].startswith("+")
    if name is Kind.PHONE:
        yield _candidate(99, Kind.PHONE, match)
    elif not mobile and _YEARS.fullmatch(first) and _YEARS.fullmatch(last):
        return
    elif bracketed or (international and code):
        yield _candidate(70, Kind.PHONE, match)
    # Without brackets only as people write it: 83 99999-0000.
    elif (
        plain
        and _may_be(name)
        and _signs([gap]) == ["-"]
        and text[match.start(3) - 1 : match.start(3)] == " "
    ):
        yield _candidate(40, Kind.PHONE, match)


def _rg(text: str, match: re.Match[str]) -> Iterator[_Candidate]:
    start = match.start()
    if not is_identity(text, start):
        state = _STATE.search(text[max(0, start - 6) : start])
        start -= len(state[0]) if state else 0
        if state is None or not is_identity(text, start):
            return
    yield _Candidate(98, Kind.RG, start, match.end())


def _candidate(weight: int, kind: Kind, match: re.Match[str]) -> _Candidate:
    return _Candidate(weight, kind, match.start(), match.end())


def _may_be(name: Name) -> bool:
    """Whether a number may be personal that nothing but its check digits says so."""
    return name != "other"


def _signs(groups: Sequence[str]) -> list[str]:
    """What parts the groups of a number: a point, a slash, "-" for every dash, or nothing."""
    bare = ["".join(character for character in gap if not character.isspace()) for gap in groups]
    return [sign if sign in ("", ".", "/") else "-" for sign in bare]


def _broken(groups: Sequence[str]) -> list[bool]:
    """Which gaps hold a space and no sign: two numbers side by side as well as one."""
    return [bool(gap) and not gap.strip() for gap in groups]


def _bare(text: str) -> str:
    return "".join(_LETTER_OR_DIGIT.findall(text))
