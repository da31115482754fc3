"""The kinds of personal data that are recognised, and where one stands in a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was recognised. A CNPJ names an organisation; sole traders are persons too."""

    CPF = "cpf"
    CNPJ = "cnpj"
    PIS = "pis"
    VOTER = "voter"
    RG = "rg"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text[start:end]` is of this kind; never the value itself."""

    kind: Kind
    start: int
    end: int
