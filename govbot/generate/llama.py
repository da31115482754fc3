"""Answers from a GGUF file through llama.cpp, in this process.

Speaks to the C interface of llama.cpp itself: its high-level class redirects the standard error of
the whole process while it loads, and gives no way to stop inside a long prompt.
"""

from __future__ import annotations

import codecs
import ctypes
import logging
import os
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from pathlib import Path

import llama_cpp

from govbot.errors import Unavailable
from govbot.generate import GenerationSettings, Request, Status
from govbot.generate.engine import Engine, Ticket
from govbot.generate.fit import Prompt, smaller, too_long
from govbot.generate.llama_log import silence
from govbot.generate.reasoning import ReasoningFilter
from govbot.generate.specials import Specials
from govbot.generate.template import ChatTemplate, StopTexts

log = logging.getLogger(__name__)

_SPECIAL = llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN | llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
_BATCH = 512  # tokens per decode of a prompt; between two of them a request can be cancelled
_ANSWER_SHARE = 4  # a quarter of the context is kept for the answer, if it may be that long
_TOP_K, _TOP_P, _MIN_P = 40, 0.95, 0.05


class LlamaGenerator:
    """A model file behind the engine thread. Nothing is loaded before the first request."""

    excerpts = False

    def __init__(self, settings: GenerationSettings) -> None:
        self.name = f"llama:{Path(settings.model_path).name}"
        self._engine = Engine(lambda: LlamaModel(settings))

    def stream(self, request: Request) -> AsyncIterator[str]:
        return self._engine.stream(request)

    def start(self) -> None:
        """Loads the model in the background, so that the first question need not wait for it."""
        self._engine.start()

    def status(self) -> Status:
        return self._engine.status()

    async def aclose(self) -> None:
        await self._engine.aclose()


