"""Guesses the next tokens of an answer from what stands in its prompt: answers quote passages.

The model then checks all of them in one step. A guess costs about what a token of a prompt does,
so it is made only where enough of the latest ones were right.
(https://arxiv.org/abs/2304.04487; prompt lookup decoding)
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 8  # tokens guessed at once
_GRAM = 3  # tokens that must be the same before a guess
_FIRST = 0.5  # share of right guesses that is assumed before any was made
_WEIGHT = 0.3
_TRY_EVERY = 32  # tokens, after which guessing is tried again where it did not pay


class Lookup:
    """For one answer: where each run of three tokens was seen last, and how guesses fared."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], int] = {}
        self._indexed = _GRAM
        self._right = _FIRST
        self._length = LONGEST // 2
        self._tried_at = 0

    def length(self, count: int, *, limit: int, cost: float) -> int:
        """How many tokens to guess after these `count`, at most `limit`; 0 while too few of the
        latest guesses were right. `cost` is what a guess costs, as a share of what a right one
        saves."""
        paying = self._right > cost
        if not paying and count - self._tried_at < _TRY_EVERY:
            return 0
        return max(0, min(limit, self._length if paying else 2))

    def find(self, tokens: Sequence[int], length: int) -> list[int]:
        """The tokens that followed the last three of these before; [] when there are none."""
        self._index(tokens)
        at = self._seen.get(tuple(tokens[-_GRAM:]))
        return [] if at is None else list(tokens[at : at + length])

    def checked(self, count: int, guessed: int, right: int) -> None:
        """So many of the guessed tokens were right; the answer has `count` tokens now."""
        self._tried_at = count
        self._right += _WEIGHT * (right / guessed - self._right)
        self._length = min(LONGEST, self._length * 2) if right == guessed else max(2, right + 1)

    def _index(self, tokens: Sequence[int]) -> None:
        """Notes what follows each run, but for the last one, which nothing follows yet."""
        for end in range(self._indexed, len(tokens)):
            self._seen[tuple(tokens[end - _GRAM : end])] = end
        self._indexed = max(self._indexed, len(tokens))
