"""Counts tokens the way a model does, without loading its weights: passages are cut by it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from govbot.errors import Unavailable
from govbot.models.files import ModelFiles

TOKENIZER = "tokenizer.json"


class Tokens(Protocol):
    """Counts tokens as an embedder does, from any thread; raises Unavailable."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text alone, without marks."""
        ...

    def room(self) -> int:
        """Tokens that the text of a passage may have."""
        ...


class TokenCounter:
    """The tokenizer of a model folder, read with the first text; any thread may call it."""

    def __init__(self, files: ModelFiles):
        self._files = files
        self._lock = threading.Lock()
        self._lengths: Callable[[Sequence[str], bool], list[int]] | None = None
        self._room: int | None = None

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the marks that the model puts around it.

        Raises Unavailable when the tokenizer cannot be read.
        """
        return self._tokenizer()(texts, False) if texts else []

    def room(self) -> int:
        """Tokens that the text of a passage may have: the window less marks and prefix."""
        if self._room is None:
            [around] = self._tokenizer()([self._files.passage_prefix], True)
            self._room = max(1, self._files.max_tokens - around)
        return self._room

    def _tokenizer(self) -> Callable[[Sequence[str], bool], list[int]]:
        with self._lock:
            if self._lengths is None:
                try:
                    self._lengths = self._open()
                except Exception as error:  # the libraries raise whatever they like
                    raise Unavailable(
                        'The tokenizer of the embedding model "%(name)s" in %(folder)s cannot be '
                        "read: %(reason)s",
                        name=self._files.name,
                        folder=self._files.folder,
                        reason=" ".join(str(error).split())[:200],
                    ) from error
            return self._lengths

    def _open(self) -> Callable[[Sequence[str], bool], list[int]]:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        file = self._files.folder / TOKENIZER
        if not file.is_file():
            return self._open_other()
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return partial(_lengths, tokenizer)

    def _open_other(self) -> Callable[[Sequence[str], bool], list[int]]:
        """Folders with a vocabulary alone: transformers builds the tokenizer."""
        from transformers import AutoTokenizer

        load: Any = AutoTokenizer.from_pretrained
        tokenizer = load(str(self._files.folder), local_files_only=True, trust_remote_code=False)

        def lengths(texts: Sequence[str], around: bool) -> list[int]:
            found = tokenizer(list(texts), add_special_tokens=around, truncation=False)
            return [len(ids) for ids in found["input_ids"]]

        return lengths


def _lengths(tokenizer: Any, texts: Sequence[str], around: bool) -> list[int]:
    found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=around)
    return [len(encoding.ids) for encoding in found]
