"""A GGUF embedder through llama.cpp: one set of weights, a context for each of the two lanes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from govbot.errors import Unavailable
from govbot.models.llama_files import LlamaFiles
from govbot.models.llama_vocab import Vocab, Weights, library, load

log = logging.getLogger(__name__)

ALL_LAYERS = 0x7FFFFFFF
# Texts in one decode. Attention is computed over all of them together, so that on a CPU many
# tokens at once cost more than they save.
TEXTS = 16
CPU_TOKENS, GPU_TOKENS = 512, 4096


class LlamaEncoder:
    """A loaded GGUF embedder; questions come from one thread and passages from another."""

    def __init__(self, files: LlamaFiles, device: str, query_threads: int):
        """Raises Unavailable when the file does not load or the device is not there."""
        self._files = files
        self._threads = {True: query_threads, False: len(os.sched_getaffinity(0))}
        self._contexts: dict[bool, _Context] = {}
        self._moving = threading.Lock()
        self._weights, self.device = _load(files, device)
        self._vocab = Vocab(self._weights)
        self._check()

    def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
        """L2-normalised vectors; what goes beyond the window is cut."""
        prefix = self._files.model.query_prefix if query else self._files.model.passage_prefix
        context = self._context(query)
        tokens = [self._tokens(prefix + text) for text in texts]
        vectors: list[list[float]] = []
        for group in _groups(tokens, context.room):
            vectors += context.vectors(group)
        return vectors

    def _tokens(self, text: str) -> list[int]:
        """Cut to the window; a mark at the end stays there."""
        limit = self._files.model.max_tokens
        tokens = self._vocab.tokens(text, marks=True) or [self._vocab.filler]
        if len(tokens) <= limit:
            return tokens
        last = tokens[-1]
        return [*tokens[: limit - 1], last] if self._vocab.is_mark(last) else tokens[:limit]

    def _context(self, query: bool) -> _Context:
        with self._moving:
            if query not in self._contexts:
                room = CPU_TOKENS if query or self.device == "cpu" else GPU_TOKENS
                self._contexts[query] = _Context(
                    self._weights,
                    self._files,
                    room=max(room, self._files.model.max_tokens),
                    threads=self._threads[query],
                )
            return self._contexts[query]

    def _check(self) -> None:
        found = int(library().llama_model_n_embd_out(self._weights.pointer))
        if found != self._files.model.dimension:
            raise Unavailable(
                "The embedding model %(file)s gives vectors of %(found)s numbers where its header "
                "announces %(announced)s.",
                file=self._files.path.name,
                found=found,
                announced=self._files.model.dimension,
                code="E-MODEL",
            )


class _Context:
    """What one thread computes with. `room` is the most tokens of a decode."""

    def __init__(self, weights: Weights, files: LlamaFiles, *, room: int, threads: int):
        self._llama = llama_cpp = library()
        self._weights = weights  # must outlive the context
        self._dimension = files.model.dimension
        self.room = room
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = room
        parameters.n_seq_max = TEXTS
        parameters.kv_unified = True  # the texts of a decode share the room
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.embeddings = True
        parameters.pooling_type = files.pooling
        parameters.no_perf = True
        self._context = llama_cpp.llama_init_from_model(weights.pointer, parameters)
        if self._context is None:
            raise Unavailable(
                "There is not enough memory for the embedding model %(file)s.",
                file=files.path.name,
                code="E-MODEL",
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(room, 0, 1)

    def __del__(self) -> None:
        if getattr(self, "_context", None) is not None:
            self._llama.llama_free(self._context)
            self._llama.llama_batch_free(self._batch)

    def vectors(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """One vector for each text; together they have at most `room` tokens."""
        self._fill(texts)
        if self._memory:
            self._llama.llama_memory_clear(self._memory, False)
        code = self._llama.llama_decode(self._context, self._batch)
        if code != 0:
            raise RuntimeError(f"llama.cpp could not encode a batch: {code}")
        return [self._vector(number) for number in range(len(texts))]

    def _fill(self, texts: Sequence[Sequence[int]]) -> None:
        batch, at = self._batch, 0
        for number, tokens in enumerate(texts):
            for position, token in enumerate(tokens):
                batch.token[at] = token
                batch.pos[at] = position
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = number
                batch.logits[at] = 1
                at += 1
        batch.n_tokens = at

    def _vector(self, number: int) -> list[float]:
        pointer = self._llama.llama_get_embeddings_seq(self._context, number)
        if not pointer:
            raise RuntimeError("llama.cpp gave no vector for a text")
        raw = np.ctypeslib.as_array(pointer, shape=(self._dimension,)).astype(np.float64)
        length = float(np.linalg.norm(raw))
        if not np.isfinite(length) or length == 0:
            raise ValueError("the embedding model gave a vector without a direction")
        vector: list[float] = (raw / length).tolist()
        return vector


def open_llama_encoder(files: LlamaFiles, device: str, query_threads: int) -> LlamaEncoder:
    """Loads the model; raises Unavailable when it does not load or the device is not there."""
    encoder = LlamaEncoder(files, device, query_threads)
    log.info(
        "The embedding model is loaded.",
        extra={"action": "embedder.loaded", "model": files.model.name, "device": encoder.device},
    )
    return encoder


def _load(files: LlamaFiles, device: str) -> tuple[Weights, str]:
    """The weights and where they are: on a GPU where that is wanted and works."""
    llama_cpp = library()
    gpu = device != "cpu" and bool(llama_cpp.llama_supports_gpu_offload())
    if device not in ("auto", "cpu") and not gpu:
        raise Unavailable(
            "[%(section)s] device is %(device)s, but this build of llama.cpp has no GPU support.",
            section="embedder",
            device=device,
        )
    if gpu:
        options: dict[str, Any] = {"n_gpu_layers": ALL_LAYERS}
        if ":" in device:
            options |= {
                "main_gpu": int(device.partition(":")[2]),
                "split_mode": llama_cpp.LLAMA_SPLIT_MODE_NONE,
            }
        try:
            return load(files.path, **options), "gpu"
        except Unavailable:
            if device != "auto":
                raise
            log.warning(
                "The embedding model does not load on the GPU: it goes on with the CPU",
                extra={"action": "embedder.cpu"},
            )
    return load(files.path, n_gpu_layers=0), "cpu"


def _groups(texts: Sequence[Sequence[int]], room: int) -> Iterator[list[Sequence[int]]]:
    """Texts in their order, as many together as one decode takes."""
    group: list[Sequence[int]] = []
    used = 0
    for tokens in texts:
        if group and (len(group) == TEXTS or used + len(tokens) > room):
            yield group
            group, used = [], 0
        group.append(tokens)
        used += len(tokens)
    if group:
        yield group
