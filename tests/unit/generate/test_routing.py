"""Which model a question goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from govbot.generate import ChatMessage, Priority, Request, Routed
from govbot.generate.routing import Candidate, difficulty, plan
from tests.unit.generate.conftest import MakeRequest, source

FAST = Candidate("rapido", "fast", 4096)
GOOD = Candidate("grande", "quality", 8192)


@pytest.mark.parametrize(
    ("question", "signs"),
    [
        ("Qual o prazo da licença-paternidade?", ()),
        ("Quem assina o contrato de limpeza?", ()),
        ("Quantos dias de férias há em cada exercício?", ()),
        ("Quem pode comprar sem licitação, e qual o fundamento legal?", ()),
        ("O que faz o analista de sistemas?", ()),
        ("Qual a diferença entre férias e licença-prêmio?", ("comparison",)),
        ("Compare as duas portarias.", ("comparison",)),
        ("O que mudou com o novo decreto?", ("comparison",)),
        ("Explique como se calcula a diária.", ("explanation",)),
        ("Por quê o pedido é dirigido ao setor de pessoal?", ("explanation",)),
        ("Resuma a lei.", ("explanation",)),
        ("Em quais casos cabe recurso?", ("explanation",)),
        ("Qual o prazo? E quem decide?", ("several",)),
        ("palavra " * 40, ("long",)),
        ("palavra " * 100, ("long", "very-long")),
    ],
)
def test_the_words_of_a_question_tell_how_difficult_it_is(
    make_request: MakeRequest, question: str, signs: tuple[str, ...]
) -> None:
    assert difficulty(make_request(question=question)).signs == signs


def test_documents_and_turns_before_count_too(make_request: MakeRequest) -> None:
    many = [source(n, "texto", title=f"Lei {n}") for n in range(5)]
    request = make_request(*many, question="Qual o prazo?")
    turns = tuple(ChatMessage("user", "antes") for _ in range(2))
    request = replace(request, messages=(*turns, *request.messages))
    assert difficulty(request).signs == ("documents", "history")
    assert difficulty(request).points == 2


def _first(request: Request, *candidates: Candidate, complex_from: int = 2) -> Routed:
    return plan(request, candidates, complex_from=complex_from)[0]


def test_rules_come_before_difficulty_and_every_model_has_its_turn(
    make_request: MakeRequest,
) -> None:
    simple, hard = make_request(question="Qual o prazo?"), make_request(question="Compare a e b.")
    assert _first(hard, FAST) == Routed("rapido", "only")
    assert _first(simple, GOOD, FAST) == Routed("rapido", "simple")
    assert _first(hard, FAST, GOOD) == Routed("grande", "complex", ("comparison",))
    assert _first(hard, FAST, GOOD, complex_from=3).reason == "simple"
    wordings = replace(hard, priority=Priority.BACKGROUND, tier="fast")
    assert _first(wordings, GOOD, FAST) == Routed("rapido", "background")
    assert _names(plan(replace(simple, model="grande"), [FAST, GOOD], complex_from=2)) == [
        ("grande", "chosen"),
        ("rapido", "simple"),
    ]
    assert _first(replace(simple, model="nenhum"), FAST, GOOD) == Routed("rapido", "simple")


def test_a_prompt_that_a_context_does_not_take_goes_to_one_that_does(
    make_request: MakeRequest,
) -> None:
    long = make_request(source(1, "palavra " * 2000), question="Qual o prazo?")
    assert _names(plan(long, [FAST, GOOD], complex_from=2)) == [
        ("grande", "context"),
        ("rapido", "context"),
    ]
    small = replace(GOOD, context_tokens=512)
    assert _first(long, FAST, small) == Routed("rapido", "simple")


def _names(routed: Sequence[Routed]) -> list[tuple[str, str]]:
    return [(each.model, each.reason) for each in routed]
