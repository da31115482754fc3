"""What everybody tries first: a list of common passwords, words about the place, plain patterns.

The list is made by packaging/passwords/build.py and never leaves the machine, nor does what is
compared with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).with_name("common_passwords.txt")
OWN_WORDS: Final = ("govbot",)
SHORTEST_WORD = 3
# Letters and digits that must be left once the words about the place are taken out.
LEFT_OVER = 8
FEWEST_DIFFERENT = 5

_LEET: Final = str.maketrans("0134578@$!|+", "oieasibasiit")
_WORD: Final = re.compile(r"[^\W\d_]+")
_ENDS: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def is_guessable(password: str, context: Iterable[str] = ()) -> bool:
    """Whether a patient stranger would come upon it soon.

    `context` is what they know of the account: user name, name, e-mail address, organisation.
    """
    plain = unicodedata.normalize("NFKD", password.casefold())
    if len(set(plain)) < FEWEST_DIFFERENT:
        return True
    return any(form in common() for form in _forms(plain)) or _is_about(plain, context)


@cache
def common() -> frozenset[str]:
    """The common passwords: small letters and digits, no accents."""
    return frozenset(LIST.read_text(encoding="ascii").split())


def _forms(plain: str) -> Iterator[str]:
    """The password as it stands, and without the decorations that people add."""
    for text in (plain, plain.translate(_LEET), _ENDS.sub("", plain).translate(_LEET)):
        yield _folded(text)
        bare = _folded(_ENDS.sub("", text))
        yield bare
        if len(bare) >= 2 * SHORTEST_WORD and len(bare) % 2 == 0:
            half = len(bare) // 2
            if bare[:half] == bare[half:]:
                yield bare[:half]


def _is_about(plain: str, context: Iterable[str]) -> bool:
    """Whether too little is left of it without the words that anybody here knows."""
    words = {
        _folded(word)
        for text in (*context, *OWN_WORDS)
        for word in _WORD.findall(unicodedata.normalize("NFKD", text.casefold()))
    }
    left = found = _folded(plain)
    for word in sorted(words, key=len, reverse=True):
        if len(word) > SHORTEST_WORD:
            left = left.replace(word, " ")
    if left == found:
        return False
    rest = _ENDS.sub("", left)
    return len(_folded(rest)) < LEFT_OVER


def _folded(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isalnum())
