from __future__ import annotations

import pytest

from govbot.retrieval.evidence import sufficient
from tests.unit.retrieval.cases import passage


def test_no_passage_is_never_enough() -> None:
    assert not sufficient("Qual o prazo?", [], 0.0)


@pytest.mark.parametrize(("coverage", "enough"), [(0.39, False), (0.4, True)])
def test_one_passage_must_hold_the_smallest_share_of_the_stems(
    coverage: float, enough: bool
) -> None:
    found = [passage(coverage=0.1), passage(coverage=coverage)]
    assert sufficient("Qual o prazo de recurso?", found, 0.4) is enough


@pytest.mark.parametrize(
    "question",
    [
        "O que diz o art. 37?",
        "O que diz o artigo 37?",
        "O que diz o Art.37, § 6º?",
        "Comente os arts. 37 e 38",
    ],
)
@pytest.mark.parametrize(
    ("text", "heading"), [("Art. 37. A administração...", ""), ("II - prazo", "Capítulo › Art. 37")]
)
def test_the_article_asked_for_stands_in_the_text_or_above_it(
    question: str, text: str, heading: str
) -> None:
    assert sufficient(question, [passage(text, heading=heading)], 0.4)


def test_another_article_does_not_answer_for_the_one_asked_for() -> None:
    found = [passage("Art. 25. O edital deverá...", title="Lei nº 14.133/2021")]
    assert not sufficient("O art. 250 da Lei nº 14.133/2021 trata de quê?", found, 0.4)


def test_the_same_article_of_another_law_does_not_answer() -> None:
    found = [passage("Art. 250. O município...", title="Constituição do Estado")]
    assert not sufficient("O art. 250 da Lei nº 14.133/2021 trata de quê?", found, 0.4)


@pytest.mark.parametrize(
    "named",
    [
        {"title": "LEI Nº 14.133, DE 1º DE ABRIL DE 2021"},
        {"filename": "lei_14133_2021.pdf"},
        {"text": "O art. 250 da Lei 14.133 foi vetado."},
    ],
)
def test_the_number_of_the_law_may_stand_in_title_file_name_or_text(named: dict[str, str]) -> None:
    fields = {"text": "Art. 250. Fica...", **named}
    assert sufficient("O art. 250 da Lei nº 14.133/2021 trata de quê?", [passage(**fields)], 0.4)


def test_a_question_that_names_a_law_but_no_article_needs_no_number() -> None:
    found = [passage("Art. 9º A sanção de impedimento...")]
    assert sufficient("Segundo a Lei 14.133, quem aplica a sanção?", found, 0.4)


def test_thousands_and_leading_zeros_do_not_hide_an_article() -> None:
    assert sufficient("O que diz o art. 1.024?", [passage("Art. 1024. Os bens...")], 0.4)
    assert sufficient("O que diz o art. 5?", [passage("Art. 05. Os bens...")], 0.4)
