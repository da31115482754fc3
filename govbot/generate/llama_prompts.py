"""Reading prompts with a copy of the model whose weights are made for it (prompt_copy.py).

The copy has a context of its own. A prompt is read there, and then its keys and values move to the
context in which its answer is written.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from govbot.errors import Unavailable
from govbot.generate import GenerationSettings, adapters, prompt_copy
from govbot.generate.llama_context import LlamaContext, Part, Shape, State
from govbot.gguf import copy_of

log = logging.getLogger(__name__)


class PromptContext(LlamaContext):
    """A context, to whoever uses it like any other, whose prompts another one reads once it is
    `attached`. On the CPU, with memory for each sequence, for models that forget."""

    def __init__(self, model: object, shape: Shape, *, on_gpu: bool) -> None:
        """Raises MemoryError when llama.cpp cannot make it."""
        super().__init__(model, shape, on_gpu=on_gpu)
        self._reader: LlamaContext | None = None
        self._there: set[int] = set()  # sequences whose tokens the reader has
        self._drawn: LlamaContext | None = None  # where the outputs are, if not here

    def attach(self, reader: LlamaContext) -> None:
        """`reader` is of the same model in other weights and has the same shape: llama.cpp moves
        sequences between contexts of equally many only. It is closed with this one."""
        self._reader = reader

    @property
    def attached(self) -> bool:
        return self._reader is not None

    def decode(self, parts: Sequence[Part], *, prompts: bool = False) -> list[int]:
        if self._reader is None:
            return super().decode(parts)
        for part in parts:
            if prompts:
                self._lend(part)
            else:
                self._take_back(part.slot)
        self._drawn = self._reader if prompts else None
        return self._reader.decode(parts) if prompts else super().decode(parts)

    def forget(self, slot: int, start: int = 0) -> bool:
        if self._reader is None or slot not in self._there:
            return super().forget(slot, start)
        return self._reader.forget(slot, start)

    def save(self, slot: int) -> State:
        if self._reader is None or slot not in self._there:
            return super().save(slot)
        return self._reader.save(slot)

    def restore(self, slot: int, data: State) -> bool:
        """Into the reader: what is put back is the beginning of a prompt."""
        if self._reader is None:
            return super().restore(slot, data)
        self._there.add(slot)
        return self._reader.restore(slot, data)

    def clear(self) -> None:
        if self._reader is not None:
            self._reader.clear()
            self._there.clear()
        super().clear()

    def sample(self, chain: object, index: int) -> int:
        if self._drawn is not None:
            return self._drawn.sample(chain, index)
        return super().sample(chain, index)

    def logits(self, index: int) -> NDArray[np.float32]:
        if self._drawn is not None:
            return self._drawn.logits(index)
        return super().logits(index)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = self._drawn = None
        super().close()

    def _lend(self, part: Part) -> None:
        """The reader is to read this part: what comes before it moves there."""
        if self._reader is None or part.slot in self._there:
            return
        if part.start and not self._reader.restore(part.slot, super().save(part.slot)):
            raise RuntimeError("the beginning of a prompt cannot be moved")
        super().forget(part.slot)
        self._there.add(part.slot)

    def _take_back(self, slot: int) -> None:
        """Moves what was read to where the answer is written."""
        if self._reader is None or slot not in self._there:
            return
        if not super().restore(slot, self._reader.save(slot)):
            raise RuntimeError("a prompt that was read cannot be moved")
        self._reader.forget(slot)
        self._there.remove(slot)


class PromptCopy:
    """The copy of one model while it is loaded: made if there is none yet, and attached as soon as
    it is there. Belongs to the thread of its context."""

    def __init__(self, settings: GenerationSettings, size: int, context: PromptContext) -> None:
        """`size`: bytes that the copy takes."""
        self._path = Path(settings.model_path)
        self._settings = settings
        self._context = context
        self._model: object | None = None
        self._maker: prompt_copy.Maker | None = None
        if prompt_copy.is_made(self._path):
            self._load()
        else:
            self._maker = prompt_copy.Maker(self._path, size)

    @property
    def attached(self) -> bool:
        return self._context.attached

    @property
    def making(self) -> bool:
        return self._maker is not None

    def look(self) -> None:
        """Attaches the copy if it was finished meanwhile; to be called now and then."""
        if self._maker is None or not self._maker.done:
            return
        problem, self._maker = self._maker.problem, None
        if problem:
            _tell(self._path, problem)
        else:
            self._load()

    def close(self) -> None:
        """After the context, which the copy has a part of, is closed."""
        if self._maker is not None:
            self._maker.close()
        if self._model is not None:
            llama_cpp.llama_model_free(self._model)
            self._model = None

    def _load(self) -> None:
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        file = os.fsencode(copy_of(self._path))
        self._model = llama_cpp.llama_model_load_from_file(file, parameters)
        try:
            self._context.attach(self._reader())
        except (MemoryError, Unavailable) as error:
            _tell(self._path, str(error))
            self.close()
            return
        log.info(
            "Prompts for %s are read by its copy in BF16",
            self._path.name,
            extra={"action": "model.prompts"},
        )

    def _reader(self) -> LlamaContext:
        """A context of the copy. Raises MemoryError, or Unavailable for an adapter."""
        if self._model is None:
            raise MemoryError("it does not load")
        reader = LlamaContext(self._model, self._context.shape, on_gpu=False)
        try:
            adapters.lay(
                self._model, reader.pointer, self._settings.lora, self._settings.lora_scale
            )
        except Unavailable:
            reader.close()
            raise
        return reader


def _tell(model: Path, problem: str) -> None:
    log.warning(
        "There is no copy of %s for prompts: %s",
        model.name,
        problem,
        extra={"action": "model.prompts"},
    )
