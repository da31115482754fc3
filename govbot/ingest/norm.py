"""Which norm a document is, read from its first lines: kind, number, year, date, issuer, summary.

Precision first: what is not clearly there stays empty, as people trust what a form shows. The
layout is that of Lei Complementar 95/1998, art. 3º to 6º: epigraph, summary, preamble.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from govbot.extract import Page
from govbot.extract.norms import ARTICLE, shouts
from govbot.ingest.preamble import folded, issuer_of, summary_of

_HEAD_PAGES, _HEAD_LINES, _SIGNED_PAGES = 3, 60, 40
_QUIET_LINES = 8  # in which an epigraph need not be in capitals
_CORROBORATED_IN, _LONGEST_SIGNATURE = 60_000, 200  # characters

# What the epigraph begins with, folded; the longer name goes first.
_KINDS = {
    "lei_complementar": r"LEI\s+COMPLEMENTAR(?:\s+(?:FEDERAL|ESTADUAL|MUNICIPAL|DISTRITAL))?",
    "lei": r"LEI(?!\s+ORGANICA)(?:\s+(?:ORDINARIA|FEDERAL|ESTADUAL|MUNICIPAL|DISTRITAL|DELEGADA))?",
    "decreto_lei": r"DECRETO\s*-?\s*LEI",
    "decreto": r"DECRETO(?!\s+LEGISLATIVO)(?:\s+(?:FEDERAL|ESTADUAL|MUNICIPAL|DISTRITAL))?",
    "medida_provisoria": r"MEDIDA\s+PROVISORIA",
    "emenda_constitucional": r"EMENDA\s+(?:CONSTITUCIONAL|A\s+CONSTITUICAO)",
    "portaria": r"PORTARIA(?:\s+(?:NORMATIVA|CONJUNTA|INTERMINISTERIAL|INTERINSTITUCIONAL))?",
    "resolucao": r"RESOLUCAO(?:\s+(?:NORMATIVA|CONJUNTA|ADMINISTRATIVA))?",
    "instrucao_normativa": r"INSTRUCAO\s+NORMATIVA(?:\s+CONJUNTA)?",
    "edital": r"EDITAL",
    "ato": r"ATO(?:\s+(?:NORMATIVO|CONJUNTO|ADMINISTRATIVO|DECLARATORIO))?",
    "deliberacao": r"DELIBERACAO(?:\s+NORMATIVA)?",
    "parecer": r"PARECER(?:\s+(?:TECNICO|JURIDICO|NORMATIVO))?",
    "contrato": r"(?:TERMO\s+DE\s+)?CONTRATO(?:\s+ADMINISTRATIVO)?",
    "oficio": r"OFICIO(?:\s*-?\s*CIRCULAR)?",
    "comunicado": r"COMUNICADO",
    "ata": r"ATA",
}
NAMES = {
    "lei": "Lei",
    "lei_complementar": "Lei Complementar",
    "decreto": "Decreto",
    "decreto_lei": "Decreto-Lei",
    "medida_provisoria": "Medida Provisória",
    "emenda_constitucional": "Emenda Constitucional",
    "constituicao": "Constituição",
    "portaria": "Portaria",
    "resolucao": "Resolução",
    "instrucao_normativa": "Instrução Normativa",
    "edital": "Edital",
    "ato": "Ato",
    "deliberacao": "Deliberação",
    "parecer": "Parecer",
    "contrato": "Contrato",
    "ata": "Ata",
    "oficio": "Ofício",
    "comunicado": "Comunicado",
    "regimento": "Regimento",
    "estatuto": "Estatuto",
}
# Whose thousands are marked: "Lei nº 8.112".
_DOTTED = {"lei", "lei_complementar", "decreto", "decreto_lei", "medida_provisoria"}

MONTHS = (
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
)
_MONTH = {folded(name): number for number, name in enumerate(MONTHS, start=1)}
_DATE = (
    r"(?P<day>\d{1,2})\s?[ºO]?\s+DE\s+"
    rf"(?P<month>{'|'.join(_MONTH)})\s+DE\s+(?P<year>(?:1[89]|20)\d\d)(?!\d)"
)
_FIGURES = r"(?P<figures>\d{1,2}[/.-]\d{1,2}[/.-](?:1[89]|20)\d\d)(?!\d)"
_KIND = "|".join(f"(?P<{kind}>{words}(?![A-Z]))" for kind, words in _KINDS.items())
_EPIGRAPH = re.compile(
    rf"(?:{_KIND})(?P<body>[^,;.:]{{0,60}}?)"
    r"(?P<mark>\bN\s?\.?\s?[ºO]?\.?S?\.?\s*)?\b(?P<number>\d{1,3}(?:\.\d{3})+|\d{1,6})"
    r"(?:\s?/\s?(?P<slash>(?:1[89]|20)\d\d|\d\d)(?!\d))?"
    r"(?P<unit>(?:\s?[-/–]\s?[A-Z][A-Z/.-]*){0,3})"
    rf"(?P<dated>\s*[,-]?\s*(?:DE|EM)\s+(?:{_DATE}|{_FIGURES}))?"
)
_UNNUMBERED = re.compile(rf"(?:{_KIND})(?P<body>(?:\s+[A-Z-]+){{0,8}}?)\s*,?\s+DE\s+{_DATE}")
_NAMED = re.compile(
    r"(?P<regimento>REGIMENTO\s+(?:INTERNO|GERAL|COMUM|DA|DO)\b)|(?P<estatuto>ESTATUTO\s+(?:SOCIAL|DA|DO)\b)"
    r"|(?P<ata>ATA\s+DA\b)|(?P<comunicado>COMUNICADO\b)"
    r"|(?P<constituicao>CONSTITUICAO\s+(?:FEDERAL|DA\s+REPUBLICA|DO\s+ESTADO|ESTADUAL)\b)"
)
_PLACE_DATE = re.compile(rf"(?P<place>[A-Z][A-Z'/(), -]{{2,160}}),\s+(?:EM\s+)?{_DATE}[,.\s]*")
_FILE = re.compile(
    r"(?P<kind>LEI[_ -]COMPLEMENTAR|LC|LCP|LEI|DECRETO[_ -]LEI|DL|DECRETO|MEDIDA[_ -]PROVISORIA|MPV"
    r"|EMENDA[_ -]CONSTITUCIONAL|EC|PORTARIA|RESOLUCAO|INSTRUCAO[_ -]NORMATIVA)"
    r"(?:[_ -][A-Z]{2,8})??[_ -](?:N[_ -]?)?(?P<number>\d{1,3}(?:\.\d{3})+|\d{1,6})"
    r"[_ -](?:DE[_ -])?(?P<year>(?:1[89]|20)\d\d)(?!\d)"
)
_FILE_LIKE = re.compile(
    r"^\S*[_\d]\S*$|^(?:microsoft word|untitled|sem título|documento? ?\d*$|layout \d)"
    r"|\.(?:docx?|odt|rtf|pdf|txt|html?|pptx?|xlsx?|indd|p65|cdr)$",
    re.IGNORECASE,
)
_NOT_TELLING = frozenset(
    ("LEI", "LCP", "MPV", "DOC", "PDF", "RES", "TXT", "ANEXO", "FINAL", "ASSINADO", "VERSAO")
)
_SHORT = {
    "LC": "lei_complementar",
    "LCP": "lei_complementar",
    "DL": "decreto_lei",
    "MPV": "medida_provisoria",
    "EC": "emenda_constitucional",
}


@dataclass(frozen=True, slots=True)
class Norm:
    """What is known of a norm: `kind` is a stable word, `number` as written without the year."""

    kind: str
    number: str
    year: int | None
    signed_on: date | None
    issuer: str
    summary: str

    @property
    def title(self) -> str:
        """ "Lei nº 14.133, de 1º de abril de 2021"; "" without a number or a year."""
        if not self.number or self.year is None:
            return ""
        if self.signed_on is None:
            return f"{NAMES[self.kind]} nº {self.number}/{self.year}"
        day = "1º" if self.signed_on.day == 1 else str(self.signed_on.day)
        month = MONTHS[self.signed_on.month - 1]
        return f"{NAMES[self.kind]} nº {self.number}, de {day} de {month} de {self.signed_on.year}"

    @property
    def short_name(self) -> str:
        """ "Lei 14.133/2021"; "" without a number or a year."""
        if not self.number or self.year is None:
            return ""
        return f"{NAMES[self.kind]} {self.number}/{self.year}"


def title_with(norm: Norm | None, title: str, filename: str) -> str:
    """The title to show: that of the norm where the file's own one says nothing, as
    "lei_13709_2018_lgpd" or "Microsoft Word - 3.doc" do; of a file name, its other words stay."""
    stem = filename.rpartition(".")[0] or filename
    says_nothing = not title or _FILE_LIKE.search(title) or folded(title) == folded(stem)
    if norm is None or not norm.title or not says_nothing:
        return title or stem
    known = set(re.split(r"[^A-Z]+", folded(NAMES[norm.kind]))) | _NOT_TELLING
    words = [w for w in re.split(r"[\W\d_]+", stem) if len(w) > 2 and folded(w) not in known]
    return f"{norm.title} – {' '.join(words)}" if words else norm.title


def identify(pages: Sequence[Page], filename: str) -> Norm | None:
    """The norm that this document is; None when its first lines do not say it."""
    lines = list(_head(pages))
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if index >= _QUIET_LINES and not shouts(line):
            continue
        found = _numbered(line, following) or _unnumbered(line)
        if found is not None:
            norm, rest, joined = found
            return _completed(norm, rest, lines[:index], lines[index + 1 + joined :], pages)
    return _named(lines, pages) or _by_filename(pages, filename)


def _head(pages: Sequence[Page]) -> Iterator[str]:
    """The lines before the first article."""
    count = 0
    for page in pages[:_HEAD_PAGES]:
        for line in page.text.split("\n"):
            text = " ".join(line.replace("|", " ").split()).lstrip("*_ ")
            if ARTICLE.match(text) or count >= _HEAD_LINES:
                return
            if text:
                count += 1
                yield text


def _numbered(line: str, following: str) -> tuple[Norm, str, int] | None:
    """The norm of this epigraph, what goes on after it, and whether it took the next line too."""
    joined = int(bool(re.match(rf"DE\s+{_DATE}", folded(following))))
    text = f"{line} {following}" if joined else line
    match = _EPIGRAPH.match(folded(text)) or _at_the_end(text)
    if match is None or not (match["mark"] or match["slash"] or match["dated"]):
        return None
    if not match["mark"] and match["body"].strip(" -–") and not match["slash"]:
        return None
    rest = text[match.end() :].lstrip(" .,*-–:()").rstrip()
    if rest and not (shouts(line) or _opens_summary(rest)):
        return None
    if match["body"].strip() and not (shouts(text[: match.end()]) or len(match["body"]) < 25):
        return None
    signed_on = _date(match) if match["dated"] else None
    year = signed_on.year if signed_on else _year(match["slash"])
    kind = _kind(match)
    return Norm(kind, _number(kind, match["number"]), year, signed_on, "", ""), rest, joined


def _at_the_end(text: str) -> re.Match[str] | None:
    """An epigraph after other words in capitals: "CONCURSO PÚBLICO ... EDITAL Nº 1, DE ..."."""
    if not shouts(text):
        return None
    plain = folded(text)
    for match in re.finditer(r"(?<=\s)(?:EDITAL|PORTARIA|RESOLUCAO)(?=\s)", plain):
        found = _EPIGRAPH.match(plain, match.start())
        if found and found["mark"] and found["dated"] and not plain[found.end() :].strip(" ."):
            return found
    return None


def _unnumbered(line: str) -> tuple[Norm, str, int] | None:
    """ "PORTARIA DO DIRETOR DE 3 DE MARÇO DE 2020"."""
    match = _UNNUMBERED.match(folded(line)) if shouts(line) else None
    if match is None or line[match.end() :].strip(" .*"):
        return None
    signed_on = _date(match)
    year = signed_on.year if signed_on else None
    return Norm(_kind(match), "", year, signed_on, "", ""), "", 0


def _named(lines: Sequence[str], pages: Sequence[Page]) -> Norm | None:
    """Documents that bear a name instead of a number, in the first lines: "REGIMENTO INTERNO"."""
    for index, line in enumerate(lines[:8]):
        match = _NAMED.match(folded(line))
        if match is None or len(line.split()) > 14 or line.endswith((".", ";", ",", ":")):
            continue
        kind = _kind(match)
        if kind != "constituicao" and not shouts(line):
            continue
        norm = Norm(kind, "", None, None, "", "")
        if kind == "constituicao":
            return norm
        return _completed(norm, "", lines[:index], lines[index + 1 :], pages)
    return None


def _completed(
    norm: Norm, rest: str, before: Sequence[str], after: Sequence[str], pages: Sequence[Page]
) -> Norm:
    """With issuer, summary and the date of the signature where the epigraph has none."""
    after = [rest, *after] if _opens_summary(rest) else after
    if norm.signed_on is None:
        signed_on = _signature_date([*before, *after], pages, norm.year)
        norm = replace(norm, signed_on=signed_on)
        if signed_on is not None and norm.year is None:
            norm = replace(norm, year=signed_on.year)
    return replace(norm, issuer=issuer_of(before, after), summary=summary_of(after))


def _signature_date(head: Sequence[str], pages: Sequence[Page], year: int | None) -> date | None:
    """Of "Natal, 30 de janeiro de 2018", when all such lines that fit the year agree."""
    lines = [*head, *(line for page in pages[:_SIGNED_PAGES] for line in page.text.split("\n"))]
    found = set()
    for line in lines:
        if len(line) > _LONGEST_SIGNATURE or " de " not in line.lower():
            continue
        match = _PLACE_DATE.fullmatch(folded(line.strip()))
        day = _date(match) if match else None
        if day is not None and (year is None or day.year == year):
            found.add(day)
    return found.pop() if len(found) == 1 else None


def _by_filename(pages: Sequence[Page], filename: str) -> Norm | None:
    """A file called "lei_13709_2018.txt" whose text begins with articles that say "esta Lei"."""
    name = folded(filename.rpartition("/")[2])
    text = "\n".join(page.text for page in pages[:_SIGNED_PAGES])[:_CORROBORATED_IN]
    match = _FILE.match(name)
    if match is None or not ARTICLE.search(text):
        return None
    words = match["kind"].replace("_", " ").replace("-", " ")
    kind = _SHORT.get(words, words.lower().replace(" ", "_"))
    own = folded(NAMES[kind]).replace("-", "[- ]").replace(" ", r"\s+")
    if not re.search(rf"\b(?:[DN]?EST[AE]|PRESENTE)\s+{own}\b(?!\s+COMPLEMENTAR)", folded(text)):
        return None
    return Norm(kind, _number(kind, match["number"]), int(match["year"]), None, "", "")


def _opens_summary(rest: str) -> bool:
    return bool(rest) and bool(summary_of([rest]))


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in NAMES if match.groupdict().get(kind))


def _date(match: re.Match[str]) -> date | None:
    try:
        if figures := match.groupdict().get("figures"):
            day, month, year = map(int, re.split(r"[/.-]", figures))
            return date(year, month, day)
        return date(int(match["year"]), _MONTH[match["month"]], int(match["day"]))
    except ValueError:  # "31 de fevereiro"
        return None


def _year(digits: str | None) -> int | None:
    if not digits:
        return None
    if len(digits) == 4:
        return int(digits)
    return 1900 + int(digits) if int(digits) > 30 else 2000 + int(digits)


def _number(kind: str, digits: str) -> str:
    if kind in _DOTTED and digits.isdigit():
        return f"{int(digits):,}".replace(",", ".")
    return digits
