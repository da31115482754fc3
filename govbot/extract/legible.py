"""Tells text from the rubbish of broken fonts and of careless character recognition (pure)."""

from __future__ import annotations

import re

_WORD = re.compile(
    r"[(\[{\"'“‘«§•*–-]*[A-Za-zÀ-ÖØ-öø-ÿ]+(?:[-'’/.&][A-Za-zÀ-ÖØ-öø-ÿ]+)*[)\]}\"'”’»,.;:!?%ºª°*]*"
)
_NUMBER = re.compile(r"[(\[R$§n–-]*\d[\d.,:/%ºª°$§A-Za-z-]*[)\]\"”,.;:!?%]*")
_VOWEL = re.compile(r"[aeiouyáéíóúàâêôãõü]", re.IGNORECASE)
_RUNES = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08]")
_MIN_TOKENS = 8


def is_legible(text: str) -> bool:
    """Whether most of the text looks like words and numbers.

    Fonts without a table of characters give shifted letters, symbols or private characters; words
    of four letters without any vowel hardly exist in Portuguese.
    """
    tokens = text.split()
    if len(tokens) < _MIN_TOKENS:
        return True
    if len(_RUNES.findall(text)) > 0.1 * len(text):
        return False
    leaders = [token for token in tokens if not any(char.isalnum() for char in token)]
    tokens = [token for token in tokens if any(char.isalnum() for char in token)]
    if not tokens:
        return len(leaders) < 40
    words = [token for token in tokens if _WORD.fullmatch(token)]
    good = len(words) + sum(1 for token in tokens if _NUMBER.fullmatch(token))
    if good < 0.6 * len(tokens):
        return False
    long = [word for word in words if len(word) >= 4 and not word.isupper()]
    return len(long) < _MIN_TOKENS or sum(1 for word in long if _VOWEL.search(word)) >= 0.75 * len(
        long
    )
