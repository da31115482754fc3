"""The sentences of an answer with the marks each one cites, and those that state nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from govbot.generate.sentences import split
from govbot.generate.stems import content_stems, fold

_MARKS = re.compile(r"(?<!\\)(?:\s*\[\d{1,3}\])+")
_LABEL = re.compile(r"\s*(?:[-*+•>|]|#{1,6}|\d{1,3}\\?[.)])\s+")
_ENDS = re.compile(r"[.!?…][\"'”’»)\]*_]*$")
_ITEM_ENDS = re.compile(r"(?:[;,]|;\s*(?:e|ou|and|or))$")
_HEADING = re.compile(r"\s*(?:#{1,6}\s.*|\*\*[^*]+\*\*:?|__[^_]+__:?|[|\s:-]+)$")
# That the passages do not say something has no passage to cite.
_ABSENCE = re.compile(
    r"\b(?:nao|nem|nenhum\w*|sem)\b.{0,60}\b(?:consta|constam|informa\w*|mencion\w+|indica\w*|"
    r"especific\w+|esclarec\w+|encontr\w+|trat\w+|trazem|traz|dizem|diz|detalh\w+|define\w*|"
    r"apresent\w+|responde\w*|localiz\w+)\b|\b(?:not|no|nor)\b.{0,60}\b(?:say|state|mention|tell|"
    r"contain|found|find|specify|give|provide|cover|answer)\w*\b"
)
_NOT_FOUND = re.compile(
    r"nao (?:encontrei|localizei|ha (?:informac|mencao|resposta|dados|detalhes))|"
    r"(?:i did not find|there is no (?:information|mention))"
)
_SAYS_YES = frozenset(("sim", "yes"))
_ABOUT_SOURCES = re.compile(r"\b(?:trechos?|documentos?|fontes?|passages?|documents?|sources?)\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, `answer[start:end]` without its marks behind; `marks` are the numbers it cites.

    `states` is false for what needs no source: headings, questions, sentences that announce others
    ("Segundo os documentos:") and those that say what the documents leave out.
    """

    start: int
    end: int
    text: str
    marks: tuple[int, ...]
    states: bool
    gaps: tuple[tuple[int, int], ...] = ()  # where marks inside it were taken out, and how long

    def at(self, offset: int) -> int:
        """The place in the answer of a place in `text`."""
        place = self.start + offset
        for start, length in self.gaps:
            if place >= start:
                place += length
        return place


def claims_of(text: str) -> list[Claim]:
    """The sentences of an answer in Markdown with clean marks, in order.

    An item of a list that ends in a semicolon shares the marks of the item that follows it, and
    an item without marks those of the sentence that introduces the list.
    """
    return _inherited([_claim(text, start, end, after) for start, end, after in _spans(text)])


def _spans(text: str) -> list[tuple[int, int, int]]:
    """Start and end of each sentence, and where the next begins."""
    bare = _MARKS.sub(lambda match: " " * len(match[0]), text)
    joined: list[tuple[int, int]] = []
    for sentence in split(bare):
        start, end = sentence.start, sentence.end
        if joined and _goes_on(bare, joined[-1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    spans = []
    for place, (start, end) in enumerate(joined):
        after = joined[place + 1][0] if place + 1 < len(joined) else len(text)
        opening = _LABEL.match(bare, start, end)
        begin = opening.end() if opening and opening.end() < end else start
        spans.append((begin, end, after))
    return spans


def _goes_on(text: str, before: tuple[int, int], start: int) -> bool:
    """Whether a piece belongs to the one before: same line, which had not ended."""
    return "\n" not in text[before[1] : start] and not _ENDS.search(text[before[0] : before[1]])


def _claim(text: str, start: int, end: int, after: int) -> Claim:
    """Marks stand inside the sentence or behind its stop, before the next one."""
    marks = tuple(
        dict.fromkeys(
            int(number)
            for match in _MARKS.finditer(text, start, after)
            for number in re.findall(r"\d+", match[0])
        )
    )
    gaps = tuple((m.start(), m.end() - m.start()) for m in _MARKS.finditer(text, start, end))
    shown = _MARKS.sub("", text[start:end]).rstrip()
    line = text.rfind("\n", 0, start) + 1
    return Claim(start, end, shown, marks, _states(text[line:end], shown), gaps)


def _states(raw: str, shown: str) -> bool:
    plain = shown.strip("*_ ")
    if _SAYS_YES.issuperset(content_stems(plain)) or plain.endswith((":", "?")):
        return False
    if _HEADING.match(raw):
        return False
    folded = fold(plain)
    silent = _ABSENCE.search(folded) and _ABOUT_SOURCES.search(folded)
    return not (silent or _NOT_FOUND.match(folded))


def _inherited(claims: list[Claim]) -> list[Claim]:
    found: list[Claim] = []
    following: tuple[int, ...] = ()
    for claim in reversed(claims):
        shares = not claim.marks and following and _ITEM_ENDS.search(claim.text)
        found.append(replace(claim, marks=following) if shares else claim)
        following = found[-1].marks
    found.reverse()
    return _introduced(found)


def _introduced(claims: list[Claim]) -> list[Claim]:
    """Items of a list take the marks of a cited lead-in, up to the first that has its own."""
    lead: tuple[int, ...] = ()
    result = []
    for claim in claims:
        if claim.text.strip("*_ ").endswith(":"):
            lead = claim.marks
        elif claim.marks:
            lead = ()
        unmarked = lead and claim.states and not claim.marks
        result.append(replace(claim, marks=lead) if unmarked else claim)
    return result
