"""What to give up when a prompt does not fit the context of a model, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from govbot.errors import Invalid
from govbot.generate import ChatMessage, Request, Source


@dataclass(frozen=True, slots=True)
class Prompt:
    messages: tuple[ChatMessage, ...]
    sources: tuple[Source, ...]


def smaller(request: Request, *, step: float = 0.0) -> Iterator[Prompt]:
    """Prompts for the request, each smaller than the one before: first the weakest passages go,
    then the earlier turns. The question is never cut, and the best passage stays.

    `step` is the part of the passages to drop at a time (at least one).
    """
    yield Prompt(request.messages, request.sources)
    for keep_turns in (True, False):
        sources = request.sources
        while True:
            messages = request.build(sources)
            prompt = Prompt(messages if keep_turns else _without_turns(messages), sources)
            if prompt.messages != request.messages:
                yield prompt
            if len(sources) <= 1:
                break
            for _ in range(max(1, min(len(sources) - 1, int(step * len(sources))))):
                sources = weakest_dropped(sources)


def too_long() -> Invalid:
    return Invalid(
        "The question is too long for the model in use: shorten it.", code="E-QUESTION-LENGTH"
    )


def weakest_dropped(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """The sources without the one of the lowest score (the last one of equals), in their order."""
    if not sources:
        return ()
    weakest = min(range(len(sources)), key=lambda index: (sources[index].score, -index))
    return sources[:weakest] + sources[weakest + 1 :]


def _without_turns(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """The rules and the last message, which holds the passages and the question."""
    rules = tuple(message for message in messages[:1] if message.role == "system")
    return rules + messages[-1:]
