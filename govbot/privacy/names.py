"""The words before a number that say what it is."""

from __future__ import annotations

import re
from typing import Literal

from govbot.privacy.kinds import Kind

# How far before a number its name may stand (characters).
NEAR = 48
_NAMES = re.compile(
    r"(?P<cpf>CPF|C\.P\.F|\bCIC\b|cpf\b|[Cc]adastro\s(?:de|das)\s[Pp]essoas?\s[Ff]ísicas?)"
    r"|(?P<cnpj>CNPJ|cnpj\b|\bCGC\b|[Cc]adastro\sNacional\sd[ae]s?\s[Pp]essoas?\s[Jj]urídicas?)"
    r"|(?P<pis>\bPIS|PASEP|\bNIT\b|\bNIS\b)"
    r"|(?P<voter>[Tt]ítulo\s(?:de\s)?[Ee]leitor(?:al)?|TÍTULO\s(?:DE\s)?ELEITOR(?:AL)?"
    r"|[Ii]nscrição\s[Ee]leitoral)"
    r"|(?P<phone>\b[Tt]el(?:efones?|efônicos?|s)?\b|\bTEL(?:EFONES?|S)?\b|\b[Ff]ones?\b|\bFONES?\b"
    r"|[Cc]elular|CELULAR|[Ww]hats[Aa]pp|WHATSAPP|\b[Ff]ax\b|\bFAX\b|\b[Rr]amal\b|\b[Dd]isque\b)"
    r"|(?P<card>\b[Cc]art(?:ão|ões)\b|CARTÃO)"
    r"|(?P<rg>\bRG\b|R\.G\.|[Ii]dentidade|IDENTIDADE)"
    r"|(?P<other>\b[Pp]rocessos?\b|PROCESSOS?\b|\b[Pp]rotocolos?\b|PROTOCOLOS?\b|\bNUP\b"
    r"|[Mm]atr[íi]cula|MATR[ÍI]CULA|SIAPE|\b[Ll]ei\b|\bLEI\b|[Dd]ecreto|DECRETO|[Ee]mpenho|EMPENHO"
    r"|[Nn]ota\s[Ff]iscal|\b[Cc]ontratos?\b|CONTRATO|[Cc]ódigo|CÓDIGO|[Bb]oleto|\bCEP\b|\bIS[BS]N\b"
    r"|R\$|\bDOI\b|\bOAB\b|RENAVAM|\b[Cc]onta\b|[Aa]gência|[Tt]ombamento|\b[Nn][úu]mero\sde\ss[ée]rie)"
)
# An identity card has no check digits that hold everywhere: its name stands right before it.
_IDENTITY = re.compile(
    r"(?<!\w)(?:RG|R\.\s?G\.?|[Ii]dentidade|IDENTIDADE|[Rr]egistro\s[Gg]eral|REGISTRO\sGERAL)"
    r"(?:\s[Cc]ivil|\s[Pp]rofissional)?"
    r"(?:\s{0,2}(?:\(?RG\)?|[nN]\.\s?[º°oO]?|[nN]\s?[º°oO]|[Nn][úu]mero|NÚMERO|sob|[:./-]|[oO])){0,4}\s{0,2}$"
)

Name = Kind | Literal["other"] | None


def name_before(text: str, start: int) -> Name:
    """The kind that the nearest name before `start` says, "other" for a number of another sort."""
    last = None
    for match in _NAMES.finditer(text, max(0, start - NEAR), start):
        last = match.lastgroup
    if last is None:
        return None
    return "other" if last == "other" else Kind(last)


def is_identity(text: str, start: int) -> bool:
    """Whether the words right before `start` name an identity card."""
    return _IDENTITY.search(text[max(0, start - NEAR) : start]) is not None
