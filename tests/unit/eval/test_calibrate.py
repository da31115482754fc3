from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from govbot.errors import Invalid
from govbot.eval.calibrate import Sample, area, fit, judged_twice
from govbot.eval.questions import Question
from govbot.retrieval.calibration import SHIPPED
from govbot.retrieval.signals import Signals
from tests.unit.retrieval.cases import passage


def samples(count: int, make: Callable[[random.Random, bool], Signals]) -> list[Sample]:
    """`count` questions, each with its document and without."""
    dice = random.Random(4)
    return [
        Sample(number, make(dice, answerable), answerable)
        for number in range(count)
        for answerable in (True, False)
    ]


def by_words(dice: random.Random, answerable: bool) -> Signals:
    share = dice.uniform(0.75, 1.0) if answerable else dice.uniform(0.2, 0.8)
    return Signals(coverage=share, stretch=share, names=1.0, standout=share / 4)


def test_few_questions_move_the_threshold_alone_and_keep_to_what_may_be_refused_wrongly() -> None:
    report = fit(samples(40, by_words), max_wrong=0.1)
    assert not report.weights_fitted
    assert report.fitted.calibration.weights == SHIPPED.weights
    assert report.fitted.refused_wrong <= 0.1
    assert report.fitted.refused_right > 0.9
    assert (report.fitted.answerable, report.fitted.unanswerable) == (40, 40)
    strict = fit(samples(40, by_words), max_wrong=0.0)
    assert strict.fitted.refused_wrong == 0
    assert strict.fitted.calibration.threshold <= report.fitted.calibration.threshold


def test_many_questions_teach_a_signal_that_weighed_nothing() -> None:
    def by_reranker(dice: random.Random, answerable: bool) -> Signals:
        return Signals(
            coverage=0.9,
            stretch=0.9,
            rerank=dice.uniform(0.5, 1.0) if answerable else dice.uniform(0.0, 0.5),
        )

    report = fit(samples(300, by_reranker), max_wrong=0.03)
    assert report.weights_fitted
    assert report.fitted.calibration.weights["rerank"] > SHIPPED.weights["rerank"] + 1
    assert report.area > 0.95
    assert report.fitted.refused_right > 0.85
    shares = [cut.refused_right for cut in report.cuts]
    assert shares == sorted(shares)


def test_too_few_questions_are_refused_with_their_number() -> None:
    with pytest.raises(Invalid, match="here are 19 and 19"):
        fit(samples(19, by_words), max_wrong=0.03)


def test_the_area_is_one_for_kinds_apart_and_a_half_for_the_same() -> None:
    import numpy as np

    assert area(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == 1
    assert area(np.array([0.5, 0.5]), np.array([0.5])) == 0.5


def test_a_question_is_judged_again_without_the_documents_of_its_answer() -> None:
    found = [
        replace(passage("um", filename="a.pdf"), document_key=1),
        replace(passage("dois", filename="b.pdf"), document_key=2),
        replace(passage("três", filename="c.pdf"), document_key=3),
    ]
    asked = Question("1", "Qual?", ("um",), documents=("a.pdf",), keys=(3,))
    (first, whole), (second, rest) = judged_twice(asked, found)
    assert (first, list(whole), second, list(rest)) == (True, found, False, [found[1]])
    assert judged_twice(Question("2", "Qual?"), found) == [(False, found)]
    assert judged_twice(Question("3", "Qual?", ("um",)), found) == [(True, found)]
