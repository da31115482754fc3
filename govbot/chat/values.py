"""Numbers, dates and names of a Portuguese sentence, in a form that compares across spellings.

"trinta dias" is "30 dias", "1º de março" is "01/03", "mil reais" is "R$ 1.000,00", and "LGPD" is
"Lei Geral de Proteção de Dados".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from govbot.generate.stems import STOPWORDS, fold, stem

Span = tuple[int, int]
Readings = tuple[Decimal, ...]
Tokens = list[tuple[str, int, int]]

_list = re.compile(r"\S+").findall
_MONTHS = _list(
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro"
)
_SMALL = {
    **{word: value for value, word in enumerate(_list(
        "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze "
        "dezesseis dezessete dezoito dezenove"))},
    **{word: value * 10 for value, word in enumerate(_list(
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa"), 2)},
    **{word: value * 100 for value, word in enumerate(_list(
        "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos "
        "novecentos"), 1)},
    "uma": 1, "duas": 2, "catorze": 14, "dezasseis": 16, "dezassete": 17, "dezanove": 19,
    "cem": 100, "duzentas": 200, "trezentas": 300, "quatrocentas": 400, "quinhentas": 500,
    "seiscentas": 600, "setecentas": 700, "oitocentas": 800, "novecentas": 900,
}  # fmt: skip
_SCALES = {
    "mil": 10**3, "milhao": 10**6, "milhoes": 10**6, "bilhao": 10**9, "bilhoes": 10**9,
    "trilhao": 10**12, "trilhoes": 10**12,
}  # fmt: skip
_ORDINALS = {
    word + ending: value
    for value, word in enumerate(
        _list("primeir segund terceir quart quint sext setim oitav non decim"), 1
    )
    for ending in ("o", "a", "os", "as")
}
_UNITS = {
    "dia": "day", "dias": "day", "mes": "month", "meses": "month", "ano": "year", "anos": "year",
    "hora": "hour", "horas": "hour", "minuto": "minute", "minutos": "minute", "semana": "week",
    "semanas": "week", "bimestre": "2 months", "bimestres": "2 months", "trimestre": "3 months",
    "trimestres": "3 months", "semestre": "6 months", "semestres": "6 months", "real": "R$",
    "reais": "R$", "%": "%",
}  # fmt: skip
_ARTICLES = frozenset(("um", "uma"))
_TOKEN = re.compile(r"r\$|%|\d+(?:[.,/-]\d+)*|[^\W\d_]+|[()]")
_BY_WORDS = re.compile(
    r"\b(\d{1,2}|primeiro)[oa°]?\s+(?:dia\s+)?de\s+(" + "|".join(_MONTHS) + r")"
    r"(?:(?:\s+de|,)?\s+(\d{4}|\d\.\d{3}))?\b"
)
_BY_MONTH = re.compile(r"\b(" + "|".join(_MONTHS) + r")\s*(?:de|/)\s*(\d{4})\b")
_BY_SIGNS = re.compile(r"(?<![\d./-])(\d{1,2})o?([/.-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?![\d/-])")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_NAME_WORD = re.compile(r"[^\W\d_]+")
_LINKS = frozenset(("de", "da", "do", "das", "dos", "e"))
# Written with a capital out of respect or by drafting habit: words like others.
_COMMON = frozenset(
    stem(word)
    for word in _list(
        "Lei Decreto Portaria Resolução Instrução Normativa Medida Provisória Emenda Constituição "
        "Código Regimento Estatuto Regulamento Edital Anexo Artigo Parágrafo Inciso Alínea Caput "
        "Capítulo Seção Título Art Arts Inc União Estado Estados Município Municípios Distrito "
        "Federal Estadual Municipal Nacional Poder Público Pública Administração Governo "
        "Ministério Ministro Secretaria Secretário Conselho Comissão Comitê Presidente Presidência "
        "Diretor Diretoria Departamento Divisão Coordenação Coordenador Reitor Reitoria Servidor "
        "Servidora Programa Projeto Plano Sistema Serviço Fundo Órgão Entidade Universidade "
        "Faculdade Instituto Tribunal Câmara Senado Prefeitura Prefeito Governador Chefe Setor "
        "Unidade Documento Documentos Trecho Trechos Contrato Processo Termo Nota Sim Não Quadro "
        "Tabela Senhor Senhora Internet Deus País Carta Ato Norma Política República"
    )
)


@dataclass(frozen=True, slots=True)
class Number:
    """`values` are the readings of one number: "90" behind a stroke is 1990 too. `unit` is ""
    when none follows: then any will do."""

    values: tuple[Decimal, ...]
    unit: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Day:
    """A date; a part that is not told is None."""

    day: int | None
    month: int
    year: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """Capitalised words in a row, folded, with the span of each."""

    words: tuple[str, ...]
    spans: tuple[Span, ...]


class Evidence:
    """What a sentence is held against: the passages it cites, titles and headings included."""

    def __init__(self, text: str) -> None:
        self._numbers: dict[Decimal, set[str]] = {}
        for number in numbers(text, every=True):
            for value in number.values:
                self._numbers.setdefault(value, set()).add(number.unit)
        self._days = days(text)
        self._words = {fold(word) for word in _NAME_WORD.findall(text)}
        self._stems = {stem(word) for word in self._words}
        self._initials = {_initials(name.words) for name in names(text)}

    def missing(self, claim: str) -> list[Span]:
        """Spans of the numbers, dates and names of the claim that do not stand here."""
        found_days = days(claim)
        spans = [(each.start, each.end) for each in found_days if not self._has_day(each)]
        for number in numbers(claim):
            in_day = any(day.start <= number.start < day.end for day in found_days)
            if not in_day and not self._has_number(number):
                spans.append((number.start, number.end))
        for name in names(claim):
            spans.extend(self._missing_of(name))
        return sorted(spans)

    def _has_number(self, number: Number) -> bool:
        units = set().union(*(self._numbers.get(value, set()) for value in number.values))
        return bool(units) and (not number.unit or bool(units & {number.unit, ""}))

    def _has_day(self, day: Day) -> bool:
        return any(self._same(day, other) for other in self._days) or (
            day.day is not None  # "8/12" may be a number of something
            and all(Decimal(part) in self._numbers for part in (day.day, day.month, day.year or 0))
            and day.year is not None
        )

    def _same(self, day: Day, other: Day) -> bool:
        if day.month != other.month or (day.day is not None and day.day != other.day):
            return False
        if day.year is None or day.year == other.year:
            return True
        return other.year is None and Decimal(day.year) in self._numbers

    def _missing_of(self, name: Name) -> list[Span]:
        if _initials(name.words) in self._words:
            return []
        return [
            span
            for word, span in zip(name.words, name.spans, strict=True)
            if word not in self._words
            and stem(word) not in self._stems
            and stem(word) not in _COMMON
            and word not in self._initials
        ]


def numbers(text: str, *, every: bool = False) -> list[Number]:
    """The numbers in digits and words. "um" and ordinals in words are often no number: they count
    before a unit, and with `every` always."""
    folded = _same_length(text)
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(folded)]
    found: list[Number] = []
    at = 0
    while at < len(tokens):
        values, after = _number_at(tokens, at)
        if not values:
            if every and (ordinal := _ORDINALS.get(tokens[at][0])) is not None:
                found.append(Number((Decimal(ordinal),), "", tokens[at][1], tokens[at][2]))
            at += 1
            continue
        unit, last = _unit(tokens, at, after)
        article = tokens[at][0] in _ARTICLES and after == at + 1
        if every or unit or not article:
            end = tokens[last][2]
            found.extend(Number(readings, unit, tokens[at][1], end) for readings in values)
        at = last + 1
    return found


def days(text: str) -> list[Day]:
    """The dates: "2 de maio de 2019", "02/05/2019", "02/05", "maio de 2019", "2019-05-02"."""
    folded = _same_length(text)
    found = [
        Day(1 if m[1] == "primeiro" else int(m[1]), _MONTHS.index(m[2]) + 1, _year(m[3]), *m.span())
        for m in _BY_WORDS.finditer(folded)
    ]
    taken = {position for day in found for position in range(day.start, day.end)}
    found += [
        Day(None, _MONTHS.index(m[1]) + 1, int(m[2]), *m.span())
        for m in _BY_MONTH.finditer(folded)
        if m.start() not in taken
    ]
    found += [Day(int(m[3]), int(m[2]), int(m[1]), *m.span()) for m in _ISO.finditer(folded)]
    for m in _BY_SIGNS.finditer(folded):
        full = m[4] is not None
        # "5.2" and "3-4" are no dates unless a year follows.
        if 1 <= int(m[1]) <= 31 and 1 <= int(m[3]) <= 12 and (full or m[2] == "/"):
            found.append(Day(int(m[1]), int(m[3]), _year(m[4]), *m.span()))
    return [day for day in found if 1 <= day.month <= 12]


def names(text: str) -> list[Name]:
    """Capitalised words in a row; the first word of a sentence counts only in capitals."""
    found: list[Name] = []
    run: list[re.Match[str]] = []
    previous = 0
    for match in [*_NAME_WORD.finditer(text), None]:
        between = text[previous : match.start()] if match else "."
        linked = match is not None and fold(match[0]) in _LINKS and not match[0][0].isupper()
        if match is None or not (match[0][0].isupper() or linked) or not _joins(between):
            found.extend(_name(text, run))
            run = []
        if match is not None:
            if match[0][0].isupper() or (run and linked):
                run.append(match)
            previous = match.end()
    return found


def _name(text: str, run: list[re.Match[str]]) -> list[Name]:
    words = [match for match in run if match[0][0].isupper() and fold(match[0]) not in STOPWORDS]
    # The first word of a sentence has its capital for that.
    if words and _opens(text, words[0].start()) and not words[0][0].isupper():
        words = words[1:]
    words = [match for match in words if len(match[0]) > 1]
    if not words:
        return []
    return [Name(tuple(fold(m[0]) for m in words), tuple(m.span() for m in words))]


def _opens(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"'“‘«(*_-–—>")
    return not before or before[-1] in ".!?:;\n"


def _joins(between: str) -> bool:
    return between.strip() in ("", "-", "’", "'", "&") and "\n\n" not in between


def _initials(words: Iterable[str]) -> str:
    kept = [word for word in words if word not in _LINKS]
    return "".join(word[0] for word in kept) if len(kept) > 1 else ""


def _number_at(tokens: Tokens, at: int) -> tuple[tuple[Readings, ...], int]:
    """The numbers that begin here and the place behind it; "8.112/1990" gives its parts."""
    word = tokens[at][0]
    if word[0].isdigit():
        values = tuple(_parts(word))
        if len(values) == 1 and at + 1 < len(tokens) and tokens[at + 1][0] in _SCALES:
            scaled = tuple(value * _SCALES[tokens[at + 1][0]] for value in values[0])
            return (scaled,), at + 2
        return values, at + 1
    if word not in _SMALL and word != "mil":
        return (), at
    return _in_words(tokens, at)


def _in_words(tokens: Tokens, at: int) -> tuple[tuple[Readings, ...], int]:
    total, group, lowest = 0, 0, 1000
    scale = 10**15
    after = at
    while after < len(tokens):
        word = tokens[after][0]
        joined = word == "e" and after > at and after + 1 < len(tokens)
        if joined:
            word = tokens[after + 1][0]
        if word in _SMALL and _SMALL[word] < lowest and (joined or after == at or group == 0):
            group += _SMALL[word]
            lowest = _room(_SMALL[word])
        elif word in _SCALES and not joined and _SCALES[word] < scale:
            scale = _SCALES[word]
            total, group, lowest = total + max(group, 1) * scale, 0, 1000
        else:
            break
        after += 2 if joined else 1
    return ((Decimal(total + group),),), after


def _room(value: int) -> int:
    """Below which a number must be that goes on from this one: "vinte" goes on with "e um"."""
    return 100 if value >= 100 else 10 if value >= 20 else 0


def _unit(tokens: Tokens, at: int, after: int) -> tuple[str, int]:
    """The unit behind a number, or the currency before it; and the last token of both."""
    if at and tokens[at - 1][0] == "r$":
        return "R$", after - 1
    place = after
    if place < len(tokens) and tokens[place][0] == "(":  # "30 (trinta) dias"
        while place < len(tokens) and tokens[place][0] != ")" and place < after + 9:
            place += 1
        place += 1
    words = [token[0] for token in tokens[place : place + 2]]
    if words == ["por", "cento"]:
        return "%", place + 1
    if words[:1] == ["de"]:  # "mil milhões de reais"
        words, place = words[1:], place + 1
    if words and words[0] in _UNITS:
        return _UNITS[words[0]], place
    return "", after - 1


def _parts(token: str) -> Iterable[Readings]:
    """The numbers of "1.000,50" (one), "8.112/90" (8112, 90 or 1990), "23106.012345/2020-11"."""
    pieces = re.split(r"[/-]", token)
    for place, piece in enumerate(pieces):
        value = _decimal(piece)
        short_year = place and len(piece) == 2 and piece.isdigit()
        yield (value, value + _century(int(value))) if short_year else (value,)


def _decimal(piece: str) -> Decimal:
    whole, comma, fraction = piece.partition(",")
    if comma and fraction.isdigit():
        return Decimal(f"{whole.replace('.', '')}.{fraction}")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", piece) or piece.count(".") != 1:
        return Decimal(re.sub(r"\D", "", piece))
    return Decimal(piece)


def _year(text: str | None) -> int | None:
    if text is None:
        return None
    year = int(text.replace(".", ""))
    return year if year > 99 else year + _century(year)


def _century(year: int) -> int:
    return 1900 if year > 40 else 2000


def _same_length(text: str) -> str:
    """Folded text whose offsets are those of the text."""
    return "".join(part if len(part := fold(char)) == 1 else char.lower()[:1] for char in text)
