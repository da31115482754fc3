from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from govbot.retrieval.calibration import SHIPPED
from govbot.retrieval.evidence import judge
from govbot.retrieval.passages import Passage
from tests.unit.retrieval.cases import passage

WORTH = {"praz": ("praz", 2.0), "recurs": ("recurs", 3.0), "art": ("art", 1.0)}


EASY = replace(SHIPPED, threshold=0.0)


def enough(question: str, found: Sequence[Passage]) -> bool:
    """With evidence that is never too weak: what is left is the article that is asked for."""
    return judge(question, found, WORTH, EASY).sufficient


def test_no_passage_is_never_enough() -> None:
    judgement = judge("Qual o prazo?", [], {}, EASY)
    assert (judgement.sufficient, judgement.confidence) == (False, 0.0)


def test_the_threshold_decides_and_a_setting_takes_its_place() -> None:
    found = [passage("O prazo de recurso é de dez dias.")]
    judgement = judge("Qual o prazo de recurso?", found, WORTH)
    assert judgement.sufficient
    for threshold in (judgement.confidence, judgement.confidence + 0.001):
        calibration = replace(SHIPPED, threshold=threshold)
        by_calibration = judge("Qual o prazo de recurso?", found, WORTH, calibration)
        by_setting = judge("Qual o prazo de recurso?", found, WORTH, min_confidence=threshold)
        assert by_calibration.sufficient is (threshold == judgement.confidence)
        assert by_setting == by_calibration


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
    assert enough(question, [passage(text, heading=heading)])


def test_another_article_does_not_answer_for_the_one_asked_for() -> None:
    found = [passage("Art. 25. O edital deverá...", title="Lei nº 14.133/2021")]
    assert not enough("O art. 250 da Lei nº 14.133/2021 trata de quê?", found)


def test_the_same_article_of_another_law_does_not_answer() -> None:
    found = [passage("Art. 250. O município...", title="Constituição do Estado")]
    assert not enough("O art. 250 da Lei nº 14.133/2021 trata de quê?", found)


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
    assert enough("O art. 250 da Lei nº 14.133/2021 trata de quê?", [passage(**fields)])


def test_a_question_that_names_a_law_but_no_article_needs_no_number() -> None:
    found = [passage("Art. 9º A sanção de impedimento...")]
    assert enough("Segundo a Lei 14.133, quem aplica a sanção?", found)


def test_thousands_and_leading_zeros_do_not_hide_an_article() -> None:
    assert enough("O que diz o art. 1.024?", [passage("Art. 1024. Os bens...")])
    assert enough("O que diz o art. 5?", [passage("Art. 05. Os bens...")])
