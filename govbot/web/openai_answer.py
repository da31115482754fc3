"""An answer as OpenAI's clients read it, whole or in pieces; its marks lead to the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import time

from govbot.chat.prompt import not_found_sentence
from govbot.chat.reply import Answer
from govbot.generate import Usage
from govbot.generate.stems import fold
from govbot.ids import new_id
from govbot.web.api_questions import citation_item, support_items
from govbot.web.api_types import CitationItem
from govbot.web.openai_types import (
    Annotation,
    ChatUsage,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    Delta,
    Finish,
    Message,
    Notes,
    PromptDetails,
    UrlCitation,
)

_MARK = re.compile(r"(?<!\\)\[(\d{1,3})\]")
_SPECIAL = re.compile(r"([\\\[\]*_`<>|])")


@dataclass
class Writing:
    """One answer on its way: what is the same in all that is told of it."""

    model: str
    base_url: str
    sources_in_text: bool = False
    usage: Usage | None = None
    id: str = field(default_factory=lambda: f"chatcmpl-{new_id().hex}")
    created: int = field(default_factory=lambda: int(time()))

    def hear(self, usage: Usage) -> None:
        """Takes down what the model took."""
        self.usage = usage

    def whole(self, answer: Answer) -> Completion:
        """The answer in one piece."""
        cited = [citation_item(each) for each in answer.citations]
        message = Message(self.text_of(answer), self.annotations(answer.text, cited))
        choice = Choice(message, self._finish())
        return Completion(
            self.id, self.created, self.model, [choice], self.usage_told(), cited, notes_of(answer)
        )

    def opening(self) -> Chunk:
        """The first chunk, which says who speaks."""
        return self._chunk(Delta(role="assistant", content=""))

    def piece(self, text: str) -> Chunk:
        """A chunk of text."""
        return self._chunk(Delta(content=text))

    def closing(self, answer: Answer) -> Chunk:
        """The last chunk with a choice: why it ended, and where the marks lead."""
        cited = [citation_item(each) for each in answer.citations]
        delta = Delta(annotations=self.annotations(answer.text, cited))
        choice = ChunkChoice(delta, self._finish())
        return Chunk(
            self.id, self.created, self.model, [choice], "chat.completion.chunk",
            citations=cited, govbot=notes_of(answer),
        )  # fmt: skip

    def usage_chunk(self) -> Chunk:
        """What it took, in a chunk of its own."""
        return Chunk(
            self.id, self.created, self.model, [], "chat.completion.chunk", usage=self.usage_told()
        )

    def usage_told(self) -> ChatUsage:
        """What the model took; nothing where none wrote."""
        if self.usage is None:
            return ChatUsage()
        taken, written = self.usage.prompt_tokens, self.usage.completion_tokens
        cached = PromptDetails(self.usage.shared_tokens)
        return ChatUsage(taken, written, taken + written, cached)

    def text_of(self, answer: Answer) -> str:
        """The text, with its sources below where that is asked for."""
        if not (self.sources_in_text and answer.citations):
            return answer.text
        lines = []
        for each in map(citation_item, answer.citations):
            title = _SPECIAL.sub(r"\\\1", _title(each))
            lines.append(f"{each.number}. [{title}]({self.base_url}{each.link})")
        return answer.text + "\n\n" + "\n".join(lines)

    def annotations(self, text: str, cited: list[CitationItem]) -> list[Annotation]:
        """Where each mark leads; a source without a mark stands at the end of the text."""
        by_number = {each.number: each for each in reversed(cited)}
        found: list[Annotation] = []
        for mark in _MARK.finditer(text):
            if (source := by_number.get(int(mark[1]))) is not None:
                found.append(self._annotation(source, mark.start(), mark.end()))
        marked = {int(mark[1]) for mark in _MARK.finditer(text)}
        rest = (each for number, each in sorted(by_number.items()) if number not in marked)
        return found + [self._annotation(each, len(text), len(text)) for each in rest]

    def _annotation(self, source: CitationItem, start: int, end: int) -> Annotation:
        url = self.base_url + source.link
        return Annotation(UrlCitation(start, end, _title(source), url))

    def _chunk(self, delta: Delta) -> Chunk:
        return Chunk(
            self.id, self.created, self.model, [ChunkChoice(delta)], "chat.completion.chunk"
        )

    def _finish(self) -> Finish:
        cut = self.usage is not None and self.usage.finish == "length"
        return "length" if cut else "stop"


class Shown:
    """What of a growing text was sent. Sent words cannot be taken back, so that is held back which
    may still change: space at the end, and what may become the sentence of a refusal. With
    `whole`, everything is held until the text is finished."""

    def __init__(self, *, whole: bool = False) -> None:
        self.sent = ""
        self._whole = whole

    def grow(self, text: str) -> str:
        """What of the text so far is to be sent now."""
        text = text.strip()
        if self._whole or _may_refuse(text) or not text.startswith(self.sent):
            return ""
        return self._send(text)

    def end(self, text: str) -> str:
        """What is to be sent of the finished text, the whole of it where it became another."""
        if text.startswith(self.sent):
            return self._send(text)
        self.sent = text
        return "\n\n" + text

    def _send(self, text: str) -> str:
        new, self.sent = text[len(self.sent) :], text
        return new


def notes_of(answer: Answer) -> Notes:
    """What GovBot knows of an answer beside its text and sources."""
    return Notes(
        answer.refused,
        answer.excerpts,
        answer.engine,
        [citation_item(each) for each in answer.nearest],
        support_items(answer.text, answer.support),
    )


def _title(source: CitationItem) -> str:
    return f"{source.document}, p. {source.page}"


def _may_refuse(text: str) -> bool:
    """Whether the text is, or may become, that the documents do not hold the answer."""
    folded = fold(" ".join(text.split())).strip("\"'*“” ")
    return any(
        folded.startswith(sentence) or sentence.startswith(folded) for sentence in _refusals()
    )


def _refusals() -> Iterator[str]:
    for language in ("pt-BR", "en"):
        yield fold(not_found_sentence(language))[:-1]
