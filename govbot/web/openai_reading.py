"""What a chat request asks for, read from its messages and options.

What changes the answer in a way that GovBot cannot follow is refused in a sentence; what changes
nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

from govbot.chat.answer import MAX_QUESTION, check_question
from govbot.chat.prompt import Turn
from govbot.chat.reply import Wishes
from govbot.errors import Invalid
from govbot.generate import Sampling
from govbot.web.i18n import _
from govbot.web.openai_types import ChatRequest, Part, Said

MAX_ANSWER = 20_000  # characters of an earlier answer that are looked at
MAX_STOPS = 4
MAX_STOP = 200  # characters of a stop string
MAX_TURNS = 20  # exchanges before the question that are looked at
_SAID = ("user", "assistant")


def conversation(messages: Sequence[Said]) -> tuple[str, tuple[Turn, ...]]:
    """The question, which is the last message of the user, and the exchanges before it.

    Messages of the system are left out. Raises Invalid E-QUESTION when there is no question, and
    E-PARAMETER for what is not text.
    """
    said = [(each.role, _text(each.content)) for each in messages if each.role in _SAID]
    if any(each.role in ("tool", "function") for each in messages):
        raise refused(_("GovBot calls no tools."), "messages")
    asked = [place for place, (role, _said) in enumerate(said) if role == "user"]
    if not asked or asked[-1] != len(said) - 1:
        raise Invalid(
            _("The last message must be the user's question."), code="E-QUESTION", param="messages"
        )
    question = check_question(said[-1][1])
    return question, _turns(said[:-1])[-MAX_TURNS:]


def wishes(data: ChatRequest, temperature: float) -> Wishes:
    """How the answer is to be written; `temperature` is the one of the settings.

    Raises Invalid E-PARAMETER for what cannot be followed.
    """
    _require_followed(data)
    sampling = None
    if data.temperature is not None or data.top_p is not None or data.seed is not None:
        usual = Sampling()
        sampling = Sampling(
            temperature=temperature if data.temperature is None else data.temperature,
            top_p=usual.top_p if data.top_p is None else data.top_p,
            seed=data.seed,
        )
    most = [each for each in (data.max_tokens, data.max_completion_tokens) if each is not None]
    return Wishes(sampling, min(most) if most else None, _stops(data.stop))


def refused(message: str, param: str) -> Invalid:
    """What an option gets that cannot be followed."""
    return Invalid(message, code="E-PARAMETER", param=param)


def _require_followed(data: ChatRequest) -> None:
    form = data.response_format
    answers_text = _("Answers are text with marks of their sources, so they cannot be JSON.")
    reasons: tuple[tuple[bool, str, str], ...] = (
        (form is not None and form.type != "text", "response_format", answers_text),
        (data.n not in (None, 1), "n", _("There is one answer to a question: n can only be 1.")),
        (bool(data.tools), "tools", _("GovBot calls no tools.")),
        (bool(data.functions), "functions", _("GovBot calls no tools.")),
        (bool(data.logprobs), "logprobs", _("Log-probabilities are not told.")),
        (bool(data.logit_bias), "logit_bias", _("Single tokens cannot be favoured.")),
        (bool(data.presence_penalty), "presence_penalty", _("Penalties cannot be chosen.")),
        (bool(data.frequency_penalty), "frequency_penalty", _("Penalties cannot be chosen.")),
        (set(data.modalities or ("text",)) != {"text"}, "modalities", _("Answers are text.")),
    )
    for holds, param, message in reasons:
        if holds:
            raise refused(message, param)


def _stops(given: str | list[str] | None) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given or []
    if len(texts) > MAX_STOPS or not all(0 < len(text) <= MAX_STOP for text in texts):
        raise refused(_("At most 4 stop texts, of 1 to 200 characters each."), "stop")
    return tuple(text.replace("\x00", "") for text in texts if text != "\x00")


def _text(content: str | list[Part] | None) -> str:
    if content is None or isinstance(content, str):
        return (content or "").replace("\x00", "")
    if any(part.type not in ("text", "input_text", "output_text") for part in content):
        raise refused(_("Only text can be read: no images, sounds or files."), "messages")
    return "\n".join(part.text or "" for part in content).replace("\x00", "")


def _turns(said: Sequence[tuple[str, str]]) -> tuple[Turn, ...]:
    """Questions with the answers behind them. Texts of one side in a row are taken together."""
    turns: list[tuple[list[str], list[str]]] = []
    for role, text in said:
        if role == "user":
            if not turns or turns[-1][1]:
                turns.append(([], []))
            turns[-1][0].append(text)
        elif turns:
            turns[-1][1].append(text)
    return tuple(
        Turn("\n".join(asked)[:MAX_QUESTION], "\n".join(answers)[:MAX_ANSWER])
        for asked, answers in turns
    )
