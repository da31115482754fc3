"""The vocabulary and the header of a GGUF file, read by llama.cpp without the weights."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from govbot.errors import Unavailable

MAX_VALUE = 4096  # bytes of a text in the header that may matter here


class Weights:
    """A model that llama.cpp holds, given back with its last user."""

    def __init__(self, pointer: Any, free: Callable[[Any], None]):
        self.pointer = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self.pointer)


class Vocab:
    """The tokenizer of a loaded model; any thread may call it."""

    def __init__(self, weights: Weights):
        self._llama = library()
        self._weights = weights  # holds what the vocabulary belongs to
        self._vocab = self._llama.llama_model_get_vocab(weights.pointer)

    def tokens(self, text: str, *, marks: bool) -> list[int]:
        """Tokens of a text, with the model's marks around it when asked for.

        Words that look like marks stay words.
        """
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        while True:
            buffer = (self._llama.llama_token * size)()
            count = self._llama.llama_tokenize(
                self._vocab, data, len(data), buffer, size, marks, False
            )
            if count >= 0:
                return list(buffer[:count])
            size = -count

    def is_mark(self, token: int) -> bool:
        return bool(self._llama.llama_vocab_is_control(self._vocab, token))

    @property
    def filler(self) -> int:
        """A token for a text that has none."""
        return max(0, int(self._llama.llama_vocab_bos(self._vocab)))


class VocabFile:
    """A GGUF file's header and vocabulary, opened at the first question about them."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._weights: Weights | None = None
        self._vocab: Vocab | None = None

    def value(self, key: str) -> str:
        """A value of the header as text, "" when there is none."""
        buffer = ctypes.create_string_buffer(MAX_VALUE)
        size = library().llama_model_meta_val_str(
            self._opened().pointer, key.encode(), buffer, MAX_VALUE
        )
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    @property
    def vocab(self) -> Vocab:
        if self._vocab is None:
            self._vocab = Vocab(self._opened())
        return self._vocab

    def _opened(self) -> Weights:
        with self._lock:
            if self._weights is None:
                self._weights = load(self.path, vocab_only=True)
            return self._weights


class VocabTokens:
    """Counts tokens as a GGUF file does; any thread may call it."""

    def __init__(self, file: VocabFile, *, max_tokens: int, passage_prefix: str):
        self._file = file
        self._max_tokens = max_tokens
        self._prefix = passage_prefix
        self._spaced: bool | None = None

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without marks; raises Unavailable when the file cannot be read."""
        if not texts:
            return []
        vocab = self._file.vocab
        if self._spaced is None:
            # Words are counted with the space before them, which some tokenizers add themselves.
            self._spaced = len(vocab.tokens(" a", marks=False)) > len(
                vocab.tokens("a", marks=False)
            )
        strip = self._spaced
        return [
            len(vocab.tokens(text[1:] if strip and text[:1] == " " else text, marks=False))
            for text in texts
        ]

    def room(self) -> int:
        """Tokens that the text of a passage may have: the window less marks and prefix."""
        around = len(self._file.vocab.tokens(self._prefix, marks=True))
        return max(1, self._max_tokens - around)


def library() -> Any:
    """llama.cpp, whose idle threads leave the cores to others.

    By themselves they spin at every step: beside other work on 2 cores passages then take four
    times as long. It counts when the library is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import llama_cpp

    return llama_cpp


def load(path: Path, **options: Any) -> Weights:
    """The model of a GGUF file with these `llama_model_params`; raises Unavailable."""
    llama_cpp = library()
    from govbot.devices import load_backends
    from govbot.llama_log import silence

    _require_gguf(path)
    silence()
    load_backends()
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    for name, value in options.items():
        setattr(parameters, name, value)
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
    if model is None:
        raise Unavailable(
            "The embedding model %(file)s could not be loaded: it is damaged, of a kind this "
            "version of llama.cpp does not know, or larger than the memory.",
            file=path.name,
            code="E-MODEL",
        )
    return Weights(model, llama_cpp.llama_model_free)


def _require_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Unavailable("The model file %(file)s cannot be read.", file=path) from error
    if magic != b"GGUF":
        raise Unavailable(
            "The embedding model %(file)s is not a GGUF file.", file=path.name, code="E-MODEL"
        )
