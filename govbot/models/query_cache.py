"""Vectors of questions asked before, for this process and as long as it runs.

An answer asks for its question's vector several times, and people ask the same words again. The
words themselves are not kept: a digest under a key of this process stands for them.
"""

from __future__ import annotations

import hashlib
import secrets
from array import array
from collections import OrderedDict
from collections.abc import Sequence


class QueryCache:
    """At most `limit` vectors, the least used goes first; for one event loop, not for threads."""

    def __init__(self, limit: int):
        self._limit = limit
        self._secret = secrets.token_bytes(32)
        self._vectors: OrderedDict[bytes, array[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, fingerprint: str, text: str) -> list[float] | None:
        """The vector of exactly these words by this model, a list of its own."""
        key = self._key(fingerprint, text)
        vector = self._vectors.get(key)
        if vector is None:
            return None
        self._vectors.move_to_end(key)
        return vector.tolist()

    def put(self, fingerprint: str, text: str, vector: Sequence[float]) -> None:
        if self._limit == 0:
            return
        key = self._key(fingerprint, text)
        self._vectors[key] = array("d", vector)
        self._vectors.move_to_end(key)
        if len(self._vectors) > self._limit:
            self._vectors.popitem(last=False)

    def clear(self) -> None:
        self._vectors.clear()

    def _key(self, fingerprint: str, text: str) -> bytes:
        # Surrogates may stand in text that came through a terminal.
        words = f"{fingerprint}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(words, key=self._secret, digest_size=32).digest()
