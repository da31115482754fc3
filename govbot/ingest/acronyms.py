"""Acronyms and their long forms, as a document gives them: "Advocacia-Geral da União (AGU)".

Which words an acronym stands for is decided as in Schwartz & Hearst, "A Simple Algorithm for
Identifying Abbreviation Definitions in Biomedical Text" (2003): its letters occur in the words
before it in this order, the first of them at the beginning of a word.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool

logger = logging.getLogger(__name__)

LOOK = 1  # raised when this module learns better: upkeep looks through what is there again
AT_ONCE = 100
MOST = 500  # of one document
_LONGEST = 200

# Letters, in which capitals prevail; "CNPq", "MP-SP", "GM/MS" too.
_SHORT = r"[A-ZÀ-Ü][A-Za-zÀ-ü0-9]*(?:[./&-][A-Za-zÀ-ü0-9]+){0,3}"
_WORD = r"[A-Za-zÀ-ü][\wÀ-ü'’-]*"
_AFTER = re.compile(rf"{_WORD}(?:,?[ \n]+{_WORD}){{1,13}}")
_CALLED = r"doravante(?:[ \n]+(?:denominad[oa]s?|designad[oa]s?|chamad[oa]s?|simplesmente|apenas))*"
_IN_BRACKETS = re.compile(
    rf"\([ ]?[\"“'‘]?(?:{_CALLED}[ \n]+)?[\"“'‘]?(?P<short>{_SHORT})[\"”'’]?[ ]?\)"
)
_DORAVANTE = re.compile(rf",?[ \n]+{_CALLED}[ \n]+[\"“'‘]?(?P<short>{_SHORT})\b")
_DASHED = re.compile(rf"(?:[ \n][–—-][ \n]?|/)(?P<short>{_SHORT})(?![\w-])")
_MEANS = re.compile(rf"\b(?P<short>{_SHORT})[ \n]?(?:\([ ]?|[ ][–—-][ \n]|:[ ])")
_ROMAN = re.compile(r"^[IVXLCDM]+$")
_LINKING = frozenset(
    (
        *("a", "ao", "as", "com", "da", "das", "de", "do", "dos", "e", "em"),
        *("na", "nas", "no", "nos", "o", "os", "para", "pela", "pelo", "por"),
    )
)


@dataclass(frozen=True, slots=True)
class Acronym:
    """What is short for what."""

    short: str
    long: str


async def learn(conn: Connection, document_key: int, texts: Iterable[str]) -> None:
    """Replaces what the search knows of a document's acronyms, as the system, in the caller's
    transaction. `texts` are its served passages."""
    found = await asyncio.to_thread(learned, texts)
    await conn.execute("DELETE FROM acronyms WHERE document_key = %(key)s", {"key": document_key})
    await conn.execute(
        """
        INSERT INTO acronyms (document_key, collection_key, acronym, long_form, stem, stems)
        SELECT d.key, d.collection_key, a.short, a.long, s.stems[1], array_to_string(l.stems, ' ')
        FROM documents d
        CROSS JOIN unnest(%(shorts)s::text[], %(longs)s::text[]) AS a (short, long)
        CROSS JOIN LATERAL govbot_stems(a.short) AS s (stems)
        CROSS JOIN LATERAL govbot_stems(a.long) AS l (stems)
        WHERE d.key = %(key)s AND cardinality(s.stems) = 1 AND cardinality(l.stems) BETWEEN 2 AND 8
        ON CONFLICT DO NOTHING
        """,
        {
            "key": document_key,
            "shorts": [acronym.short for acronym in found],
            "longs": [acronym.long[:_LONGEST] for acronym in found],
        },
    )
    await conn.execute(
        "UPDATE documents SET acronym_look = %(look)s WHERE key = %(key)s",
        {"look": LOOK, "key": document_key},
    )


async def look_through(pool: Pool) -> int:
    """Learns from documents that were indexed before acronyms were learned; several nodes may.

    Each in a transaction of its own. Returns how many documents.
    """
    looked = 0
    while keys := await _not_looked(pool):
        for key in keys:
            async with as_system(pool) as conn:
                cursor = await conn.execute(
                    """
                    SELECT c.text FROM chunks c JOIN documents d ON d.key = c.document_key
                    WHERE d.key = %(key)s
                    ORDER BY c.ord
                    FOR UPDATE OF d
                    """,
                    {"key": key},
                )
                await learn(conn, key, [row["text"] for row in await cursor.fetchall()])
            looked += 1
    if looked:
        logger.info(
            "Documents looked through for acronyms",
            extra={"action": "acronyms.looked", "documents": looked},
        )
    return looked


async def _not_looked(pool: Pool) -> list[int]:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT d.key FROM documents d
            WHERE d.acronym_look < %(look)s
              AND EXISTS (SELECT FROM chunks c WHERE c.document_key = d.key)
            ORDER BY d.key
            LIMIT %(limit)s
            """,
            {"look": LOOK, "limit": AT_ONCE},
        )
        return [int(row["key"]) for row in await cursor.fetchall()]


