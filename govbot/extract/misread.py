"""Corrects what character recognition gets wrong in Brazilian norms with certainty (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ORDINAL = re.compile(r"\d{1,3}\.?[ºª°o](?=\W|$)|[úu]nico\b", re.IGNORECASE)
_PARAGRAPH_SIGN = {"8", "$", "&", "S", "s", "5$", "8$", "$8"}
_DASHES = {"-", "–", "—"}
_NUMBERED = {
    *("anexo", "inciso", "título", "capítulo", "seção", "subseção", "livro", "parte", "grau"),
    *("nível", "classe", "item", "quadro", "tabela", "incisos", "anexos", "fase", "etapa"),
}
_STROKES = {"|", "l"}


def corrected(words: Sequence[str]) -> list[str]:
    """The words of a line, as many as were given: "8 1º" is "§ 1º", "Anexo |" is "Anexo I"."""
    found = list(words)
    for index, word in enumerate(words):
        after = words[index + 1] if index + 1 < len(words) else ""
        before = words[index - 1].lower() if index else ""
        if word in _PARAGRAPH_SIGN and _ORDINAL.match(after):
            found[index] = "§"
        elif word in _STROKES and (before in _NUMBERED or (not index and after in _DASHES)):
            found[index] = "I"
    return found
