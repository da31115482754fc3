import pytest

from govbot.generate.cues import Kind, expected_kinds, holds
from govbot.generate.stems import content_stems, fold, stem, words


def test_folding_takes_accents_and_case_away() -> None:
    assert fold("LICITAÇÃO nº 5º") == "licitacao no 5o"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("matrícula", "matriculas"),
        ("servidor", "SERVIDORES"),
        ("público", "publica"),
        ("10.520", "10520"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_words_know_their_place() -> None:
    text = "A taxa: R$ 1.000,50!"
    assert [text[word.start : word.end] for word in words(text)] == ["A", "taxa", "R", "1.000,50"]


def test_words_without_meaning_are_left_out() -> None:
    assert content_stems("Qual é o prazo para a entrega?") == [stem("prazo"), stem("entrega")]


@pytest.mark.parametrize(
    ("question", "kind", "answer", "other"),
    [
        (
            "Quando foi criado o conselho?",
            Kind.DATE,
            "Criado em 15 de março de 1990.",
            "Foi criado.",
        ),
        (
            "Quantos membros tem a banca?",
            Kind.NUMBER,
            "Composta por três docentes.",
            "Há docentes.",
        ),
        ("Qual o prazo do recurso?", Kind.DURATION, "Em cinco dias úteis.", "Cabe recurso."),
        ("Quem assina a ata?", Kind.NAME, "A ata é do secretário Silva.", "a ata é assinada."),
        ("Qual o valor da multa?", Kind.MONEY, "Multa de R$ 50,00.", "Haverá multa."),
        ("Qual o percentual mínimo?", Kind.PERCENT, "Mínimo de 75%.", "Há um mínimo."),
        ("Por que foi extinto?", Kind.REASON, "Devido à reforma.", "Foi extinto."),
        ("Para que serve o cadastro?", Kind.PURPOSE, "Destina-se ao controle.", "Há cadastro."),
    ],
)
def test_a_question_word_asks_for_a_kind_of_thing(
    question: str, kind: Kind, answer: str, other: str
) -> None:
    assert kind in expected_kinds(question)
    only = frozenset({kind})
    assert holds(only, answer)
    assert not holds(only, other)


def test_a_question_without_cue_expects_nothing() -> None:
    kinds = expected_kinds("Fale sobre a biblioteca")
    assert kinds == frozenset()
    assert not holds(kinds, "Em 1990, três.")
