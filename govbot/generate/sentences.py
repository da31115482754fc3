"""Sentences of Portuguese administrative text, with their place in it.

Two things make it harder than splitting at full stops: abbreviations ("art. 5", "n. 10", "Dr.
Silva", "R$ 1.000,00"), and legal structure, where "II - ..." means nothing without the caput that
introduces it. An item therefore knows its lead-in sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from govbot.generate.stems import fold

_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        """art arts inc incs al als par n no nos num p pp pag pags fl fls cap caps sec tit vol ed
        eds dr     dra drs sr sra srs sras prof profa profs exmo exma ilmo ilma eng enga adm av
        r pca pc tel ltda     cia etc ex obs cf vs jan fev mar abr mai jun jul ago set out nov
        dez sto sta dec res port min     max aprox fig tab doc docs dep gov des proc ref resp
        cel gen maj cap ten sgt jr ph a.c d.c     i.e e.g c.h op cit ibid id rel v""",
    )
)
_ROMAN = r"[IVXLCDM]{1,7}"
# The levels of Brazilian legal drafting (Lei Complementar 95/1998, art. 10), strongest first.
_MARKERS = (
    (1, re.compile(r"(?:art(?:igo)?s?\.?|cl[aá]usula)\s*\d+", re.I)),
    (2, re.compile(r"§|par[aá]grafo\s+[uú]nico", re.I)),
    (3, re.compile(rf"{_ROMAN}(?:-[A-Z])?\s*[-–—)]\s")),
    (4, re.compile(r"[a-z]{1,2}\)\s")),
    (5, re.compile(r"(?:\d{1,3}(?:\.\d{1,3})*\s*[.)–-]|[-–—•*·▪])\s")),
)
_HEADING = re.compile(
    r"(?:t[ií]tulo|cap[ií]tulo|se[cç][aã]o|subse[cç][aã]o|anexo|livro)\s+(?:[ivxlc]+|\d+|[uú]nic[ao])\b",
    re.I,
)
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)")
_INLINE_ITEM = re.compile(rf"[;:]\s+(?:(?:e|ou)\s+)?(?={_ROMAN}\s*[-–—]\s|[a-z]\)\s)")
_LABEL = re.compile(
    r"(?:(?:^|\n)\s*(?:art\.?\s*|§\s*)?\d{1,3}(?:\.\d{1,3})*[oº°]?(?:-[A-Z])?"
    r"|par[aá]grafo [uú]nico)$",
    re.I,
)
UNLABELLED = 6  # level of an item of an enumeration that carries no label
_LONG = 400  # characters; a longer sentence that enumerates is read item by item
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«/]+$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A span of the text. `level` is that of legal drafting, 0 for plain prose, -1 for a heading;
    `leads` are the spans of the sentences that introduce it, outermost first.
    """

    start: int
    end: int
    level: int = 0
    leads: tuple[tuple[int, int], ...] = ()


def split(text: str) -> list[Sentence]:
    """The sentences in order; together they hold every character of the text but white space."""
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        spans.extend(_sentences(text, start, end))
    return _with_structure(text, spans)


def _blocks(text: str) -> list[tuple[int, int]]:
    """Spans of paragraphs: a line break inside a wrapped sentence does not end one."""
    blocks: list[tuple[int, int]] = []
    start, position = 0, 0
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        position += len(line)
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if index + 1 == len(lines) or _breaks(line, following):
            blocks.append((start, position))
            start = position
    return blocks


def _breaks(line: str, following: str) -> bool:
    before, after = line.strip(), following.strip()
    if not before or not after or _is_heading(before) or _is_heading(after):
        return True
    if _level(after) and not _abbreviated(before):
        return True
    return before[-1] in ".;:!?" and not after[0].islower() and not _abbreviated(before)


def _is_heading(line: str) -> bool:
    letters = [char for char in line if char.isalpha()]
    if len(letters) > 2 and len(line) < 160 and all(char.isupper() for char in letters):
        return not re.match(rf"{_ROMAN}\s*[-–—]\s", line)
    return len(line) < 120 and _HEADING.match(line) is not None and line[-1] not in ".;,"


def _level(text: str) -> int:
    for level, marker in _MARKERS:
        if marker.match(text):
            return level
    return 0


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = {match.end() for match in _STOP.finditer(text, start, end) if _ends(text, match, end)}
    cuts.update(match.end() for match in _INLINE_ITEM.finditer(text, start, end))
    spans = []
    for cut in [*sorted(cuts), end]:
        begin, stop = start, cut
        while begin < stop and text[begin].isspace():
            begin += 1
        while stop > begin and text[stop - 1].isspace():
            stop -= 1
        if begin < stop:
            spans.extend(_enumeration(text, begin, stop))
        start = cut
    return spans


def _enumeration(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A long sentence such as "são deveres: a; b; c." as its lead-in and its items."""
    colon = text.find(": ", start, end) if end - start > _LONG else -1
    if colon < 0 or text.count("; ", colon, end) < 2:
        return [(start, end)]
    spans, begin = [(start, colon + 1)], colon + 2
    for match in re.finditer(r";(?=\s)", text[begin:end]):
        spans.append((begin, colon + 2 + match.end()))
        begin = colon + 2 + match.end() + 1
    return [*spans, (begin, end)] if begin < end else spans


def _ends(text: str, stop: re.Match[str], end: int) -> bool:
    """Whether a sentence ends at this stop, judged by the word before and the one after."""
    rest = text[stop.end() : end].lstrip()
    if not rest:
        return True
    if stop[0][0] != "." or stop[0].startswith(".."):
        return not rest[0].islower()
    if _abbreviated(text[max(0, stop.start() - 40) : stop.start() + 1]):
        return False
    # "Art. 1." or "1." at the start of an item is its label, not a sentence.
    label = text[max(0, stop.start() - 20) : stop.start()]
    if _LABEL.search(label):
        return False
    after_number = re.search(r"\d\w*$", label) is not None
    return rest[0] not in ",;:)" and not (rest[0].islower() and after_number)


def _abbreviated(text: str) -> bool:
    if not text.endswith("."):
        return False
    last = _LAST_WORD.search(text[:-1])
    if last is None:
        return False
    word = fold(last[0])
    return word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and last[0].isupper())


def _with_structure(text: str, spans: list[tuple[int, int]]) -> list[Sentence]:
    sentences: list[Sentence] = []
    open_leads: list[tuple[int, tuple[int, int]]] = []  # (level, span), outermost first
    for start, end in spans:
        sentence = text[start:end]
        level = -1 if _is_heading(sentence) else _level(sentence)
        if level == 0 and sentence[0].islower() and _enumerates(text, sentences):
            level = UNLABELLED
        if level in {-1, 0, 1, 2}:
            open_leads.clear()
        else:
            open_leads = [lead for lead in open_leads if lead[0] < level]
        sentences.append(Sentence(start, end, level, tuple(span for _, span in open_leads)))
        if sentence.endswith(":"):
            open_leads.append((max(level, 0), (start, end)))
    return sentences


def _enumerates(text: str, before: list[Sentence]) -> bool:
    if not before:
        return False
    previous = text[before[-1].start : before[-1].end]
    return previous.endswith((":", ";")) or re.search(r";\s+(?:e|ou)$", previous) is not None
