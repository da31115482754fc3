"""A small model that writes ahead of a large one, which then checks its words in one step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np

from govbot.errors import Unavailable
from govbot.generate.llama_context import DecodeFailed, LlamaContext, Part
from govbot.generate.prefixes import shared

_SURE = 0.5  # probability below which a guess is not made
_COMPARED = 512  # tokens of the vocabularies that must be the same texts


@dataclass(frozen=True, slots=True)
class Ahead:
    """An answer to write ahead of: the slot it has in the large model, its tokens, how many."""

    slot: int
    tokens: Sequence[int]
    limit: int


class Draft:
    """A loaded draft model; its sequences have the numbers of the slots of the large one."""

    def __init__(self, path: Path, large: object, context: LlamaContext) -> None:
        """`context` is the one of the large model. Raises Unavailable when the file does not load
        or has another vocabulary."""
        on_gpu = context.on_gpu
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = -1 if on_gpu else 0
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        if self._model is None:
            raise Unavailable(
                "The draft model %(file)s could not be loaded.", file=path.name, code="E-MODEL"
            )
        recurrent = llama_cpp.llama_model_is_recurrent(self._model)
        if recurrent or not _same_vocabulary(self._model, large):
            llama_cpp.llama_model_free(self._model)
            raise Unavailable(
                "The draft model %(file)s has another vocabulary than the model, or cannot forget.",
                file=path.name,
                code="E-MODEL",
            )
        try:
            self._context = LlamaContext(self._model, context.shape, on_gpu=on_gpu)
        except MemoryError:
            llama_cpp.llama_model_free(self._model)
            raise Unavailable(
                "The draft model %(file)s could not be loaded.", file=path.name, code="E-MODEL"
            ) from None
        self._held: list[list[int]] = [[] for _ in range(context.slots)]

    def guess(self, wanted: Sequence[Ahead]) -> list[list[int]]:
        """What may follow, for each answer. An answer whose prompt it still has to read, up to one
        batch of it a call, gets nothing yet."""
        guesses: list[list[int]] = [[] for _ in wanted]
        try:
            self._write(wanted, guesses)
        except DecodeFailed:  # no room, where all sequences share their cells: begin anew
            self._context.clear()
            self._held = [[] for _ in self._held]
        return guesses

    def _write(self, wanted: Sequence[Ahead], guesses: list[list[int]]) -> None:
        writing = dict(enumerate(self._read(wanted)))
        while True:
            parts = []
            for at, index in writing.items():
                token = self._sure(index) if index is not None else None
                each = wanted[at]
                if token is None:
                    continue
                guesses[at].append(token)
                held = self._held[each.slot]
                if len(guesses[at]) < each.limit and len(held) + 1 < self._context.cells:
                    parts.append((at, Part(each.slot, len(held), [token], 1)))
            if not parts:
                return
            firsts = self._context.decode([part for _, part in parts])
            for _, part in parts:
                self._held[part.slot].extend(part.tokens)
            writing = {at: first for (at, _), first in zip(parts, firsts, strict=True)}

    def close(self) -> None:
        self._context.close()
        llama_cpp.llama_model_free(self._model)

    def _read(self, wanted: Sequence[Ahead]) -> list[int | None]:
        """Brings the sequences up to the tokens of the answers; the indexes of the outputs of
        those that are."""
        room = self._context.batch
        parts: list[Part | None] = []
        for each in wanted:
            held = self._held[each.slot]
            common = min(shared(held, each.tokens), len(each.tokens) - 1)
            if common < len(held):
                self._context.forget(each.slot, common)
                del held[common:]
            rest = each.tokens[common : common + room]
            if not rest or len(each.tokens) >= self._context.cells:
                parts.append(None)
                continue
            room -= len(rest)
            parts.append(Part(each.slot, common, rest, int(common + len(rest) == len(each.tokens))))
        given = [part for part in parts if part is not None]
        firsts = iter(self._context.decode(given)) if given else iter(())
        found: list[int | None] = []
        for part in parts:
            if part is None:
                found.append(None)
                continue
            self._held[part.slot].extend(part.tokens)
            first = next(firsts)
            found.append(first if part.outputs else None)
        return found

    def _sure(self, index: int) -> int | None:
        logits = self._context.logits(index)
        token = int(logits.argmax())
        probability = 1.0 / float(np.exp(logits - logits[token]).sum())
        return token if probability >= _SURE else None


def _same_vocabulary(small: object, large: object) -> bool:
    one, other = (llama_cpp.llama_model_get_vocab(model) for model in (small, large))
    size = int(llama_cpp.llama_vocab_n_tokens(one))
    if size != int(llama_cpp.llama_vocab_n_tokens(other)):
        return False
    return all(
        llama_cpp.llama_vocab_get_text(one, token) == llama_cpp.llama_vocab_get_text(other, token)
        for token in range(0, size, max(1, size // _COMPARED))
    )
