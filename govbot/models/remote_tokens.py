"""Counts tokens for a server's model: by its tokenizer where that is here, else by characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from govbot.config.embedding import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models.files import ModelFiles
from govbot.models.llama_vocab import VocabFile, VocabTokens
from govbot.models.tokens import TOKENIZER, TokenCounter, Tokens

MARKS = 4  # tokens that models put around a text, at most


def open_tokens(own: EmbedderSettings, *, max_tokens: int, passage_prefix: str) -> Tokens:
    """The counter that the settings ask for; raises Unavailable when its file is not there."""
    if not own.tokenizer:
        return EstimatedTokens(own.characters_per_token, max_tokens, passage_prefix)
    file = Path(own.tokenizer)
    if file.is_dir():
        file = file / TOKENIZER
    if not file.is_file() or (file.name != TOKENIZER and file.suffix.lower() != ".gguf"):
        raise Unavailable(
            "[embedder] tokenizer: %(file)s is neither a tokenizer.json nor a GGUF file.",
            file=own.tokenizer,
        )
    if file.suffix.lower() == ".gguf":
        return VocabTokens(VocabFile(file), max_tokens=max_tokens, passage_prefix=passage_prefix)
    return TokenCounter(
        ModelFiles(
            name=own.model,
            folder=file.parent,
            dimension=0,
            max_tokens=max_tokens,
            query_prefix="",
            passage_prefix=passage_prefix,
            weight=0,
            fingerprint="",
        )
    )


class EstimatedTokens:
    """So many characters are a token, in each word rounded up: rather too many tokens than too few,
    as a text that is too long loses its end."""

    def __init__(self, characters: float, max_tokens: int, passage_prefix: str):
        self._characters = characters
        self._max_tokens = max_tokens
        self._prefix = passage_prefix

    def count(self, texts: Sequence[str]) -> list[int]:
        return [self._of(text) for text in texts]

    def room(self) -> int:
        return max(1, self._max_tokens - self._of(self._prefix) - MARKS)

    def _of(self, text: str) -> int:
        return sum(math.ceil(len(word) / self._characters) for word in text.split())
