"""Answers from a GGUF file through llama.cpp, in this process.

Speaks to the C interface of llama.cpp itself: its high-level class serves one request at a time,
redirects the standard error of the whole process while it loads, and gives no way to stop inside a
long prompt.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import llama_cpp

from govbot.errors import Unavailable
from govbot.generate import ChatMessage, GenerationSettings, Request, Sampling, Status
from govbot.generate.batch import Wish, plan
from govbot.generate.engine import Engine
from govbot.generate.fit import Prompt, smaller, too_long
from govbot.generate.llama_context import Part
from govbot.generate.llama_draft import Ahead, Draft
from govbot.generate.llama_loading import load
from govbot.generate.llama_sampling import Sampler
from govbot.generate.llama_vocabulary import Vocabulary
from govbot.generate.pace import Pace
from govbot.generate.prefixes import shared
from govbot.generate.running import Running
from govbot.generate.slots import Slot, Slots
from govbot.generate.specials import Specials
from govbot.generate.step import Step
from govbot.generate.template import ChatTemplate
from govbot.generate.ticket import Ticket

_Piece = tuple[Running, int, list[int]]  # of an answer: how many tokens it decodes, and guesses
_ANSWER_SHARE = 4  # a quarter of the context is kept for the answer, if it may be that long


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
        self._loaded = load(settings)
        self._model, self._context = self._loaded.model, self._loaded.context
        self.context_tokens = self._context.cells
        self.vocabulary = Vocabulary(self._model)
        self._template = ChatTemplate(
            (llama_cpp.llama_model_chat_template(self._model, None) or b"").decode(),
            bos=self.vocabulary.bos,
            eos=self.vocabulary.eos,
        )
        self._specials = Specials(self.vocabulary.controls())
        self._slots = Slots(self._context, host_bytes=settings.prefix_memory_mb << 20)
        self._looks_up = settings.speculation == "lookup" and self._context.forgets
        self._draft = self._load_draft(settings)
        self._answers: list[Running] = []
        self._samplers: dict[Running, Sampler] = {}

    @property
    def device(self) -> str:
        return self._loaded.device

    @property
    def copied(self) -> bool:
        return self._loaded.copy is not None and self._loaded.copy.attached

    @property
    def slots(self) -> int:
        return self._context.slots

    @property
    def prefix_tokens(self) -> int:
        return self._slots.remembered

    @property
    def cells(self) -> tuple[int, int]:
        return self._slots.held, self._context.total_cells

    @property
    def copies(self) -> bool:
        """Whether a copy that is to read prompts is being made."""
        return self._loaded.copy is not None and self._loaded.copy.making

    def look(self) -> None:
        """Reads prompts with the copy from now on, if it was finished meanwhile."""
        if self._loaded.copy is not None:
            self._loaded.copy.look()

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
        self.look()
        limit = pace.prompt_limit(self._context.batch, writing=any(map(_writes, self._answers)))
        self._place(limit)
        answers = [answer for answer in self._answers if answer.slot is not None]
        guesses = self._guesses(answers, pace)
        wishes = [
            Wish(_readable(answer), _writes(answer), len(guessed))
            for answer, guessed in zip(answers, guesses, strict=True)
        ]
        shares = plan(
            wishes, limit=self._context.batch, prompt_limit=limit, tile=self._context.tile
        )
        decoding = [
            (answer, share.pending, guessed[: share.drafts])
            for answer, share, guessed in zip(answers, shares, guesses, strict=True)
            if share.pending
        ]
        step, written, writing_s = Step(), 0, 0.0
        for group in self._passes(decoding):
            began = time.perf_counter()
            writes = [_writes(answer) for answer, _count, _guessed in group]
            parts = [_part(*each) for each in group]
            firsts = self._context.decode(parts, prompts=not any(writes))
            self._slots.decoded()
            if all(writes):
                writing_s += time.perf_counter() - began
            for (answer, count, guessed), first in zip(group, firsts, strict=True):
                self._advance(answer, count)
                if not answer.pending:
                    written += self._draw_all(answer, first, guessed, step)
        pace.stepped(
            prompt=sum(share.pending for share in shares) - sum(w.writing for w in wishes),
            written=written,
            drafts=sum(share.drafts for share in shares),
            seconds=time.perf_counter() - started,
            writing_s=writing_s,
        )
        return step

    def _passes(self, decoding: Sequence[_Piece]) -> Sequence[Sequence[_Piece]]:
        """What goes through the model together. Where tiles count, only pieces of one length do:
        llama.cpp would cut the longer ones where the shorter end. It costs no pass more, since it
        cuts them so."""
        if self._context.tile == 1:
            return [decoding]
        by_length: dict[int, list[_Piece]] = {}
        for piece in decoding:
            by_length.setdefault(1 if _writes(piece[0]) else piece[1], []).append(piece)
        return list(by_length.values())

    def reset(self) -> None:
        for answer in list(self._answers):
            self.withdraw(answer)
        self._slots.forget_all()

    def close(self) -> None:
        if self._model is not None:
            for sampler in self._samplers.values():
                sampler.close()
            self._samplers.clear()
            if self._draft is not None:
                self._draft.close()
            self._loaded.close()
            self._model = None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Tokens of a rendered prompt; the begin token is added unless the template wrote it."""
        begins = bool(self._template.bos) and text.startswith(self._template.bos)
        return self.vocabulary.tokenize(text, begin=not begins, special=special)

    def _load_draft(self, settings: GenerationSettings) -> Draft | None:
        if not settings.draft or not self._context.forgets:
            return None
        try:
            return Draft(Path(settings.draft), self._model, self._context)
        except Unavailable:
            self._loaded.close()
            raise

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

    def _guesses(self, answers: Sequence[Running], pace: Pace) -> list[list[int]]:
        """What may follow, for each answer that is being written: what stands in its prompt, else
        what the draft model says."""
        guesses: list[list[int]] = [[] for _ in answers]
        if not self._looks_up and self._draft is None:
            return guesses
        cost = pace.guess_cost(max(1, sum(map(_writes, answers))))
        ahead: dict[int, Ahead] = {}
        for at, answer in enumerate(answers):
            if not _writes(answer) or not answer.written:
                continue
            count = len(answer.tokens)
            length = answer.lookup.length(count, limit=answer.left - 1, cost=cost)
            if length and self._looks_up:
                guesses[at] = answer.lookup.find(answer.tokens, length)
            if length and not guesses[at]:
                ahead[at] = Ahead(_slot(answer).index, answer.tokens, length)
        if self._draft is not None and ahead:
            found = self._draft.guess(list(ahead.values()))
            for at, guessed in zip(ahead, found, strict=True):
                guesses[at] = guessed
        return guesses

    def _advance(self, answer: Running, count: int) -> None:
        """Notes what was decoded."""
        slot = _slot(answer)
        slot.tokens.extend(answer.tokens[len(slot.tokens) : len(slot.tokens) + count])
        if slot.stop_at == len(slot.tokens):
            self._slots.keep(slot)

    def _draw_all(self, answer: Running, index: int, guessed: list[int], step: Step) -> int:
        """Draws the next token, and those after it as long as the guesses were right; how many."""
        slot, count, right = _slot(answer), 0, 0
        for following in [*guessed, None]:
            self._draw(answer, index + count, step)
            count += 1
            if answer.finish is not None or following is None or answer.tokens[-1] != following:
                break
            slot.tokens.append(following)
            right += 1
        if guessed:
            answer.lookup.checked(len(answer.tokens), len(guessed), right)
            if right < len(guessed):
                self._context.forget(slot.index, len(slot.tokens))
        return count

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


def _part(answer: Running, count: int, guessed: Sequence[int]) -> Part:
    slot = _slot(answer)
    start = len(slot.tokens)
    tokens = [*answer.tokens[start : start + count], *guessed]
    return Part(slot.index, start, tokens, 1 + len(guessed) if count == answer.pending else 0)
