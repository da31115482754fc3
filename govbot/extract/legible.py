"""Tells text from the rubbish of broken fonts and of careless character recognition (pure)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(
    r"[(\[{\"'“‘«§•*–-]*[A-Za-zÀ-ÖØ-öø-ÿ]+(?:[-'’/.&][A-Za-zÀ-ÖØ-öø-ÿ]+)*[)\]}\"'”’»,.;:!?%ºª°*]*"
)
_NUMBER = re.compile(r"[(\[R$§n–-]*\d[\d.,:/%ºª°$§A-Za-z-]*[)\]\"”,.;:!?%]*")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_VOWEL = re.compile(r"[aeiouyáéíóúàâêôãõü]", re.IGNORECASE)
_RUNES = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08]")
_MIN_TOKENS = 8
# Letters in a hundred of Portuguese, without accents. Of 929 pages of published documents with
# enough letters the least like it, a table of codes, has a cosine of 0.81, English prose 0.89;
# 19 of 20 texts whose letters were exchanged for one another have less than 0.7.
_LETTERS = {
    **{"a": 14.6, "b": 1.0, "c": 3.9, "d": 5.0, "e": 12.6, "f": 1.0, "g": 1.3, "h": 1.3, "i": 6.2},
    **{"j": 0.4, "k": 0.02, "l": 2.8, "m": 4.7, "n": 5.1, "o": 10.7, "p": 2.5, "q": 1.2, "r": 6.5},
    **{"s": 7.8, "t": 4.7, "u": 4.6, "v": 1.7, "w": 0.01, "x": 0.2, "y": 0.01, "z": 0.5},
}
_ALIKE = 0.7
_MIN_LETTERS = 200


def is_legible(text: str) -> bool:
    """Whether most of the text looks like words and numbers.

    Fonts without a table of characters give shifted letters, symbols or private characters; words
    of four letters without any vowel hardly exist in Portuguese, nor a page full of z and q.
    """
    tokens = text.split()
    if len(tokens) < _MIN_TOKENS:
        return True
    if len(_RUNES.findall(text)) > 0.1 * len(text):
        return False
    leaders = len(tokens)
    tokens = [token for token in tokens if _LETTER_OR_DIGIT.search(token)]
    if not tokens:
        return leaders < 40
    words = [token for token in tokens if _WORD.fullmatch(token)]
    if len(words) < 0.6 * len(tokens):  # only then are the numbers needed
        good = len(words) + sum(1 for token in tokens if _NUMBER.fullmatch(token))
        if good < 0.6 * len(tokens):
            return False
    long = [word for word in words if len(word) >= 4 and not word.isupper()]
    voiced = sum(1 for word in long if _VOWEL.search(word))
    if len(long) >= _MIN_TOKENS and voiced < 0.75 * len(long):
        return False
    return _is_language(words)


def _is_language(words: Sequence[str]) -> bool:
    """Whether the letters are about as frequent as in a language of these lands."""
    # Two words repeated for pages say nothing of how frequent letters are.
    if sum(map(len, set(words))) < _MIN_LETTERS:
        return True
    folded = unicodedata.normalize("NFKD", " ".join(words)[:20_000].lower())
    found = Counter(folded)
    counts = [found[letter] for letter in _LETTERS]
    if sum(counts) < _MIN_LETTERS:
        return True
    product = sum(count * share for count, share in zip(counts, _LETTERS.values(), strict=True))
    lengths = math.hypot(*counts) * math.hypot(*_LETTERS.values())
    return product >= _ALIKE * lengths
