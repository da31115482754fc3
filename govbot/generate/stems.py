"""Words of Portuguese text as accent-folded stems, with their place in the text.

Folding comes before stemming, as in the search index: a question typed without accents must meet
the same stems as the document.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]

_WORD = re.compile(r"\d+(?:[.,/]\d+)*|[^\W\d_]+")
_STEMMER = snowballstemmer.stemmer("portuguese")
_STEMMER_LOCK = threading.Lock()  # a snowball stemmer keeps the word it works on in itself

STOPWORDS = frozenset(
    re.findall(
        r"\S+",
        """a ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele
        deles     do dos e ela elas ele eles em entre era eram essa essas esse esses esta estao
        estas este estes     eu foi foram ha isso isto ja la lhe lhes mas me mesmo mesma meu
        minha muito na nao nas nem no     nos nossa nosso num numa o os ou para pela pelas pelo
        pelos por porque porquanto pois qual quais     quando quanto quanta quantos quantas que
        quem sao se seja sejam sem ser sera seu seus so sobre     sua suas tambem tem tendo ter
        teu tu um uma umas uns voce voces onde aonde cujo cuja etc deve     devem pode podem
        podera poderao devera deverao segundo conforme caso existe existem acordo     qualquer
        the of and to in is are what who when where how which for on by an be does do""",
    )
)


@dataclass(frozen=True, slots=True)
class Word:
    stem: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower case without accents; ordinal signs become letters ("5º" gives "5o")."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[Word]:
    """Every word and number of the text, in order, stop words included."""
    return [Word(stem(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repeats."""
    return [stem(word) for word in _WORD.findall(text) if fold(word) not in STOPWORDS]


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Folded Portuguese stem of one word; a number stays as it is, without thousands points."""
    folded = fold(word)
    if folded[0].isdigit():
        return folded.replace(".", "")
    with _STEMMER_LOCK:
        return str(_STEMMER.stemWord(folded))