def learned(texts: Iterable[str]) -> list[Acronym]:
    """The acronyms that these texts define, each definition once, at most MOST."""
    found: dict[tuple[str, str], Acronym] = {}
    for text in texts:
        for acronym in _defined(text):
            found.setdefault((_plain(acronym.short), _plain(acronym.long)), acronym)
            if len(found) == MOST:
                return list(found.values())
    return list(found.values())


def _defined(text: str) -> Iterator[Acronym]:
    for pattern in (_IN_BRACKETS, _DORAVANTE, _DASHED):
        for match in pattern.finditer(text):
            if _is_acronym(match["short"], bracketed=pattern is _IN_BRACKETS):
                before = text[max(0, match.start() - _LONGEST) : match.start()]
                yield from _from_words_before(match["short"], before)
    for match in _MEANS.finditer(text):
        if _is_acronym(match["short"]):
            after = text[match.end() : match.end() + _LONGEST]
            yield from _from_words_after(match["short"], after)


def _is_acronym(short: str, *, bracketed: bool = False) -> bool:
    """Mostly capitals; "Anvisa" too where brackets say that it is one."""
    letters = [char for char in short if char.isalpha()]
    capitals = sum(char.isupper() for char in letters)
    shouted = capitals >= 2 and capitals * 2 > len(letters)
    return (
        2 <= len(letters) <= len(short) <= 15
        and (shouted or (bracketed and len(letters) >= 4))
        and not _ROMAN.match(short)
    )


def _from_words_before(short: str, before: str) -> Iterator[Acronym]:
    """The fewest words that do."""
    tail = re.split(r"[.;:()\"“”\[\]|•]", before)[-1]
    words = re.findall(_WORD, tail)[-(2 * len(short) + 6) :]
    for start in range(len(words) - 2, -1, -1):
        if _plain(words[start]) not in _LINKING and _stands_for(short, words[start:]):
            yield Acronym(short, " ".join(words[start:]))
            return


def _from_words_after(short: str, after: str) -> Iterator[Acronym]:
    """As many words with capitals as do, else the fewest words."""
    match = _AFTER.match(after)
    words = re.findall(_WORD, match.group())[: 2 * len(short) + 6] if match else []
    ends = [
        end
        for end in range(2, len(words) + 1)
        if _plain(words[end - 1]) not in _LINKING and _stands_for(short, words[:end])
    ]
    capital = [
        end for end in ends if all(w[0].isupper() or _plain(w) in _LINKING for w in words[:end])
    ]
    if ends:
        yield Acronym(short, " ".join(words[: max(capital, default=ends[0])]))


def _stands_for(short: str, words: list[str]) -> bool:
    """Whether the letters are the first ones of the words, or follow in a word begun; few words
    of a long name may give none."""
    letters = tuple(char for char in _plain(short) if char.isalnum())
    parts = [part for word in words for part in re.split(r"[-'’]", _plain(word)) if part]
    full = [part for part in parts if part not in _LINKING]
    if len(full) < 2 or len(" ".join(words)) < 2 * len(short):
        return False
    skips = 0 if len(letters) < 4 else 1 if len(letters) == 4 else 3
    return parts[0][0] == letters[0] and _spelled(letters, parts, skips)


def _spelled(letters: tuple[str, ...], parts: list[str], skips: int) -> bool:
    """Word by word, how many letters may be spelled and how many words left out by then."""
    reached = {(0, 0)}
    for part in parts:
        linking = part in _LINKING
        following = {(done, left + (not linking)) for done, left in reached if done or linking}
        for done, left in reached:
            following |= {(done + taken, left) for taken in _taken(letters[done:], part)}
        reached = {state for state in following if state[1] <= skips}
    return any(done == len(letters) for done, _ in reached)


def _taken(letters: tuple[str, ...], part: str) -> Iterator[int]:
    """How many of the letters one word may give: the first is its first, others occur in order."""
    position = 0
    for taken, letter in enumerate(letters, start=1):
        position = part.find(letter, position)
        if position < 0 or (taken == 1 and position > 0):
            return
        position += 1
        yield taken


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.lower())
    return "".join(char for char in folded if not unicodedata.combining(char))
