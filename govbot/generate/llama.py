"""Answers from a GGUF file through llama.cpp, in this process.

Speaks to the C interface of llama.cpp itself: its high-level class serves one request at a time,
redirects the standard error of the whole process while it loads, and gives no way to stop inside a
long prompt.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import llama_cpp

from govbot.devices import DeviceKind, devices
from govbot.errors import Unavailable
from govbot.generate import ChatMessage, GenerationSettings, Request, Sampling, Status, adapters
from govbot.generate.batch import Share, Wish, plan
from govbot.generate.engine import Engine, Step
from govbot.generate.fit import Prompt, smaller, too_long
from govbot.generate.llama_context import LlamaContext, Part, Shape
from govbot.generate.llama_sampling import Sampler
from govbot.generate.llama_vocabulary import Vocabulary
from govbot.generate.pace import Pace
from govbot.generate.placement import Placement
from govbot.generate.placing import attempts, fill_model
from govbot.generate.prefixes import shared
from govbot.generate.running import Running
from govbot.generate.slots import Slot, Slots
from govbot.generate.specials import Specials
from govbot.generate.template import ChatTemplate
from govbot.generate.ticket import Ticket
from govbot.llama_log import silence

log = logging.getLogger(__name__)

_BATCH = 512  # tokens of one step
_ANSWER_SHARE = 4  # a quarter of the context is kept for the answer, if it may be that long
_KV_SHARE = 0.6  # of the free memory, that keys and values may take on the CPU


class LlamaGenerator:
    """A model file behind the engine thread. Nothing is loaded before the first request."""

    excerpts = False

    def __init__(self, settings: GenerationSettings) -> None:
        self.name = f"llama:{Path(settings.model_path).name}"
        self._engine = Engine(
            lambda: LlamaModel(settings),
            max_waiting=settings.max_waiting,
            max_waiting_per_owner=settings.max_waiting_per_owner,
            timeout_s=settings.answer_timeout_s,
        )

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
    """A loaded model with its context, writing several answers at a time. Belongs to one thread."""

    def __init__(self, settings: GenerationSettings) -> None:
        """Raises `Unavailable` with a sentence when the file is missing, is no GGUF, or does not
        load; tries without the GPU before giving up."""
        path = Path(settings.model_path)
        _require_gguf(path)
        silence()
        llama_cpp.llama_backend_init()
        self._threads = settings.threads or len(os.sched_getaffinity(0))
        self._model, self._context, self.device = self._load(path, settings)
        self._lay_adapters(settings)
        self._context.forgets = not _is_recurrent(self._model)
        self.context_tokens = self._context.cells
        self.vocabulary = Vocabulary(self._model)
        self._template = ChatTemplate(
            (llama_cpp.llama_model_chat_template(self._model, None) or b"").decode(),
            bos=self.vocabulary.bos,
            eos=self.vocabulary.eos,
        )
        self._specials = Specials(self.vocabulary.controls())
        self._slots = Slots(self._context, host_bytes=settings.prefix_memory_mb << 20)
        self._answers: list[Running] = []
        self._samplers: dict[Running, Sampler] = {}

    @property
    def slots(self) -> int:
        return self._context.slots

    @property
    def prefix_tokens(self) -> int:
        return self._slots.remembered

    def prepare(self, ticket: Ticket) -> Running:
        """Raises `Invalid` when the question alone does not fit, or its grammar is none."""
        request = ticket.request
        prompt, messages, tokens = self._fitting(request)
        sampling = request.sampling or Sampling(temperature=request.temperature)
        sampler = Sampler(sampling, self.vocabulary, request.grammar)
        ticket.use(prompt.sources)
        room = min(request.max_tokens, self.context_tokens - len(tokens))
        stops = (*self._template.stops, *request.stop)
        opened = self._opened(request, messages, tokens)
        answer = Running(ticket, tokens, room=room, stops=stops, opened=opened)
        self._samplers[answer] = sampler
        return answer

    def admit(self, answer: Running) -> bool:
        waiting = sum(each.cells for each in self._answers if each.slot is None)
        if len(self._answers) >= self.slots or not self._slots.fits(answer.cells + waiting):
            return False
        self._answers.append(answer)
        return True

    def withdraw(self, answer: Running) -> None:
        if answer in self._answers:
            self._answers.remove(answer)
        if answer.slot is not None:
            self._slots.release(answer.slot)
            answer.slot = None

    def discard(self, answer: Running) -> None:
        sampler = self._samplers.pop(answer, None)
        if sampler is not None:
            sampler.close()

    def step(self, pace: Pace) -> Step:
        """Decodes what the plan says and draws a token for every answer that was read to its end.
        Any exception ends all answers that are in."""
        started = time.perf_counter()
        limit = pace.prompt_limit(self._context.batch, writing=any(map(_writes, self._answers)))
        self._place(limit)
        answers = [answer for answer in self._answers if answer.slot is not None]
        wishes = [Wish(_readable(answer), _writes(answer)) for answer in answers]
        shares = plan(wishes, limit=self._context.batch, prompt_limit=limit)
        decoding = [(a, s) for a, s in zip(answers, shares, strict=True) if s.pending]
        firsts = self._context.decode([_part(answer, share) for answer, share in decoding])
        self._slots.decoded()
        step = Step()
        for (answer, share), first in zip(decoding, firsts, strict=True):
            self._advance(answer, share)
            if not answer.pending:
                self._draw(answer, first, step)
        prompt = sum(share.pending for share in shares) - sum(w.writing for w in wishes)
        pace.stepped(prompt=prompt, written=len(step.texts), seconds=time.perf_counter() - started)
        return step

    def reset(self) -> None:
        for answer in list(self._answers):
            self.withdraw(answer)
        self._slots.forget_all()

    def close(self) -> None:
        if self._model is not None:
            for sampler in self._samplers.values():
                sampler.close()
            self._samplers.clear()
            self._context.close()
            llama_cpp.llama_model_free(self._model)
            self._model = None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Tokens of a rendered prompt; the begin token is added unless the template wrote it."""
        begins = bool(self._template.bos) and text.startswith(self._template.bos)
        return self.vocabulary.tokenize(text, begin=not begins, special=special)

    def _fitting(self, request: Request) -> tuple[Prompt, Sequence[ChatMessage], list[int]]:
        """The largest prompt that leaves room for the answer, as messages and as tokens."""
        room = min(request.max_tokens, self.context_tokens // _ANSWER_SHARE)
        for prompt in smaller(request):
            messages = self._specials.defused(prompt.messages)
            tokens = self.tokenize(self._template.render(messages))
            if len(tokens) + room <= self.context_tokens:
                return prompt, messages, tokens
        raise too_long()

    def _opened(self, request: Request, messages: Sequence[ChatMessage], tokens: list[int]) -> int:
        """How many tokens stand before the first thing that a person typed: the rules, and the
        passages where no earlier turns come before them. Fewer when in doubt."""
        if not messages or messages[0].role != "system":
            return 0
        content = messages[0].content
        at = 0
        if len(messages) == 2:
            question = self._specials.broken(request.question).strip()
            at = messages[1].content.rfind(question) if question else -1
            content = messages[1].content if at > 0 else content
        rendered = self._template.render(messages)
        begin = rendered.find(content)
        if begin < 0:
            return 0
        open_text = rendered[: begin + (at if at > 0 else len(content))]
        # The last token may have been joined with what comes after it.
        return max(0, shared(self.tokenize(open_text), tokens) - 1)

    def _place(self, limit: int) -> None:
        """Gives slots to as many of those that wait as the next step can read of. The later, the
        better: what others have read until then may be shared."""
        reading = sum(a.pending for a in self._answers if a.slot is not None and not _writes(a))
        for answer in self._answers:
            if reading >= limit:
                return
            if answer.slot is None:
                slot = self._slots.place(
                    answer.tokens,
                    answer.cells,
                    owner=answer.ticket.request.owner,
                    opened=answer.opened,
                )
                if slot is not None:
                    answer.placed(slot)
                    reading += answer.pending

    def _advance(self, answer: Running, share: Share) -> None:
        """Notes what was decoded."""
        slot = _slot(answer)
        slot.tokens.extend(answer.tokens[len(slot.tokens) : len(slot.tokens) + share.pending])
        if slot.stop_at == len(slot.tokens):
            self._slots.keep(slot)

    def _draw(self, answer: Running, index: int, step: Step) -> None:
        token = self._samplers[answer].draw(self._context, index)
        if token is None or self.vocabulary.ends(token):
            text = answer.end("stop")
        else:
            text = answer.add(token, self.vocabulary.piece(token))
        if text:
            step.texts.append((answer.ticket, text))
        if answer.finish is not None:
            step.over.append((answer, None))

    def _load(self, path: Path, settings: GenerationSettings) -> tuple[object, LlamaContext, str]:
        for placement in attempts(path, settings):
            loaded = self._try_load(path, placement, settings)
            if loaded is not None:
                return *loaded, self._device(placement)
        raise Unavailable(
            "The model file %(file)s could not be loaded: it is damaged, of a kind this version "
            "of llama.cpp does not know, or larger than the memory.",
            file=path.name,
            code="E-MODEL",
        )

    def _lay_adapters(self, settings: GenerationSettings) -> None:
        try:
            adapters.lay(self._model, self._context.pointer, settings.lora, settings.lora_scale)
        except Unavailable:
            self._context.close()
            llama_cpp.llama_model_free(self._model)
            raise

    def _try_load(
        self, path: Path, placement: Placement, settings: GenerationSettings
    ) -> tuple[object, LlamaContext] | None:
        parameters = llama_cpp.llama_model_default_params()
        shares = fill_model(parameters, placement)
        model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        del shares  # llama.cpp has read them
        if model is None:
            return None
        if not llama_cpp.llama_model_has_decoder(model) or llama_cpp.llama_model_has_encoder(model):
            llama_cpp.llama_model_free(model)
            raise Unavailable(
                "The model file %(file)s is not a model that writes text.",
                file=path.name,
                code="E-MODEL",
            )
        context = self._try_context(model, settings, placement)
        if context is None:
            llama_cpp.llama_model_free(model)
            return None
        return model, context

    def _try_context(
        self, model: object, settings: GenerationSettings, placement: Placement
    ) -> LlamaContext | None:
        """A context with as many slots as there is memory for, up to what is wanted."""
        cells = _cells(model, settings.context_tokens)
        slots, on_gpu = placement.slots, placement.layers > 0
        if not on_gpu:
            slots = min(slots, _slots_for_memory(model, cells))
        while slots >= 1:
            shared = settings.shared_context_tokens
            shape = Shape(
                slots=slots,
                cells=cells,
                shared_cells=max(shared, cells) if 0 < shared < cells * slots else 0,
                batch=max(min(_BATCH, cells * slots), slots),
                outputs=slots,
                threads=self._threads,
                kv_type=placement.kv_type,
                flash_attention=_flash(settings, on_gpu=on_gpu),
            )
            try:
                context = LlamaContext(model, shape, on_gpu=on_gpu)
            except MemoryError:
                slots //= 2
                continue
            if slots < settings.slots:
                log.warning(
                    "There is memory for %d answers at a time, not for %d",
                    slots,
                    settings.slots,
                    extra={"action": "model.slots"},
                )
            return context
        return None

    def _device(self, placement: Placement) -> str:
        if placement.layers == 0:
            return f"CPU, {self._threads} threads"
        names = " + ".join(share.device.name for share in placement.shares[1:] if share.layers)
        return f"{names}, {placement.layers} of {placement.of} layers"


def _writes(answer: Running) -> bool:
    return answer.slot is not None and answer.pending == 1


def _slot(answer: Running) -> Slot:
    if answer.slot is None:
        raise RuntimeError("the answer has no slot")
    return answer.slot


def _readable(answer: Running) -> int:
    """How much of it one step may read: up to where a copy is to be kept."""
    slot = answer.slot
    if slot is not None and slot.stop_at > len(slot.tokens):
        return min(answer.pending, slot.stop_at - len(slot.tokens))
    return answer.pending


def _part(answer: Running, share: Share) -> Part:
    slot = _slot(answer)
    start = len(slot.tokens)
    tokens = answer.tokens[start : start + share.pending]
    return Part(slot.index, start, tokens, 1 if share.pending == answer.pending else 0)


def _cells(model: object, wanted: int) -> int:
    trained = int(llama_cpp.llama_model_n_ctx_train(model))
    if trained < wanted:
        log.info(
            "The model was trained with %d tokens of context: using that instead of %d",
            trained,
            wanted,
            extra={"action": "model.context"},
        )
    return min(wanted, trained)


def _slots_for_memory(model: object, cells: int) -> int:
    """For how many slots the keys and values, of 16 bits, fit the free memory of this machine."""
    width = int(llama_cpp.llama_model_n_embd(model)) // max(
        int(llama_cpp.llama_model_n_head(model)), 1
    )
    heads = int(llama_cpp.llama_model_n_head_kv(model)) * int(llama_cpp.llama_model_n_layer(model))
    free = next((each.free for each in devices() if each.kind is DeviceKind.CPU), 0)
    return max(1, int(free * _KV_SHARE) // max(4 * width * heads * cells, 1))


def _flash(settings: GenerationSettings, *, on_gpu: bool) -> str:
    """On the CPU plain attention is as fast for prompts and faster for answers (tests/bench), and
    a token comes out the same beside others as alone; keys of fewer bits need the other."""
    if settings.flash_attention == "auto" and not on_gpu:
        return "off" if settings.kv_type == "f16" else "on"
    return settings.flash_attention


def _is_recurrent(model: object) -> bool:
    return bool(llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model))


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
