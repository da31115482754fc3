"""What kind of thing a Portuguese question asks for, and whether a sentence holds one."""

from __future__ import annotations

import re
from enum import StrEnum

from govbot.generate.stems import fold


class Kind(StrEnum):
    DATE = "date"
    NUMBER = "number"
    DURATION = "duration"
    MONEY = "money"
    PERCENT = "percent"
    NAME = "name"
    PLACE = "place"
    REASON = "reason"
    PURPOSE = "purpose"
    DEFINITION = "definition"
    LIST = "list"


_MONTHS = "janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"
_NUMERAL = (
    r"(?:\d[\d.,]*|zero|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|onze|doze|treze|"
    r"quatorze|catorze|quinze|dezesseis|dezessete|dezoito|dezenove|vinte|trinta|quarenta|cinquenta|"
    r"sessenta|setenta|oitenta|noventa|cem|cento|duzentos|trezentos|quinhentos|mil|milhao|milhoes|"
    r"bilhao|bilhoes|metade|dobro|terco|tercos)"
)
_PERIOD = r"(?:segundo|minuto|hora|dia|semana|mes|bimestre|trimestre|semestre|ano|decada|seculo)"

# Both sides are matched against folded text. The first cue of a question is not the only one:
# "em que prazo" asks for a duration, and a date also answers it.
_QUESTION = (
    (
        Kind.DATE,
        r"\bquando\b|\bem que (?:ano|data|dia|mes|epoca|seculo|decada)\b|"
        r"\bqual (?:\w+ )?(?:data|ano|dia)\b|"
        r"\b(?:que|ate que|qual o|qual a) (?:dia|data|ano)\b",
    ),
    (
        Kind.DURATION,
        r"\bprazos?\b|\bquanto tempo\b|\bquant[oa]s (?:dias|horas|meses|anos|semanas)\b|"
        r"\bduracao\b|\bvalidade\b|\bvigencia\b|\bcarga horaria\b",
    ),
    (
        Kind.MONEY,
        r"\bquanto custa\b|\bvalor(?:es)?\b|\bremuneracao\b|\bsalario\b|\bmulta\b|"
        r"\btaxa\b|\bpreco\b|\bvencimento\b",
    ),
    (
        Kind.PERCENT,
        r"\bpercentua(?:l|is)\b|\bporcentagem\b|\bpor cento\b|\bproporcao\b|\bque parte\b|"
        r"\bqual fracao\b",
    ),
    (
        Kind.NUMBER,
        r"\bquant[oa]s?\b|"
        r"\bqual (?:e |era |foi )?o (?:numero|total|limite|minimo|maximo)\b|"
        r"\bnumero (?:minimo|maximo|de)\b|\bidade\b|\bmedia\b|\bnota\b",
    ),
    (
        Kind.NAME,
        r"\bquem\b|"
        r"\bqual (?:o )?(?:orgao|nome|autoridade|entidade|empresa|instituicao|setor|unidade)\b|"
        r"\bque (?:orgao|autoridade|entidade)\b",
    ),
    (
        Kind.PLACE,
        r"\b(?:onde|aonde)\b|\bem que (?:lugar|local|cidade|pais|estado|municipio)\b|"
        r"\bqual (?:o )?(?:local|lugar|cidade|pais)\b",
    ),
    (
        Kind.REASON,
        r"\bpor ?que\b|\bqual (?:o |a )?(?:motivo|razao|causa)\b|"
        r"\bpor qua(?:l|is) (?:motivos?|razao|razoes)\b",
    ),
    (
        Kind.PURPOSE,
        r"\bpara que\b|"
        r"\bqual (?:e )?(?:o |a )?(?:objetivo|finalidade|funcao|utilidade|papel)\b|"
        r"\bquais (?:os |as )?(?:objetivos|finalidades|funcoes)\b",
    ),
    (
        Kind.DEFINITION,
        r"^o que (?:e|sao|significa|significam|foi|era)\b|\bdefinid[oa]s?\b|\bdefinicao\b|"
        r"\bconceito\b|\bsigla\b|\bentende-se\b",
    ),
    (Kind.LIST, r"\bquais\b"),
)
_ANSWER = {
    Kind.DATE: (
        rf"\b(?:1[0-9]|20)\d\d\b|\b(?:{_MONTHS})\b|\b\d{{1,2}}/\d{{1,2}}\b|\bseculo\b|"
        r"\bdecada\b|\ba\.c\b|\bapos\b|\bantes\b|\bdurante\b|"
        r"\bno (?:inicio|fim|final|ato|mesmo)\b|\bsemestre\b"
    ),
    Kind.DURATION: (
        rf"\b{_NUMERAL}\b[^.;]{{0,30}}\b{_PERIOD}\w*|\bprazo\b|\bimediat|\banual|"
        r"\bsemestral|\bmensal"
    ),
    Kind.MONEY: r"r\$|\breais\b|\bsalarios? minimos?\b|\bus\$|\bdolares\b|\beuros?\b",
    Kind.PERCENT: r"%|\bpor cento\b|\bmetade\b|\bterco|\bquartos?\b|\bquintos?\b",
    Kind.NUMBER: rf"\b{_NUMERAL}\b",
    Kind.PLACE: r"\b(?:em|no|na|nos|nas|ao|junto)\b",
    Kind.REASON: (
        r"\bporque\b|\bpois\b|\bdevido\b|\bpor (?:causa|meio|conta|motivo)\b|\bja que\b|"
        r"\buma vez que\b|\bem (?:razao|virtude|decorrencia|funcao)\b|\bpor isso\b|"
        r"\bvisto que\b|\bpara que\b|\bcausad|\bprovoc|\bresult"
    ),
    Kind.PURPOSE: (
        r"\bpara\b|\bobjetiv|\bfinalidade|\bfim de\b|\bvisa|\bserve|\bfuncao|\bpermit|"
        r"\bdestina|\bpropos|\bintuito"
    ),
    Kind.DEFINITION: (
        r"\b(?:e|sao|foi|era) (?:uma?|o|a|os|as|qualquer|todo|aquel[ae])\b|\bsignific|"
        r"\bconsist|\bconsidera|\bdefin|\bentende|\brefere|\bou seja\b|\bdenomina|\bchama|"
        r"\("
    ),
    Kind.LIST: r"[:;]|,[^,.]{2,60},|, [^,.]{2,60} e\b",
}
_QUESTION_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _QUESTION)
_ANSWER_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _ANSWER.items()}
# A name is known by its capitals, so it is looked for in the text as it stands.
_NAME = re.compile(
    r"(?<=[\w,;] )[A-ZÀ-Ý][\wÀ-ÿ]+|\b[A-Z]{2,}\b"
    r"|\b(?:presidente|diretor|coordenador|professor|docente|secret[aá]ri[oa]|conselho|colegiado|"
    r"comiss[aã]o|ministro|ministra|governador|prefeito|reitor|chefe|servidor|"
    r"autoridade|[oó]rg[aã]o)"
)


def expected_kinds(question: str) -> frozenset[Kind]:
    """The kinds of thing the question asks for; empty when its form does not say."""
    folded = fold(question).strip()
    return frozenset(kind for kind, pattern in _QUESTION_PATTERNS if pattern.search(folded))


def holds(kinds: frozenset[Kind], sentence: str) -> bool:
    """Whether the sentence holds at least one thing of one of the kinds."""
    folded = fold(sentence)
    for kind in kinds:
        if kind is Kind.NAME:
            if _NAME.search(sentence):
                return True
        elif _ANSWER_PATTERNS[kind].search(folded):
            return True
    return False
