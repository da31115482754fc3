"""Norms and articles that a text names: "Lei nº 8.112/1990", "nos termos do art. 12" (pure).

Read generously in questions, where people write "lei 8112/90" or "a 14.133".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from govbot.generate.stems import fold

# Kinds as documents.kind has them, by how they are written, folded; the longer one goes first.
_KINDS = {
    "lei complementar": "lei_complementar",
    "lc": "lei_complementar",
    "decreto-lei": "decreto_lei",
    "decreto lei": "decreto_lei",
    "dl": "decreto_lei",
    "lei": "lei",
    "decreto": "decreto",
    "medida provisoria": "medida_provisoria",
    "mpv": "medida_provisoria",
    "mp": "medida_provisoria",
    "emenda constitucional": "emenda_constitucional",
    "ec": "emenda_constitucional",
    "instrucao normativa": "instrucao_normativa",
    "portaria": "portaria",
    "resolucao": "resolucao",
    "edital": "edital",
    "deliberacao": "deliberacao",
    "parecer": "parecer",
    "contrato": "contrato",
    "oficio": "oficio",
    "comunicado": "comunicado",
    "ato": "ato",
}
_NUMBER = r"(?P<number>\d{1,3}(?:\.\d{3})+|\d{1,6})"
_YEAR = (
    r"(?:\s?/\s?(?P<slash>(?:1[89]|20)\d\d|\d\d)(?!\d)"
    r"|\s?,?\s+de\s+(?:\d{1,2}o?\s+de\s+[a-z]+\s+de\s+)?(?P<year>(?:1[89]|20)\d\d)(?!\d))?"
)
_NORM = re.compile(
    rf"\b(?P<kind>{'|'.join(_KINDS)})"
    r"(?:(?:\s+(?:federal|estadual|municipal|distrital|ordinaria|delegada|normativa|conjunta"
    r"|interministerial))*\s*,?\s*(?:n(?:[ou]s?|\.)?\.?\s*|numero\s+)?"
    rf"|(?:\s+[\w/.-]+){{1,4}}?\s+n(?:[ou]s?|\.)?\.?\s*){_NUMBER}{_YEAR}(?![\d.]*\d)"
)
# "o que diz a 14.133 sobre prazos": laws are known by their number alone.
_LAW = re.compile(
    r"\b(?:a|da|na|pela|lei)\s+(?P<number>\d{1,2}\.\d{3})(?:/(?P<slash>\d{4}|\d\d))?\b(?![.,]\d)"
)
_ARTICLES = re.compile(
    r"\barts?(?:igos?)?\.?\s*(?P<numbers>\d{1,3}(?:\.\d{3})?o?(?:-[a-z]\b)?"
    r"(?:\s*(?:,|e|ou|a)\s*\d{1,3}o?(?:-[a-z]\b)?(?![\w/.]))*)"
)
_OTHER_NORM = re.compile(
    r"[^.;]{0,60}?\b(?:da|do|desse|dessa)\s+(?:referid[ao]\s+)?"
    r"(?:lei|decreto|constituicao|codigo|resolucao|portaria|estatuto|regimento|medida|lc|cf|clt)\b"
)
_OWN_NORM = re.compile(r"[^.;]{0,40}?\b(?:d?est[ae]|n?est[ae]|presente)\b")
_BACK = re.compile(
    r"\b(?:[dn]?ess[ae]|[dn]?est[ae]|(?:[dn]?[ao]\s+)?(?:mesm|referid|citad|mencionad|tal)[ao]?)\s+"
    r"(?:lei|decreto|portaria|resolucao|norma|edital|instrucao|contrato|documento|regimento"
    r"|estatuto|regulamento|ato)\b"
    r"|\b(?:lei|decreto|portaria|resolucao|norma|edital|instrucao|documento|regimento|estatuto"
    r"|regulamento)\s+(?:acima|anterior|citad[ao]|mencionad[ao]|referid[ao])\b"
    r"|\bartigo\s+(?:anterior|seguinte|citado)\b"
)


@dataclass(frozen=True, slots=True)
class NormName:
    """A norm as a text names it; `kind` as in documents.kind.

    `number` has digits alone, without points and leading zeros.
    """

    kind: str
    number: str
    year: int | None

    @property
    def text(self) -> str:
        """How a question would name it: "lei 8112/1990"."""
        kind = self.kind.replace("_", " ")
        return f"{kind} {self.number}" + (f"/{self.year}" if self.year else "")


def norms(text: str) -> tuple[NormName, ...]:
    """The norms that a text names by kind and number, in its order, each once."""
    plain = fold(text)
    found: dict[NormName, None] = {}
    for match in _NORM.finditer(plain):
        year = match["slash"] or match["year"]
        found[NormName(_KINDS[match["kind"]], _digits(match["number"]), _year(year))] = None
    numbers = {norm.number for norm in found}
    for match in _LAW.finditer(plain):
        if (number := _digits(match["number"])) not in numbers:
            found[NormName("lei", number, _year(match["slash"]))] = None
    return tuple(found)


def own_articles(text: str) -> tuple[str, ...]:
    """The articles of its own norm that a passage refers to ("nos termos do art. 12"), in order.

    What it says of another norm's articles ("art. 37 da Constituição") is left out, and so is the
    label that it begins with. Numbers as "12" or "12-a".
    """
    plain = fold(text)
    found: dict[str, None] = {}
    for match in _ARTICLES.finditer(plain):
        if not plain[: match.start()].strip(" \"'“”*_") or plain[match.start() - 1] == "\n":
            continue
        rest = plain[match.end() : match.end() + 120]
        if _OTHER_NORM.match(rest) and not _OWN_NORM.match(rest):
            continue
        found.update(dict.fromkeys(_listed(match["numbers"])))
    return tuple(found)


def refers_back(question: str) -> bool:
    """Whether it speaks of what was named before: "desta lei", "o decreto citado"."""
    return _BACK.search(fold(question)) is not None and not norms(question)


def kinds_meant(question: str) -> frozenset[str]:
    """The kinds that what it refers back to may have: {"decreto"} for "o decreto citado"."""
    found = _BACK.finditer(fold(question))
    return frozenset(_KINDS[word] for match in found for word in match[0].split() if word in _KINDS)


def articles(text: str) -> tuple[str, ...]:
    """The articles that a text names, in its order: "12", "12-a"."""
    found: dict[str, None] = {}
    for match in _ARTICLES.finditer(fold(text)):
        found.update(dict.fromkeys(_listed(match["numbers"])))
    return tuple(found)


def _listed(numbers: str) -> Iterator[str]:
    for number in re.findall(r"\d{1,3}(?:\.\d{3})?o?(?:-[a-z])?", numbers):
        yield re.sub(r"(?<=\d)o(?![a-z])|\.", "", number)


def _digits(number: str) -> str:
    return number.replace(".", "").lstrip("0") or "0"


def _year(year: str | None) -> int | None:
    """Two digits are of the last hundred years or so: "/90" is 1990, "/21" is 2021."""
    if year is None:
        return None
    value = int(year)
    return value if value > 99 else value + (1900 if value > 40 else 2000)
