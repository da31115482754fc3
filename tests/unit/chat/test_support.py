import asyncio
import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.chat.claims import claims_of
from govbot.chat.support import (
    Reason,
    State,
    Support,
    check,
    from_json,
    literal,
    shifted,
    to_json,
    told,
    without_unsupported,
)
from govbot.errors import Unavailable
from govbot.generate import Source
from govbot.models.entailment import Verdict

LEAVE = Source(
    1, "Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho. "
    "É vedado o fracionamento. O pedido não será aceito após o prazo.",
    "LEI Nº 731, DE 2 DE MAIO DE 2019", "Título I", 1, 1.0,
)  # fmt: skip
PAY = Source(
    2, "Art. 1º A diária dentro do Estado é de trezentos reais.", "DECRETO Nº 88", "", 1, 0.8
)
SOURCES = (LEAVE, PAY)
QUESTION = "Quantos dias dura a licença-paternidade?"


class Judge:
    """Stands for an entailment model that says what a test wants."""

    name = fingerprint = "juiz"

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict

    async def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        if self.verdict is None:
            raise Unavailable("down")
        return [self.verdict] * len(pairs)

    async def aclose(self) -> None: ...


def verdicts(text: str, entailment: Judge | None = None) -> list[tuple[State, Reason]]:
    found = asyncio.run(check(text, [0, 1], SOURCES, QUESTION, entailment=entailment))
    return [(each.state, each.reason) for each in found]


@pytest.mark.parametrize(
    ("text", "state", "reason"),
    [
        ("A licença-paternidade dura 20 dias corridos [1].", "supported", ""),
        ("A diária no Estado é de R$ 300,00 [2].", "supported", ""),
        ("Conforme a Lei 731/2019, a licença é contada do nascimento. [1]", "supported", ""),
        ("São 30 dias corridos de licença-paternidade [1].", "unsupported", "value"),
        ("A licença-paternidade é de vinte dias corridos [2].", "unsupported", "value"),
        ("O diretor Renato concede a licença-paternidade [1].", "unsupported", "value"),
        ("A licença-paternidade dura 20 dias corridos.", "unsupported", "uncited"),
        ("A licença-paternidade dura 20 dias corridos [7].", "unsupported", "uncited"),
        ("O jardim botânico fecha aos domingos [1].", "unsupported", "words"),
        ("O pedido será aceito após o prazo [1].", "unsupported", "negation"),
        ("O fracionamento é permitido [1].", "weak", "negation"),
        ("A licença é contada do nascimento, com remuneração integral do cargo [1].",
         "weak", "words"),
    ],
)  # fmt: skip
def test_a_sentence_is_held_against_the_passage_it_cites(
    text: str, state: str, reason: str
) -> None:
    assert verdicts(text) == [(state, reason)]


def test_what_the_question_named_itself_makes_a_sentence_weak_at_most() -> None:
    text = "Na FUNASA, a licença-paternidade dura vinte dias corridos [1]."
    asked = asyncio.run(check(text, [0], SOURCES, "Qual a licença-paternidade na FUNASA?"))
    unasked = asyncio.run(check(text, [0], SOURCES, QUESTION))
    assert [(each.state, each.reason) for each in asked] == [("weak", "value")]
    assert [each.state for each in unasked] == ["unsupported"]
    assert [text[a:b] for a, b in unasked[0].missing] == ["FUNASA"]


@pytest.mark.parametrize(
    "text",
    [
        "Segundo os documentos:",
        "**Licença**",
        "## Licença-paternidade",
        "Os trechos não informam o valor do auxílio.",
        "Não encontrei a resposta nos documentos consultados.",
        "Quer saber mais sobre a licença?",
        "Sim.",
    ],
)
def test_a_sentence_that_states_nothing_is_not_judged(text: str) -> None:
    assert verdicts(text) == []