class LlamaModel:
    """A loaded model with its context. Belongs to one thread."""

    def __init__(self, settings: GenerationSettings) -> None:
        """Raises `Unavailable` with a sentence when the file is missing, is no GGUF, or does not
        load; tries without the GPU before giving up."""
        path = Path(settings.model_path)
        _require_gguf(path)
        silence()
        llama_cpp.llama_backend_init()
        self._threads = settings.threads or len(os.sched_getaffinity(0))
        self._model, self._context, self.device = self._load(path, settings)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.context_tokens = int(llama_cpp.llama_n_ctx(self._context))
        self._template = ChatTemplate(
            (llama_cpp.llama_model_chat_template(self._model, None) or b"").decode(),
            bos=self._text_of(llama_cpp.llama_vocab_bos(self._vocab)),
            eos=self._text_of(llama_cpp.llama_vocab_eos(self._vocab)),
        )
        self._specials = Specials(self._control_tokens())
        self._held: list[int] = []  # tokens whose keys and values are in the context

    def answer(self, ticket: Ticket) -> Generator[str, None, None]:
        """Pieces of the answer. Raises `Invalid` when the question alone does not fit."""
        request = ticket.request
        prompt, tokens = self._fitting(request)
        ticket.use(prompt.sources)
        thoughts, stop = ReasoningFilter(), StopTexts(self._template.stops)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        if not self._read(tokens, ticket):
            return
        for token in self._write(request, ticket):
            text = stop.feed(thoughts.feed(decoder.decode(self._piece(token))))
            if text:
                yield text
            if stop.stopped:
                return
        rest = stop.feed(thoughts.feed(decoder.decode(b"", final=True)) + thoughts.end())
        if rest := rest + stop.end():
            yield rest

    def close(self) -> None:
        if self._context is not None:
            llama_cpp.llama_free(self._context)
            llama_cpp.llama_model_free(self._model)
            self._context = None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Tokens of a rendered prompt; the begin token is added unless the template wrote it."""
        data = text.encode()
        begins = bool(self._template.bos) and text.startswith(self._template.bos)
        buffer = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), buffer, len(buffer), not begins, special
        )
        if count < 0:
            raise Unavailable("The model cannot read this question.")
        return list(buffer[:count])

    def _fitting(self, request: Request) -> tuple[Prompt, list[int]]:
        """The largest prompt that leaves room for the answer."""
        room = min(request.max_tokens, self.context_tokens // _ANSWER_SHARE)
        for prompt in smaller(request):
            messages = self._specials.defused(prompt.messages)
            tokens = self.tokenize(self._template.render(messages))
            if len(tokens) + room <= self.context_tokens:
                return prompt, tokens
        raise too_long()

    def _read(self, tokens: Sequence[int], ticket: Ticket) -> bool:
        """Decodes the prompt, but for the beginning it shares with what is held; False when
        cancelled on the way. At least one token is decoded, to have something to sample from."""
        shared = 0
        for ours, theirs in zip(self._held, tokens[:-1], strict=False):
            if ours != theirs:
                break
            shared += 1
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, shared, -1):
            llama_cpp.llama_memory_clear(self._memory, True)  # recurrent: cannot forget a part
            shared = 0
        self._held = list(tokens[:shared])
        for start in range(shared, len(tokens), _BATCH):
            if ticket.cancelled:
                return False
            self._decode(tokens[start : start + _BATCH])
        return True

    def _write(self, request: Request, ticket: Ticket) -> Generator[int, None, None]:
        """Samples tokens up to an end token, the limit, the end of the context, or a cancel."""
        sampler = _sampler(request.temperature)
        try:
            for _ in range(min(request.max_tokens, self.context_tokens - len(self._held))):
                if ticket.cancelled:
                    return
                token = int(llama_cpp.llama_sampler_sample(sampler, self._context, -1))
                if llama_cpp.llama_vocab_is_eog(self._vocab, token):
                    return
                yield token
                self._decode([token])
        finally:
            llama_cpp.llama_sampler_free(sampler)

    def _decode(self, tokens: Sequence[int]) -> None:
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        code = llama_cpp.llama_decode(
            self._context, llama_cpp.llama_batch_get_one(array, len(tokens))
        )
        if code != 0:
            self._held = []
            llama_cpp.llama_memory_clear(self._memory, True)
            raise Unavailable("The model failed while writing the answer: try again.")
        self._held.extend(tokens)

    def _control_tokens(self) -> Iterator[str]:
        """The texts of the tokens that mean something else than their letters."""
        for token in range(llama_cpp.llama_vocab_n_tokens(self._vocab)):
            if int(llama_cpp.llama_vocab_get_attr(self._vocab, token)) & _SPECIAL:
                yield self._text_of(token)

    def _piece(self, token: int) -> bytes:
        """The bytes of a token; control tokens have none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def _text_of(self, token: int) -> str:
        if token < 0:
            return ""
        return str((llama_cpp.llama_vocab_get_text(self._vocab, token) or b"").decode())

    def _load(self, path: Path, settings: GenerationSettings) -> tuple[object, object, str]:
        gpu = bool(llama_cpp.llama_supports_gpu_offload()) and settings.n_gpu_layers != 0
        if settings.n_gpu_layers != 0 and not gpu:
            log.info(
                "This build of llama.cpp has no GPU support: the model runs on the CPU",
                extra={"action": "model.cpu"},
            )
        for layers in [settings.n_gpu_layers, 0] if gpu else [0]:
            loaded = self._try_load(path, layers, settings.context_tokens)
            if loaded is not None:
                return *loaded, self._device(layers)
            if layers:
                log.warning(
                    "The model does not load on the GPU: trying the CPU",
                    extra={"action": "model.cpu"},
                )
        raise Unavailable(
            "The model file %(file)s could not be loaded: it is damaged, of a kind this version "
            "of llama.cpp does not know, or larger than the memory.",
            file=path.name,
            code="E-MODEL",
        )

    def _try_load(self, path: Path, layers: int, wanted: int) -> tuple[object, object] | None:
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0x7FFFFFFF if layers < 0 else layers
        model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        if model is None:
            return None
        if not llama_cpp.llama_model_has_decoder(model) or llama_cpp.llama_model_has_encoder(model):
            llama_cpp.llama_model_free(model)
            raise Unavailable(
                "The model file %(file)s is not a model that writes text.",
                file=path.name,
                code="E-MODEL",
            )
        context = llama_cpp.llama_init_from_model(model, self._parameters(model, wanted))
        if context is None:
            llama_cpp.llama_model_free(model)
            return None
        return model, context

    def _parameters(self, model: object, wanted: int) -> object:
        trained = int(llama_cpp.llama_model_n_ctx_train(model))
        if trained < wanted:
            log.info(
                "The model was trained with %d tokens of context: using that instead of %d",
                trained,
                wanted,
                extra={"action": "model.context"},
            )
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = min(wanted, trained)
        parameters.n_batch = parameters.n_ubatch = min(_BATCH, parameters.n_ctx)
        parameters.n_threads = parameters.n_threads_batch = self._threads
        parameters.no_perf = True
        return parameters

    def _device(self, layers: int) -> str:
        if layers == 0:
            return f"CPU, {self._threads} threads"
        return "GPU" if layers < 0 else f"GPU, {layers} layers"


def _require_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Unavailable(
            "The model file %(file)s cannot be opened (%(reason)s): check generation.model_path.",
            file=path.name,
            reason=error.strerror or type(error).__name__,
            code="E-MODEL",
        ) from error
    if magic != b"GGUF":
        raise Unavailable(
            "The model file %(file)s is not a GGUF file: check generation.model_path.",
            file=path.name,
            code="E-MODEL",
        )


def _sampler(temperature: float) -> object:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    if temperature <= 0:
        parts = [llama_cpp.llama_sampler_init_greedy()]
    else:
        parts = [
            llama_cpp.llama_sampler_init_top_k(_TOP_K),
            llama_cpp.llama_sampler_init_top_p(_TOP_P, 1),
            llama_cpp.llama_sampler_init_min_p(_MIN_P, 1),
            llama_cpp.llama_sampler_init_temp(temperature),
            llama_cpp.llama_sampler_init_dist(llama_cpp.LLAMA_DEFAULT_SEED),
        ]
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain
