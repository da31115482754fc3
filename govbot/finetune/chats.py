"""Lines of the export as tokens: the prompt, and the answer that is learned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govbot.chat.prompt import prompt_for
from govbot.errors import Invalid
from govbot.generate import Source


@dataclass(frozen=True, slots=True)
class Chat:
    """A line: messages with the answer last; without `sources` they cannot be made smaller."""

    messages: tuple[dict[str, str], ...]
    question: str
    language: str
    sources: tuple[Source, ...]
    cited: frozenset[int]

    @property
    def answer(self) -> dict[str, str]:
        return self.messages[-1]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token numbers of a chat; the loss counts over `answer` alone, its end mark included."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


def read_chats(file: Path) -> list[Chat]:
    """The lines of a file; raises Invalid naming the one that is wrong."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("%(file)s cannot be read.", file=file) from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(_chat(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid("%(place)s is no chat of an export.", place=f"{file}:{number}") from error
    return found


def encoded(
    chats: Sequence[Chat], tokenizer: Any, max_tokens: int, left_out: Counter[str]
) -> list[Encoded]:
    """The chats as tokens. One that is too long loses passages that the answer does not cite, the
    last first; where that is not enough it is left out."""
    found = []
    for chat in chats:
        fitting = (
            each
            for each in (_encode(c, tokenizer) for c in _smaller(chat))
            if len(each.prompt) + len(each.answer) <= max_tokens
        )
        first = next(fitting, None)
        if first is None:
            left_out["too long"] += 1
        else:
            found.append(first)
    return found


def _chat(row: dict[str, Any]) -> Chat:
    messages = tuple(
        {"role": str(each["role"]), "content": str(each["content"])} for each in row["messages"]
    )
    if len(messages) < 2 or messages[-1]["role"] != "assistant" or not messages[-1]["content"]:
        raise ValueError("the last message is the answer")
    passages = row.get("passages") or []
    return Chat(
        messages,
        str(row.get("question", "")),
        str(row.get("language", "pt-BR")),
        tuple(
            Source(
                number=int(each["number"]),
                text=str(each["text"]),
                title=str(each["title"]),
                heading=str(each["heading"]),
                page=int(each["page"]),
                score=0.0,
            )
            for each in passages
        ),
        frozenset(int(each["number"]) for each in passages if each["cited"]),
    )


def _smaller(chat: Chat) -> Iterator[tuple[dict[str, str], ...]]:
    """The messages as they are, then with fewer passages; numbers stay, as in the chat."""
    yield chat.messages
    sources = list(chat.sources)
    for source in reversed(chat.sources):
        if source.number in chat.cited or (len(sources) == 1 and not chat.cited):
            continue
        sources.remove(source)
        made = prompt_for(chat.question, sources, language=chat.language)
        yield (*({"role": each.role, "content": each.content} for each in made), chat.answer)


def _encode(messages: Sequence[dict[str, str]], tokenizer: Any) -> Encoded:
    asked = _rendered(tokenizer, messages[:-1], True)
    whole = _rendered(tokenizer, messages, False)
    if not whole.startswith(asked):
        raise Invalid(
            "The chat template of the base model does not begin an answer as it asks for one.",
            code="E-FINETUNE-BASE",
        )
    # Apart, as when it is asked: what stands before is given, what comes after is written.
    prompt = tokenizer(asked, add_special_tokens=False)["input_ids"]
    answer = tokenizer(whole[len(asked) :], add_special_tokens=False)["input_ids"]
    return Encoded(tuple(prompt), tuple(answer))


def _rendered(tokenizer: Any, messages: Sequence[dict[str, str]], asking: bool) -> str:
    return str(
        tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=asking)
    )
