"""A context of llama.cpp: sequences of tokens with their keys and values, and decoding.

Every sequence has memory of its own (split KV), or, where there is less memory than that takes,
all share one (unified). Belongs to one thread.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import llama_cpp
import numpy as np
from numpy.typing import NDArray

State = NDArray[np.uint8]

KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
FLASH = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a context. `cells` are tokens of one sequence; with `shared_cells`, all sequences
    share so many. `batch` bounds a step, `outputs` the tokens of it that give probabilities."""

    slots: int
    cells: int
    shared_cells: int
    batch: int
    outputs: int
    threads: int
    kv_type: str = "f16"
    flash_attention: str = "auto"


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive tokens of one sequence from position `start`; the last `outputs` of them give
    probabilities."""

    slot: int
    start: int
    tokens: Sequence[int]
    outputs: int


_FLASH_TILE = 64  # tokens: GGML_FA_TILE_Q of llama.cpp
_SEVERAL = 2


class DecodeFailed(Exception):
    """llama.cpp could not decode a batch; `code` is what it returned."""

    def __init__(self, code: int) -> None:
        super().__init__(f"llama_decode returned {code}")
        self.code = code


class LlamaContext:
    def __init__(self, model: object, shape: Shape, *, on_gpu: bool) -> None:
        """Raises MemoryError when llama.cpp cannot make it."""
        self.pointer = llama_cpp.llama_init_from_model(model, _parameters(shape))
        if self.pointer is None:
            raise MemoryError("no context")
        self._memory = llama_cpp.llama_get_memory(self.pointer)
        self.unified = bool(shape.shared_cells)
        self.slots = shape.slots
        self.cells = int(llama_cpp.llama_n_ctx_seq(self.pointer))
        self.total_cells = int(llama_cpp.llama_n_ctx(self.pointer))
        self.batch = min(shape.batch, int(llama_cpp.llama_n_batch(self.pointer)))
        self.outputs = shape.outputs
        self.on_gpu = on_gpu
        self.shape = shape
        self._batch = _Batch(self.batch)
        # The CPU computes a single token of floats in another way than several, and with flash
        # attention so many tokens in another way than fewer. With no piece of a prompt smaller
        # than that, a prompt comes out the same however it is cut.
        tiled = shape.flash_attention == "on" and shape.kv_type == "f16"
        self.tile = 1 if on_gpu else _FLASH_TILE if tiled else _SEVERAL
        self.forgets = True  # a part of a sequence; False for recurrent models

    def decode(self, parts: Sequence[Part], *, prompts: bool = False) -> list[int]:
        """Decodes the parts, which are of different sequences; `prompts` says that they are pieces
        of prompts alone. Gives, for each part, the index of the first of its outputs in the batch.
        Raises DecodeFailed."""
        # llama.cpp joins sequences with consecutive numbers to one pass over the weights.
        order = sorted(range(len(parts)), key=lambda at: parts[at].slot)
        firsts = [0] * len(parts)
        end = 0
        for at in order:
            end = self._batch.put(end, parts[at])
            firsts[at] = end - parts[at].outputs
        code = llama_cpp.llama_decode(self.pointer, self._batch.filled(end))
        if code != 0:
            raise DecodeFailed(int(code))
        return firsts

    def forget(self, slot: int, start: int = 0) -> bool:
        """Drops the tokens from position `start` on; False when the model cannot forget a part."""
        if start == 0:
            llama_cpp.llama_memory_seq_rm(self._memory, slot, -1, -1)
            return True
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, slot, start, -1))

    def copy(self, source: int, target: int, count: int) -> bool:
        """Makes the empty sequence `target` begin like `source`, for `count` tokens. False when
        the model cannot forget what `source` has more, and `target` then is empty."""
        if self.unified and self.forgets:
            llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, count)
            return True
        if self.on_gpu or not self.forgets:
            # The whole sequence, at the next decode: on a GPU that is faster than by host memory.
            llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        else:
            self.restore(target, self.save(source))
        return self.forget(target, count) or not self.forget(target)

    @property
    def copies_late(self) -> bool:
        """Whether what `copy` copied is in its place only after the next decode."""
        return self.on_gpu and not self.unified

    def save(self, slot: int) -> State:
        """Keys and values of a sequence, in host memory."""
        size = int(llama_cpp.llama_state_seq_get_size(self.pointer, slot))
        data: State = np.empty(size, dtype=np.uint8)
        llama_cpp.llama_state_seq_get_data(self.pointer, _bytes(data), size, slot)
        return data

    def restore(self, slot: int, data: State) -> bool:
        """Puts back what `save` gave, into an empty sequence; False when it does not fit."""
        read = llama_cpp.llama_state_seq_set_data(self.pointer, _bytes(data), data.size, slot)
        return int(read) > 0

    def clear(self) -> None:
        """Forgets all sequences."""
        llama_cpp.llama_memory_clear(self._memory, True)

    def sample(self, chain: object, index: int) -> int:
        """The token that a chain of samplers draws from an output; valid until the next decode."""
        return int(llama_cpp.llama_sampler_sample(chain, self.pointer, index))

    def logits(self, index: int) -> NDArray[np.float32]:
        """A view of the logits of an output; valid until the next decode."""
        vocab = llama_cpp.llama_model_get_vocab(llama_cpp.llama_get_model(self.pointer))
        size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        return np.ctypeslib.as_array(
            llama_cpp.llama_get_logits_ith(self.pointer, index), shape=(size,)
        )

    def close(self) -> None:
        if self.pointer is not None:
            llama_cpp.llama_free(self.pointer)
            self.pointer = None


class _Batch:
    """The arrays of a llama_batch, filled through numpy."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._counts = np.ones(size, dtype=np.int32)
        self._slots = np.zeros(size, dtype=np.int32)
        self._outputs = np.zeros(size, dtype=np.int8)
        self._pointers = self._slots.ctypes.data + np.arange(size, dtype=np.uintp) * 4
        self._struct = llama_cpp.llama_batch()
        for name, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._pointers),
            ("logits", self._outputs),
        ):
            kind = type(getattr(self._struct, name))
            setattr(self._struct, name, ctypes.cast(array.ctypes.data, kind))

    def put(self, begin: int, part: Part) -> int:
        end = begin + len(part.tokens)
        self._tokens[begin:end] = part.tokens
        self._positions[begin:end] = np.arange(part.start, part.start + end - begin)
        self._slots[begin:end] = part.slot
        self._outputs[begin:end] = 0
        self._outputs[end - part.outputs : end] = 1
        return end

    def filled(self, count: int) -> object:
        self._struct.n_tokens = count
        return self._struct


def _parameters(shape: Shape) -> object:
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_seq_max = shape.slots
    parameters.kv_unified = bool(shape.shared_cells)
    parameters.n_ctx = shape.shared_cells or shape.cells * shape.slots
    parameters.n_batch = shape.batch
    parameters.n_ubatch = min(512, shape.batch)
    parameters.n_outputs_max = shape.outputs
    parameters.n_threads = parameters.n_threads_batch = shape.threads
    parameters.type_k = parameters.type_v = KV_TYPES[shape.kv_type]
    parameters.flash_attn_type = FLASH[shape.flash_attention]
    parameters.no_perf = True
    return parameters


def _bytes(data: State) -> object:
    return ctypes.cast(data.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
