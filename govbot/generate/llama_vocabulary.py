"""The vocabulary of a model of llama.cpp: from text to tokens and back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cached_property

import llama_cpp

from govbot.errors import Unavailable

_SPECIAL = llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN | llama_cpp.LLAMA_TOKEN_ATTR_CONTROL


class Vocabulary:
    def __init__(self, model: object) -> None:
        self.pointer = llama_cpp.llama_model_get_vocab(model)
        self.bos = self.text_of(llama_cpp.llama_vocab_bos(self.pointer))
        self.eos = self.text_of(llama_cpp.llama_vocab_eos(self.pointer))
        self._pieces: dict[int, bytes] = {}

    @cached_property
    def size(self) -> int:
        return int(llama_cpp.llama_vocab_n_tokens(self.pointer))

    def tokenize(self, text: str, *, begin: bool = True, special: bool = True) -> list[int]:
        """Tokens of a text. `begin` allows the begin token, if the model wants one; `special`
        reads the texts of control tokens as these."""
        data = text.encode()
        buffer = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(
            self.pointer, data, len(data), buffer, len(buffer), begin, special
        )
        if count < 0:
            raise Unavailable("The model cannot read this question.")
        return list(buffer[:count])

    def ends(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self.pointer, token))

    def piece(self, token: int) -> bytes:
        """The bytes of a token; control tokens have none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def controls(self) -> Iterator[str]:
        """The texts of the tokens that mean something else than their letters."""
        for token in range(self.size):
            if int(llama_cpp.llama_vocab_get_attr(self.pointer, token)) & _SPECIAL:
                yield self.text_of(token)

    def text_of(self, token: int) -> str:
        if token < 0:
            return ""
        return str((llama_cpp.llama_vocab_get_text(self.pointer, token) or b"").decode())

    def _piece(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self.pointer, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count
