"""From chat messages to the prompt of a model, by the model's own chat template."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from govbot.generate import ChatMessage

log = logging.getLogger(__name__)

CHATML_STOPS = ("<|im_end|>", "<|im_start|>")


class ChatTemplate:
    """Renders messages; `stops` are texts that end an answer, besides the model's end tokens."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """`source` is the Jinja text of the model's metadata; empty, or one that does not parse,
        gives ChatML, the most common format."""
        self.bos = bos
        self._template = _parsed(source, bos, eos) if source else None
        self.stops: tuple[str, ...] = () if self._template else CHATML_STOPS

    def render(self, messages: Sequence[ChatMessage]) -> str:
        if self._template is not None:
            for attempt in (messages, _rules_in_question(messages)):
                try:
                    return _rendered(self._template, attempt)
                except Exception:  # a template raises what it likes, often over the system role
                    log.debug("The chat template refused the messages", exc_info=True)
            log.warning(
                "The model's chat template does not work: using ChatML",
                extra={"action": "template.failed"},
            )
            self._template, self.stops = None, CHATML_STOPS
        return _chatml(messages)


class StopTexts:
    """Cuts a stream at the first of some texts, which may be spread over several pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """What may be shown now; sets `stopped` at a stop text, which is not shown."""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        cut = len(self._held) - max((self._overlap(stop) for stop in self._stops), default=0)
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def end(self) -> str:
        held, self._held = self._held, ""
        return held

    def _overlap(self, stop: str) -> int:
        """How much of the beginning of the stop text ends what is held."""
        lengths = range(min(len(stop) - 1, len(self._held)), 0, -1)
        return next((length for length in lengths if self._held.endswith(stop[:length])), 0)


def _parsed(source: str, bos: str, eos: str) -> Any:
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    try:
        return Jinja2ChatFormatter(template=source, bos_token=bos, eos_token=eos)
    except Exception:
        log.warning(
            "The model's chat template cannot be read: using ChatML",
            exc_info=True,
            extra={"action": "template.failed"},
        )
        return None


def _rendered(template: Any, messages: Sequence[ChatMessage]) -> str:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    # Models that can think aloud first are asked not to; other templates ignore the name.
    return str(template(messages=rows, enable_thinking=False).prompt)


def _rules_in_question(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """For templates without a system role: its text opens the first message of the user."""
    rules = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    if rules and rest:
        rest[0] = ChatMessage(rest[0].role, f"{rules}\n\n{rest[0].content}")
    return rest


def _chatml(messages: Sequence[ChatMessage]) -> str:
    turns = (f"<|im_start|>{each.role}\n{each.content}<|im_end|>\n" for each in messages)
    return "".join(turns) + "<|im_start|>assistant\n"