def test_items_of_a_list_share_marks_and_numbers_of_lists_are_no_values() -> None:
    text = (
        "São requisitos [1]:\n1. licença contada do nascimento;\n2. dias corridos.\n\n"
        "Resumo:\n- vinte dias corridos;\n- contados do nascimento do filho [1].\n"
    )
    claims = [(claim.text, claim.marks) for claim in claims_of(text) if claim.states]
    assert claims == [
        ("licença contada do nascimento;", (1,)),
        ("dias corridos.", (1,)),
        ("vinte dias corridos;", (1,)),
        ("contados do nascimento do filho.", (1,)),
    ]
    assert set(verdicts(text)) == {("supported", "")}


def test_unsupported_sentences_can_be_left_out_with_their_marks_and_list_signs() -> None:
    text = (
        "Segundo os documentos:\n\n- São 20 dias corridos [1].\n- São 90 dias [1].\n\n"
        "A diária é de 900 reais [2]. A diária no Estado é de 300 reais [2].\n\nFim da lista [1]."
    )
    found = asyncio.run(check(text, [0, 1], SOURCES, QUESTION))
    kept, left = without_unsupported(text, found)
    assert kept.strip() == (
        "Segundo os documentos:\n\n- São 20 dias corridos [1].\n\n"
        "A diária no Estado é de 300 reais [2]."
    )
    assert [each["text"] for each in told(kept, left)] == [
        "São 20 dias corridos.",
        "A diária no Estado é de 300 reais.",
    ]


@pytest.mark.parametrize(
    ("verdict", "state", "reason"),
    [
        (Verdict(0.9, 0.0), "supported", ""),
        (Verdict(0.1, 0.8), "unsupported", "contradicted"),
        (Verdict(0.2, 0.2), "unsupported", "words"),
        (None, "unsupported", "words"),
    ],
)
def test_an_entailment_model_decides_what_the_words_leave_open(
    verdict: Verdict | None, state: str, reason: str
) -> None:
    text = "O genitor ausenta-se depois do parto [1]."
    assert verdicts(text, Judge(verdict)) == [(state, reason)]


def test_an_entailment_model_cannot_clear_a_number_that_is_not_there() -> None:
    assert verdicts("São 90 dias de licença-paternidade [1].", Judge(Verdict(1.0, 0.0))) == [
        ("unsupported", "value")
    ]


def test_excerpts_are_supported_by_construction() -> None:
    found = literal("É vedado o fracionamento. (…) Outra frase. [1]\n\nA diária é esta. [2]")
    assert {each.state for each in found} == {State.SUPPORTED}


@given(st.lists(st.sampled_from(
    ["Vinte dias corridos", " [1]", "[2]", ". ", "\n\n", "\n- ", "**", "São 90 dias", "; ", ":",
     "1. ", "# ", "| a |", "[99]", "`x`", "Segundo João"]
)))  # fmt: skip
def test_verdicts_stand_in_order_within_the_text_and_survive_storing(parts: list[str]) -> None:
    text = "".join(parts)
    found = asyncio.run(check(text, [0, 1], SOURCES, QUESTION))
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    for each in found:
        assert all(each.start <= start < end <= each.end for start, end in each.missing)
    assert from_json(json.loads(json.dumps(to_json(found)))) == found
    assert shifted(shifted(found, 7), -7) == found
    kept, left = without_unsupported(text, found)
    assert all(each.state is not State.UNSUPPORTED for each in left)
    assert all(kept[each.start : each.end].strip() for each in left)
    before = [text[e.start : e.end] for e in found if e.state is not State.UNSUPPORTED]
    assert [kept[each.start : each.end] for each in left] == before


def test_a_verdict_says_the_sentence_without_signs() -> None:
    text = "- **Vinte** dias [1]."
    assert told(text, [Support(2, len(text), State.WEAK, Reason.WORDS, (1,))]) == [
        {"text": "Vinte dias.", "state": "weak", "reason": "words", "citations": [1], "missing": []}
    ]
