"""Writes govbot/auth/common_passwords.txt from the words in words.txt and the usual habits.

Run it after a change of the words: `python packaging/passwords/build.py`. Entries are folded as
`govbot.auth.guessable` folds what people choose: no capitals, accents, spaces or punctuation.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "govbot" / "auth" / "common_passwords.txt"
SUFFIXES = ("123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "2025", "2026")
YEARS = range(1950, 2031)
SHORTEST = 3


def main() -> None:
    """Writes the file, one entry per line, sorted."""
    TARGET.write_text("\n".join(entries()) + "\n", encoding="ascii")


def entries() -> list[str]:
    """Every entry, sorted, each once."""
    words = {section: list(found) for section, found in _sections()}
    favourites = words["favourites"]
    made = {fold(word) for found in words.values() for word in found}
    made |= {a + b for a, b in itertools.product(map(fold, favourites), repeat=2)}
    made |= {
        fold(word) + suffix
        for section in ("favourites", "names", "clubs")
        for word in words[section]
        for suffix in SUFFIXES
    }
    made |= {fold(word) + str(year) for word in favourites for year in YEARS}
    made |= {fold(word) * 2 for section in ("names", "clubs") for word in words[section]}
    made |= set(_digits())
    return sorted(entry for entry in made if len(entry) >= SHORTEST)


def fold(text: str) -> str:
    """Small letters and digits without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if c.isascii() and c.isalnum())


def _digits() -> Iterator[str]:
    """Runs up and down, blocks that repeat, and years one after another."""
    up, down = "1234567890" * 4, "9876543210" * 4
    for length in range(6, 33):
        for start in range(10):
            yield up[start : start + length]
            yield down[start : start + length]
    for block in (*map(str, range(10)), *(f"{n:02}" for n in range(100)), "123", "321", "147"):
        for length in range(6, 25):
            yield (block * length)[:length]
    for first, second in itertools.pairwise(YEARS):
        yield f"{first}{second}"
        yield f"{first}{first}"
    yield from ("147258369", "147258369000", "159753", "159357", "789456123", "741852963")
    yield from ("112233445566", "102030405060", "10203040506070", "314159265359", "271828182846")


def _sections() -> Iterator[tuple[str, list[str]]]:
    name, found = "", list[str]()
    for line in (HERE / "words.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            if name:
                yield name, found
            name, found = text.strip("[]"), []
        else:
            found.extend(text.split())
    yield name, found


if __name__ == "__main__":
    main()
