"""How Brazilian norms are laid out: marks of titles, articles, §, incisos, alíneas and items.

The rules of Lei Complementar 95/1998, art. 10, read generously: documents write them in many ways.
"""

from __future__ import annotations

import re

# Division words and their rank: a smaller rank contains the greater ones.
DIVISIONS = {
    "anexo": 0,
    "parte": 1,
    "livro": 2,
    "titulo": 3,
    "capitulo": 4,
    "secao": 5,
    "subsecao": 6,
    "clausula": 7,
}

_ORDINAL = r"(?:[IVXLCDM]+|\d+)(?:[-–][A-Z])?[ºª°]?|[ÚU]NIC[OA]|[Úú]nic[oa]"
# "PRIMEIRA", "DÉCIMA SEGUNDA"; also "GERAL" and "ESPECIAL".
_ORDINALS = (
    r"PRIMEIR|SEGUND|TERCEIR|QUART|QUINT|SEXT|S[ÉE]TIM|OITAV|NON|D[ÉE]CIM|VIG[ÉE]SIM|TRIG[ÉE]SIM"
)
_SPELT = (
    rf"GERAL|ESPECIAL|(?:(?:{_ORDINALS})[AO]\s?){{1,2}}(?<!\s)"
    r"|Geral|Especial"
    rf"|(?i:(?:{_ORDINALS})[ao]\s?){{1,2}}(?<!\s)"
)

_DIVISION = re.compile(
    r"(?P<word>ANEXO|PARTE|LIVRO|T[ÍI]TULO|CAP[ÍI]TULO|SUBSE[ÇC][ÃA]O|SE[ÇC][ÃA]O|CL[ÁA]USULA"
    r"|Anexo|Parte|Livro|T[íi]tulo|Cap[íi]tulo|Subse[çc][ãa]o|Se[çc][ãa]o|Cl[áa]usula)"
    rf"(?:\s+(?P<number>{_ORDINAL}|{_SPELT}|[A-Z])(?![\w/]))?"
    r"\s*(?P<rest>.*)$",
    re.DOTALL,
)
ARTICLE = re.compile(
    r"(?P<quote>[“\"'‘«]\s*)?(?:Art(?:igo)?\.?|ART(?:IGO)?\.?)\s{0,3}"
    r"(?P<number>\d{1,3}(?:\.\d{3})?\s?(?:[º°ª]|o(?![a-zà-ú]))?(?:\s?[-–][A-Z]{1,2}(?![\wÀ-ú]))?"
    r"|[ÚúU]nico)(?![\wÀ-ú])"
)
PARAGRAPH = re.compile(
    r"(?P<quote>[“\"'‘«]\s*)?"
    r"(?:§\s{0,2}(?P<number>\d{1,3}\s?(?:[º°ª]|o(?![a-zà-ú]))?"
    r"(?:\s?[-–][A-Z](?![\wÀ-ú]))?)(?![\wÀ-ú])"
    r"|(?P<only>Par[áa]grafo [úu]nico|PAR[ÁA]GRAFO [ÚU]NICO))"
)
INCISO = re.compile(
    r"(?P<quote>[“\"'‘«]\s*)?(?P<number>[IVXLCDM]{1,8}(?:-[A-Z])?)\s{0,2}(?:[-–—]|\)|\.(?=\s))"
)
ALINEA = re.compile(
    r"(?P<quote>[“\"'‘«]\s*)?(?P<number>[a-z]{1,2}(?:\.\d{1,2})?|\d{1,2})\s?\)(?=\s|\S)"
)
ITEM = re.compile(
    r"(?P<number>\d{1,3}(?:\.\d{1,3}){0,6})(?:\.?\s{0,2}[-–—]\s|\.\)?\s|\)\s|\s(?=[A-ZÀ-Ý“\"]))"
)
BULLET = re.compile(r"[•·▪●○◦‣■□➢✓–—*-]\s+\S|[•·▪●➢✓]\S")
# "CONSIDERANDO o disposto", and the word that ends them: "RESOLVE:", "D E C R E T A:".
REASON = re.compile(r"(?:[IVXLCDM]+\s*[-–—]\s*)?(?:CONSIDERANDO|Considerando)\b")
ENACTS = re.compile(
    r"(?i:r\s?e\s?s\s?o\s?l\s?v\s?e(?:\s?m)?|d\s?e\s?c\s?r\s?e\s?t\s?a|p\s?r\s?o\s?m\s?u\s?l\s?g\s?a"
    r"|d\s?e\s?t\s?e\s?r\s?m\s?i\s?n\s?a|d\s?e\s?l\s?i\s?b\s?e\s?r\s?a)\s*[:,]?\s*$"
)
CONTENTS_LEADER = re.compile(r"\S.*(?:\.\s?){3,}\s*\d{1,4}\s*$")


def division(line: str) -> tuple[int, str, str] | None:
    """Rank, label ("Capítulo II") and name of a division heading, or None.

    "Seção II do Capítulo I trata..." is running text and no heading; a line of a table of contents
    is none either.
    """
    match = _DIVISION.match(line.strip())
    if match is None or len(line) > 300:
        return None
    word, number, rest = match["word"], match["number"] or "", match["rest"].strip()
    rank = DIVISIONS[_fold(word)]
    if not number and (rank != 0 or not word.isupper() or rest):
        return None
    if rest and (not _is_name(rest, upper=word.isupper()) or CONTENTS_LEADER.search(line)):
        return None
    return rank, f"{word.capitalize()} {_number(number)}".strip(), rest.lstrip(" -–—:.").strip()


def starts_unit(line: str) -> bool:
    """Whether the line begins a division, article, §, inciso, alínea or numbered item."""
    text = line.lstrip()
    if division(text):
        return True
    return any(
        mark.match(text) for mark in (ARTICLE, PARAGRAPH, INCISO, ALINEA, ITEM, BULLET)
    ) and not _is_reference(text)


def shouts(text: str) -> bool:
    """Whether all letters are capitals, with at least three of them."""
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= 3 and sum(char.isupper() for char in letters) >= 0.9 * len(letters)


def _is_name(rest: str, *, upper: bool) -> bool:
    """The words after "CAPÍTULO I" are its name, and not the rest of a sentence."""
    if rest[0] in "-–—:":
        return not rest.endswith((";", ","))
    if rest[0] in ",;)." or rest.endswith((";", ",", ".")):
        return False
    return shouts(rest) if upper else rest[0].isupper() and len(rest.split()) <= 25


def _is_reference(text: str) -> bool:
    """A wrapped line such as "art. 5º, da Lei" or "§ 2º deste artigo" only mentions a unit."""
    match = ARTICLE.match(text) or PARAGRAPH.match(text)
    if match is None:
        return False
    after = text[match.end() :].lstrip()
    return bool(re.match(r"(?:,|;|\)|e\s|a\s|d[aeo]s?\s|dest[ae]|dess[ae])", after))


def _number(number: str) -> str:
    return number.title() if number.replace(" ", "").isalpha() and len(number) > 4 else number


def _fold(word: str) -> str:
    table = str.maketrans("áãçíéêóôõú", "aacieeooou")
    return word.lower().translate(table)
