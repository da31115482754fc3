"""The last look at an answer before anybody sees it: credentials and the rules of the prompt are
taken out, on the stream, wherever the deltas are cut.

Documents hold such things by accident, and a model that obeys a document may repeat them. What a
model disguises (spelled backwards, in code) is not found: the rights are what protects documents.
"""

from __future__ import annotations

import re
from typing import Final

from govbot.generate.stems import fold

_BEFORE: Final = r"(?<![A-Za-z0-9])(?:"
_KEYS: Final = re.compile(
    _BEFORE
    + "|".join(
        (
            r"gb_[0-9A-Za-z]{6,}_[0-9A-Za-z]{20,}",  # GovBot
            r"(?:AKIA|ASIA|AGPA|AROA)[0-9A-Z]{16}",  # AWS
            r"gh[oprsu]_[0-9A-Za-z]{30,}|github_pat_[0-9A-Za-z_]{30,}",
            r"glpat-[0-9A-Za-z_-]{20,}",
            r"xox[abeoprs]-[0-9A-Za-z-]{10,}",  # Slack
            r"AIza[0-9A-Za-z_-]{35}",  # Google
            r"ya29\.[0-9A-Za-z_-]{20,}",
            r"(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)[-_][0-9A-Za-z_-]{16,}|sk-[0-9A-Za-z]{32,}",
            r"hf_[0-9A-Za-z]{30,}|npm_[0-9A-Za-z]{30,}|pypi-[0-9A-Za-z_-]{40,}",
            r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}",  # SendGrid
            r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*",  # JSON web tokens
            r"APP_USR-[0-9A-Za-z-]{30,}",  # Mercado Pago
        )
    )
    + ")"
)
# user:password in an address: postgresql://govbot:secret@db/govbot
_ADDRESS: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/@:\"'<>]*:[^\s/@\"'<>]+@[^\s\"'<>]+"
)
# Password=... in a connection string, api_key=..., client_secret: ...
_NAMED: Final = re.compile(
    r"(?i)(?<![a-z])((?:pwd|password|passwd|senha|api[_-]?key|apikey|secret[_-]?key|client[_-]?secret"
    r"|access[_-]?token|auth[_-]?token|accountkey|sharedaccesskey)[\"']?=[\"']?)([^\s;,&\"'<>]{6,})"
)
_BEGIN, _END = "-----BEGIN", "-----END"
_BLOCK_WORDS = 6  # "-----BEGIN RSA PRIVATE KEY-----" and what stands between
ECHO_WORDS: Final = 10  # so many words of the rules in a row are a repetition
_MOST_HELD = 4000  # characters of one word; longer ones are let go in pieces
_WORD = re.compile(r"\S+\s*|\s+")
_LETTERS = re.compile(r"[^\W_]+")


class Outgoing:
    """Feed it deltas, show what it returns; call `end` once.

    Holds back the last word while it may grow, and words that may turn out to repeat the rules.
    """

    def __init__(self, rules: str, marker: str) -> None:
        """`rules` is the text that must not be repeated, `marker` stands for what is taken out."""
        self.removed = 0
        self._marker = marker
        self._rules = [word for word in (_bare(each) for each in rules.split()) if word]
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(self._rules):
            self._places.setdefault(word, []).append(place)
        self._unfinished = ""
        self._block: list[str] | None = None  # words since "-----BEGIN"
        self._secret_block = False
        self._after_block = False  # the last word was the end of one that was taken out
        self._runs: dict[int, int] = {}  # next place in the rules: length of the run
        self._held: list[str] = []  # words of the longest run, not shown yet
        self._echoing = False

    def feed(self, delta: str) -> str:
        words = _WORD.findall(self._unfinished + delta)
        self._unfinished = ""
        if words and not words[-1][-1].isspace():
            self._unfinished = words.pop()
        shown = "".join(self._word(word) for word in words)
        if len(self._unfinished) > _MOST_HELD:
            whole, self._unfinished = self._unfinished, ""
            shown += self._word(whole)
        return shown

    def end(self) -> str:
        """What was held back."""
        rest, self._unfinished = self._unfinished, ""
        shown = self._word(rest) if rest else ""
        if self._block is not None:
            shown += self._close_block()
        return shown + self._let_go()

    def _word(self, word: str) -> str:
        """One word with the space behind it, through the blocks, the patterns and the echo."""
        if word.isspace() and (self._secret_block or self._block is not None or self._after_block):
            if self._block:  # it goes the way of the word that stood before it in another delta
                self._block[-1] += word
            return ""
        self._after_block = False
        if self._secret_block:
            if _END in word:
                # The rest of its line, "RSA PRIVATE KEY-----", goes the way of a block.
                self._secret_block = False
                self._block = None if "-----" in word.partition(_END)[2] else []
                self._after_block = self._block is None
            return ""
        if self._block is not None:
            self._block.append(word)
            if len(self._block) > _BLOCK_WORDS or word.rstrip().endswith("-----"):
                return self._close_block()
            return ""
        if _BEGIN in word:
            before, begin, rest = word.partition(_BEGIN)
            self._block = [begin + rest]
            return self._echo(before) if before else ""
        return self._echo(self._masked(word))

    def _close_block(self) -> str:
        words, self._block = self._block or [], None
        text = "".join(words)
        if _BEGIN not in text:
            self._after_block = True
            return ""
        if "PRIVATE" in text.upper():
            self._secret_block = _END not in text
            self.removed += 1
            self._after_block = not self._secret_block
            return self._let_go() + f"{self._marker} "
        return "".join(self._echo(self._masked(word)) for word in words)

    def _masked(self, word: str) -> str:
        def gone(match: re.Match[str]) -> str:
            self.removed += 1
            return self._marker

        def named(match: re.Match[str]) -> str:
            self.removed += 1
            return match[1] + self._marker

        return _NAMED.sub(named, _ADDRESS.sub(gone, _KEYS.sub(gone, word)))

    def _echo(self, word: str) -> str:
        """Holds words while they repeat the rules; from ECHO_WORDS on they are taken out."""
        bare = _bare(word)
        if not bare:  # a bullet, a dash: part of whatever runs on
            if self._held or self._echoing:
                self._held.append(word)
                return ""
            return word
        runs = {place + 1: 1 for place in self._places.get(bare, ())}
        for place, length in self._runs.items():
            if place < len(self._rules) and self._rules[place] == bare:
                runs[place + 1] = length + 1
        self._runs = runs
        longest = max(runs.values(), default=0)
        if longest > 1:
            self._held.append(word)
            if longest >= ECHO_WORDS:
                self._held, found = [], not self._echoing
                self._echoing = True
                self.removed += found
                return f"{self._marker} " if found else ""
            return ""
        shown = self._let_go()
        if longest:
            self._held.append(word)
            return shown
        return shown + word

    def _let_go(self) -> str:
        held, self._held = "".join(self._held), []
        echoing, self._echoing = self._echoing, False
        return "" if echoing and not _LETTERS.search(held) else held


def _bare(word: str) -> str:
    """The word without case, accents and signs."""
    return "".join(_LETTERS.findall(fold(word)))
