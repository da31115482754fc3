"""What stands below the epigraph of a norm: its summary (ementa) and who issues it (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from govbot.extract.norms import ARTICLE, REASON, division, shouts

_FOLD = str.maketrans("ÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑª°", "AAAAAEEEEIIIIOOOOOUUUUCNºº")


def folded(text: str) -> str:
    """In capitals without accents, character by character: offsets stay."""
    upper = "".join(char.upper() if len(char.upper()) == 1 else char for char in text)
    return upper.translate(_FOLD)


# Verbs that summaries of norms begin with.
_VERB = re.compile(
    r"(?:Abre|Acrescenta|Acresce|Adota|Altera|Amplia|Aprova|Assegura|Atualiza|Atribui|Autoriza|"
    r"Concede|Considera|Consolida|Constitui|Convoca|Cria|Dá|Declara|Define|Delega|Denomina|"
    r"Designa|Determina|Disciplina|Dispensa|Dispõe|Divulga|Estabelece|Estende|Estima|Exonera|"
    r"Extingue|Fixa|Homologa|Implanta|Inclui|Insere|Institui|Institucionaliza|Modifica|Nomeia|"
    r"Normatiza|Organiza|Orienta|Prorroga|Proíbe|Promulga|Qualifica|Ratifica|Reabre|Reconhece|"
    r"Reestrutura|Regula|Regulamenta|Reorganiza|Retifica|Revoga|Suspende|Torna|Transfere|"
    r"Transforma|Trata|Veda)\s+\S"
)
# Notes that the official sites put between epigraph and summary.
_NOTE = re.compile(
    r"(?:\((?:Vide|Revogad|Regulamento|Vigência|Promulga|Texto|Redação)[^)]*\)|Mensagem de veto"
    r"|Promulgação partes vetadas|Texto compilado|Vigência|Regulamento|Produção de efeitos?"
    r"|Conversão da Medida Provisória nº [\d.]+, de \d{4})\s*",
    re.IGNORECASE,
)
# "O PRESIDENTE DA REPÚBLICA, no uso...": who speaks, up to the words that say by which right.
_ISSUER = re.compile(r"(?:O|A|OS|AS|Os|As)\s+(?P<who>[A-ZÀ-Ý][^;:]{4,240})", re.DOTALL)
_RIGHT = re.compile(
    r"\s*(?:,\s+(?:no\s+uso|usando|em\s+conformidade|em\s+cumprimento|nos\s+termos|tendo\s+em"
    r"|por\s+(?:meio|intermédio)|com\s+fundamento|de\s+acordo|considerando)"
    r"|\s+no\s+(?:uso|exerc[íi]cio)|[,:]?\s+fa(?:ço|z)\s+saber|\s+torna(?:m)?\s+p[úu]blic"
    r"|\s+informa(?:m)?\s+que|\s+(?:resolve|decreta|promulga)(?:m)?\b)",
    re.IGNORECASE,
)
# Who signs for which body.
_OFFICES = (
    (r"(?:VICE-)?PRESIDENT[EA] DA REPUBLICA", "Presidência da República"),
    (r"(?:VICE-)?GOVERNADORA? (?=D[OAE] )", "Governo "),
    (r"PREFEIT[OA](?: MUNICIPAL)? (?=D[OAE] )", "Prefeitura Municipal "),
    (r"MINISTR[OA](?: DE ESTADO)? (?=D[OAE]S? )", "Ministério "),
    (r"SECRETARI[OA] (?=\S)", "Secretaria "),
    (r"PRO-REITORA? (?=DE )", "Pró-Reitoria "),
    (
        r"(?:DIRETORA?(?:-PRESIDENTE|-GERAL| GERAL| PRESIDENTE)?|REITORA?|PRESIDENT[EA]"
        r"|SUPERINTENDENTE|COORDENADORA?|CHEFE|PROCURADORA?(?:-GERAL)?) (?:D[OA]S? )(?=\S)",
        "",
    ),
)
_IN_OFFICE = re.compile(r" (?:EM EXERCICIO|INTERIN[OA]|SUBSTITUT[OA]|PRO TEMPORE)(?= )")
_SMALL_WORDS = frozenset(
    ("a", "as", "à", "às", "ao", "aos", "o", "os", "e", "de", "da", "das", "do", "dos", "em", "na")
)
MAX_SUMMARY = 2000


def summary_of(after: Sequence[str]) -> str:
    """The summary among the lines after the epigraph, before whoever issues the norm speaks."""
    for index, line in enumerate(after[:12]):
        text = _NOTE.sub("", line, count=3) if _NOTE.match(line) else line
        text = text.strip(" \"“”'")
        if _speaks(line) or ARTICLE.match(line) or REASON.match(line) or division(line):
            return ""
        if _VERB.match(text):
            return _whole(text, after[index + 1 :])
        named = text != line.strip() and text.endswith(".") and len(text.split()) >= 4
        if named and any(_speaks(other) for other in after[index + 1 : index + 8]):
            return text
    return ""


def _whole(text: str, following: Sequence[str]) -> str:
    """The summary with the lines that go on with it."""
    for line in following[:6]:
        if text.endswith((".", ")", "”", '"')) or len(text) > MAX_SUMMARY:
            break
        if _speaks(line) or ARTICLE.match(line) or REASON.match(line) or division(line):
            break
        if _NOTE.match(line) or (shouts(line) and not shouts(text)):
            break
        text = f"{text} {line.strip()}"
    right = re.search(
        r"\s(?=[OA]S?\s+[A-ZÀ-Ý-]{4,}[^.]{0,200}?(?:no uso|[Ff]aço saber|FAÇO SABER))", text
    )
    text = (text[: right.start()] if right else text).rstrip()
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 2].rpartition(" ")[0] + " …"


def issuer_of(before: Sequence[str], after: Sequence[str]) -> str:
    """The body that issues the norm, as its preamble names it; "" when that is not clear."""
    for line in after[:14]:
        if ARTICLE.match(line):
            break
        if name := _speaks(line):
            return name
    if any(folded(line).startswith("PRESIDENCIA DA REPUBLICA") for line in before):
        return "Presidência da República"
    return ""


def _speaks(line: str) -> str:
    """The issuer, if this line is the preamble that names it."""
    match = _ISSUER.match(line)
    if match is None:
        return ""
    who = match["who"]
    right = _RIGHT.search(line)
    if right is not None:
        who = line[match.start("who") : right.start()]
    elif not re.fullmatch(r"(?:VICE-)?PRESIDENT[EA] DA REPUBLICA", folded(who).strip(" ,.")):
        return ""
    who = " ".join(who.split()).strip(" ,.-–")
    return _body(who) if 4 <= len(who) <= 200 else ""


def _body(who: str) -> str:
    """ "GOVERNADORA DO ESTADO" as "Governo do Estado"; bodies that speak themselves stay."""
    who = _cut(_IN_OFFICE, who)
    words = [word for word in re.sub(r"\([^)]*\)", "", who).split() if not word.islower()]
    loud = sum(word.isupper() for word in words) >= 0.5 * len(words)
    plain = folded(who)
    for office, name in _OFFICES:
        if match := re.match(office, plain):
            rest = who[match.end() :]
            return name + (_calm(rest, goes_on=bool(name)) if loud else rest)
    return _calm(who) if loud else who


def _cut(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(folded(text))
    return text[: match.start()] + text[match.end() :] if match else text


def _calm(name: str, *, goes_on: bool = False) -> str:
    """ "UNIVERSIDADE FEDERAL DA PARAÍBA" with capitals where a name has them; acronyms stay."""
    calm = []
    for index, word in enumerate(name.split(" ")):
        lower = word.lower()
        if "(" in word or "/" in word:
            calm.append(word)
        elif (index or goes_on) and lower in _SMALL_WORDS:
            calm.append(lower)
        else:
            calm.append("-".join(part[:1].upper() + part[1:].lower() for part in word.split("-")))
    return " ".join(calm)
