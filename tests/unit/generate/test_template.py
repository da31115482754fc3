from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.generate import ChatMessage
from govbot.generate.reasoning import ReasoningFilter
from govbot.generate.template import CHATML_STOPS, ChatTemplate, StopTexts

MESSAGES = (ChatMessage("system", "Regras."), ChatMessage("user", "Olá?"))
CHATML = (
    "<|im_start|>system\nRegras.<|im_end|>\n<|im_start|>user\nOlá?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def test_the_template_of_the_model_is_used_with_its_begin_token() -> None:
    source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}"
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    assert template.render(MESSAGES) == "<s>[system] Regras. [user] Olá? "
    assert template.stops == ()


def test_a_template_without_system_role_gets_the_rules_in_the_question() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}"
    )
    assert ChatTemplate(source, bos="", eos="").render(MESSAGES) == "Regras.\n\nOlá?"


@pytest.mark.parametrize("source", ["", "{% broken", "{{ raise_exception('never') }}"])
def test_without_a_working_template_it_is_chatml(source: str) -> None:
    template = ChatTemplate(source, bos="", eos="")
    assert template.render(MESSAGES) == CHATML
    assert template.stops == CHATML_STOPS


def test_a_template_cannot_reach_into_the_process() -> None:
    source = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    assert ChatTemplate(source, bos="", eos="").render(MESSAGES) == CHATML


def test_thinking_is_switched_off_where_the_template_knows_it() -> None:
    source = "{% if enable_thinking is defined and not enable_thinking %}direto{% endif %}"
    assert ChatTemplate(source, bos="", eos="").render(MESSAGES) == "direto"


def _cut(text: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in pairwise(edges)]


CUTS = st.lists(st.integers(0, 200), max_size=8)


@given(st.text("ab<|im_end>", max_size=30), CUTS)
def test_a_stop_text_ends_the_stream_wherever_the_pieces_are_cut(
    text: str, cuts: list[int]
) -> None:
    stop = StopTexts(("<|im_end|>",))
    shown = ""
    for piece in _cut(text + "<|im_end|>depois", cuts):
        if not stop.stopped:
            shown += stop.feed(piece)
    assert stop.stopped
    assert shown == (text + "<|im_end|>").partition("<|im_end|>")[0]


@given(st.text("ab<|im_start", max_size=30), CUTS)
def test_text_without_a_stop_comes_through_whole(text: str, cuts: list[int]) -> None:
    stop = StopTexts(("<|im_end|>",))
    assert "".join(stop.feed(piece) for piece in _cut(text, cuts)) + stop.end() == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think>hum</think>\n\nResposta", "Resposta"),
        ("\n<think>\n</think>Resposta <think>não</think>", "Resposta <think>não</think>"),
        ("Resposta direta", "Resposta direta"),
        ("<thin", "<thin"),
        ("<think>nunca acaba", ""),
        ("", ""),
    ],
)
@given(cuts=CUTS)
def test_only_thoughts_at_the_beginning_are_left_out(
    text: str, shown: str, cuts: list[int]
) -> None:
    thoughts = ReasoningFilter()
    parts = [thoughts.feed(piece) for piece in _cut(text, cuts)]
    assert "".join(parts) + thoughts.end() == shown
