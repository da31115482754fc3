from __future__ import annotations

from dataclasses import replace

import pytest

from govbot.retrieval.signals import JUDGED, Signals, signals_of
from tests.unit.retrieval.cases import passage

QUESTION = "Qual o prazo de recurso do servidor?"
WORTH = {
    "praz": ("praz", 2.0),
    "recurs": ("recurs", 3.0),
    "servidor": ("servidor", 1.0),
    "funcionari": ("servidor", 0.5),
}
WHOLE = "O prazo de recurso do servidor é de dez dias."
FAR = "O prazo corre. " + "Nada disso importa agora. " * 10 + "O recurso do servidor é escrito."


def of(*texts: str, question: str = QUESTION, coverage: float = 0.0, title: str = "") -> Signals:
    found = [passage(text, coverage=coverage, title=title) for text in texts]
    return signals_of(question, found, WORTH)


def test_nothing_found_or_nothing_asked_is_no_evidence() -> None:
    assert of() == Signals()
    assert signals_of("O que é?", [passage(WHOLE)], {}) == Signals()


def test_a_passage_that_holds_all_together_is_full_evidence() -> None:
    found = of(WHOLE, "Outra coisa.")
    assert (found.coverage, found.stretch) == pytest.approx((1, 1))
    assert found.names == 1
    assert found.standout == of(WHOLE).standout > of(WHOLE, WHOLE).standout == 0


def test_what_stands_far_apart_is_less_evidence_and_so_is_what_lacks_the_rare() -> None:
    assert of(FAR).coverage == pytest.approx(1)
    assert of(FAR).stretch == pytest.approx(4 / 6)
    assert of("O prazo do servidor.").coverage == pytest.approx(3 / 6)


def test_a_synonym_counts_its_part_a_relative_and_the_title_count_too() -> None:
    assert of("O prazo de recurso do funcionário.").coverage == pytest.approx(5.5 / 6)
    assert of("O prazo recursal do servidor.").coverage == pytest.approx((3 + 3 * 0.7) / 6)
    assert of("O prazo de recurso.", title="Estatuto do servidor").coverage == pytest.approx(1)
    assert of("Nada.", coverage=0.9).coverage == 0.9


def test_names_and_numbers_of_the_question_must_stand_there() -> None:
    worth = {"praz": ("praz", 1.0), "8112": ("8112", 2.0), "goi": ("goi", 2.0)}
    question = "Qual o prazo da Lei 8.112 em Goiás?"
    assert signals_of(question, [passage("O prazo da lei 8.112.")], worth).names == 0.5
    assert signals_of(question, [passage("Em Goiás, a Lei 8112.")], worth).names == 1


def test_the_best_cosine_and_the_best_score_of_the_reranker_count_among_the_first() -> None:
    found = [replace(passage(WHOLE), dense=0.2 + 0.1 * n, rerank=0.1 * n) for n in range(3)]
    signals = signals_of(QUESTION, found, WORTH)
    assert (signals.dense, signals.rerank) == pytest.approx((0.4, 0.2))
    behind = [passage("Outra coisa.", coverage=0.0)] * JUDGED + [passage(WHOLE)]
    assert signals_of(QUESTION, behind, WORTH).coverage == 0
