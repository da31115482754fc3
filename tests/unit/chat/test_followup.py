"""Which questions lean on the one before, and what is searched for then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.chat.followup import MOST_BEFORE, preferred, standalone
from govbot.chat.prompt import Turn

FIRST = "Quantos dias de férias tem o servidor público municipal efetivo?"
WHOLE = "Qual é o valor da diária de viagem para fora do Estado em 2025?"


def _turns(*questions: str) -> list[Turn]:
    return [Turn(question, "Resposta [1].") for question in questions]


@pytest.mark.parametrize(
    "question",
    [
        "E para os aposentados?",
        "e os comissionados que exercem função de chefia no gabinete do prefeito?",
        "Mas isso vale também durante o estágio probatório do servidor novo?",
        "Esse prazo conta em dias úteis ou corridos quando há feriado municipal?",
        "Nesse caso, quem assina a autorização prévia do deslocamento do servidor?",
        "Qual o prazo?",
        "Quem autoriza?",
        "Qual o valor da multa?",
        "  E o prazo?",
    ],
)
def test_a_question_that_leans_is_led_by_the_one_before(question: str) -> None:
    assert standalone(question, _turns(FIRST)) == f"{FIRST}\n{question}"


@pytest.mark.parametrize(
    "question",
    [
        WHOLE,
        "É permitido acumular cargo de professor com cargo técnico na prefeitura?",
        "é vedado ao servidor receber presentes de fornecedores da administração?",
        "Em quantas etapas as férias podem ser parceladas?",
        "Estatuto dos servidores: quais são as penalidades disciplinares previstas?",
    ],
)
def test_a_question_that_stands_alone_stays_as_it_is(question: str) -> None:
    assert standalone(question, _turns(FIRST)) == question


def test_a_follow_up_of_a_follow_up_reaches_the_question_it_is_about() -> None:
    history = _turns(WHOLE, FIRST, "E para os aposentados?")
    assert standalone("E o prazo?", history) == f"{FIRST}\nE para os aposentados?\nE o prazo?"


def test_the_first_question_of_a_conversation_stays_as_it_is() -> None:
    assert standalone("E o prazo?", []) == "E o prazo?"


@pytest.mark.parametrize(
    ("before", "question", "led"),
    [
        (
            "Qual o prazo de recurso da Lei 9.784/1999 no âmbito federal?",
            "O que diz o art. 5º desta lei sobre a legitimidade dos interessados?",
            "lei 9784/1999",
        ),
        (
            "O que diz o art. 5º da Lei 9.784/1999 sobre o requerimento?",
            "E o que diz o artigo seguinte da mesma lei sobre os interessados?",
            "O que diz o art. 5º da Lei 9.784/1999 sobre o requerimento?",
        ),
        (
            "Qual o art. 5º da Lei 9.784/1999 e do Decreto 88/2022, sobre viagem?",
            "O que prevê o artigo seguinte desse decreto sobre prestação de contas?",
            "art. 6 decreto 88/2022",
        ),
    ],
)
def test_a_norm_gone_back_to_leads_the_question(before: str, question: str, led: str) -> None:
    assert standalone(question, _turns(before)) == f"{led}\n{question}"


def test_the_norm_may_stand_in_the_answer_and_its_documents_are_preferred() -> None:
    history = [Turn("Quem paga diárias de viagem?", "Vale o Decreto nº 88/2022 [1].", (7, 9))]
    question = "O que mais diz o decreto citado sobre prestação de contas de viagem?"
    assert standalone(question, history) == f"decreto 88/2022\n{question}"
    assert preferred(question, history) == (7, 9)
    assert preferred(WHOLE, history) == preferred(question, []) == ()


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_the_question_always_ends_what_is_searched_for(question: str, before: list[str]) -> None:
    found = standalone(question, _turns(*before))
    assert found.endswith(question)
    led = found.removesuffix(question)
    assert led in [
        "".join(f"{q}\n" for q in before[-n:]) if n else "" for n in range(MOST_BEFORE + 1)
    ]
