"""Draws tokens with the samplers of llama.cpp: one chain for each answer, of any seed."""

from __future__ import annotations

import ctypes
import secrets
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from govbot.errors import Invalid
from govbot.generate import Grammar, Sampling
from govbot.generate.llama_context import LlamaContext
from govbot.generate.llama_vocabulary import Vocabulary

_REPEAT_WINDOW = 64  # tokens that the penalty for repetition looks back at
_GRAMMAR_TEXT = 64 * 1024
_GRAMMAR_DEPTH = 64  # of brackets: the parser of llama.cpp is recursive
Candidates = NDArray[np.void]
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """The state of drawing for one answer; `close` frees it."""

    def __init__(
        self, sampling: Sampling, vocabulary: Vocabulary, grammar: Grammar | None = None
    ) -> None:
        """Raises `Invalid` when the grammar cannot be read."""
        self._vocabulary = vocabulary
        self._grammar = _grammar(grammar, vocabulary) if grammar is not None else None
        self._chain = _chain(sampling, vocabulary)

    def draw(self, context: LlamaContext, index: int) -> int | None:
        """The next token, from the probabilities of the output `index`. None when the grammar
        allows no token at all."""
        if self._grammar is None:
            return context.sample(self._chain, index)
        return self._draw_by_grammar(context, index)

    def close(self) -> None:
        if self._chain is not None:
            llama_cpp.llama_sampler_free(self._chain)
            if self._grammar is not None:
                llama_cpp.llama_sampler_free(self._grammar)
            self._chain = self._grammar = None

    def _draw_by_grammar(self, context: LlamaContext, index: int) -> int | None:
        """Draws freely first and asks the grammar about that token only, since it is slow over a
        whole vocabulary; draws again among all that it allows when it says no."""
        candidates = self._candidates(context, index)
        token = self._chosen(candidates.copy())
        if not self._allows(token):
            array = _array(candidates)
            llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(array))
            allowed = candidates[np.isfinite(candidates["logit"])]
            if not len(allowed):
                return None
            token = self._chosen(allowed)
        llama_cpp.llama_sampler_accept(self._grammar, token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def _candidates(self, context: LlamaContext, index: int) -> Candidates:
        logits = context.logits(index)
        candidates = np.zeros(len(logits), dtype=_CANDIDATE)
        candidates["id"] = np.arange(len(logits))
        candidates["logit"] = logits
        return candidates

    def _chosen(self, candidates: Candidates) -> int:
        array = _array(candidates)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _allows(self, token: int) -> bool:
        single = np.array([(token, 1.0, 0.0)], dtype=_CANDIDATE)
        array = _array(single)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return bool(np.isfinite(single["logit"][0]))


def _array(candidates: Candidates) -> Any:
    """A view for llama.cpp, which may reorder the candidates and shorten the view."""
    array: Any = llama_cpp.llama_token_data_array()
    array.data = ctypes.cast(candidates.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data))
    array.size = len(candidates)
    array.selected = -1
    array.sorted = False
    return array


def _chain(sampling: Sampling, vocabulary: Vocabulary) -> object:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    parts = []
    if sampling.repeat_penalty != 1.0:
        parts.append(
            llama_cpp.llama_sampler_init_penalties(
                vocabulary.size, _REPEAT_WINDOW, sampling.repeat_penalty, 0.0, 0.0
            )
        )
    if sampling.temperature <= 0:
        parts.append(llama_cpp.llama_sampler_init_greedy())
    else:
        parts += [
            llama_cpp.llama_sampler_init_top_k(sampling.top_k),
            llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
            llama_cpp.llama_sampler_init_temp(sampling.temperature),
            llama_cpp.llama_sampler_init_dist(_seed(sampling.seed)),
        ]
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain


def _seed(seed: int | None) -> int:
    """One of 32 bits that is not the one by which llama.cpp means "any"."""
    value = secrets.randbits(32) if seed is None else seed & 0xFFFFFFFF
    return value - 1 if value == llama_cpp.LLAMA_DEFAULT_SEED else value


def _grammar(grammar: Grammar, vocabulary: Vocabulary) -> object:
    text = grammar.text
    if len(text) <= _GRAMMAR_TEXT and grammar.kind == "json_schema":
        text = _from_schema(text)
    if len(text) > _GRAMMAR_TEXT or _depth(text) > _GRAMMAR_DEPTH or "\0" in text:
        raise _unreadable()
    sampler = llama_cpp.llama_sampler_init_grammar(vocabulary.pointer, text.encode(), b"root")
    if not sampler:
        raise _unreadable()
    return sampler


def _from_schema(text: str) -> str:
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    try:
        return str(json_schema_to_gbnf(text))
    except Exception as error:  # it raises what it likes, over any JSON
        raise _unreadable() from error


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        deepest = max(deepest, depth)
    return deepest


def _unreadable() -> Invalid:
    return Invalid("The grammar of the answer cannot be read.", code="E-GRAMMAR")
