from __future__ import annotations

import pytest

from govbot.eval.questions import Question
from govbot.eval.score import Outcome, Place, holds_answer, normalised, percentile, rank, summary

Q = Question("q", "Qual o prazo?", ("10 dias",), ("lei.pdf",), (3,))


def test_a_question_with_a_page_needs_a_passage_of_that_page() -> None:
    found = [Place("outra.pdf", 3, 3), Place("lei.pdf", 1, 1), Place("lei.pdf", 2, 3)]
    assert rank(Q, found) == 3
    assert rank(Q, found, by_page=False) == 2


def test_any_of_several_pages_and_documents_will_do() -> None:
    question = Question("q", "?", ("x",), ("a.pdf", "b.pdf"), (2, 9))
    assert rank(question, [Place("b.pdf", 9, 9)]) == 1
    assert rank(question, [Place("c.pdf", 9, 9)]) is None


def test_without_a_page_the_document_is_enough() -> None:
    assert rank(Question("q", "?", ("x",), ("lei.pdf",)), [Place("lei.pdf", 7, 7)]) == 1


@pytest.mark.parametrize(
    ("shown", "answer", "holds"),
    [
        ("O prazo é de **10 (dez) dias**. [1]", "10 (dez) dias", True),
        ("o prazo e de 10\n  DIAS", "10 dias.", True),
        ("Na forma da licitação [2].", "licitacao", True),
        ("São 110 dias", "10 dias", False),
        ("A comissão [1] decide", "comissão decide", True),
        ("valor de R$ 11.186,00", "R$ 11.186,00", True),
        ("nada", "", False),
        ("nada", "...", False),
    ],
)
def test_an_answer_counts_whole_whatever_its_case_accents_and_punctuation(
    shown: str, answer: str, holds: bool
) -> None:
    assert holds_answer(shown, [answer]) is holds


def test_one_of_the_answers_is_enough() -> None:
    assert holds_answer("são três", ["quatro", "três"])


def test_normalised_text_has_single_spaces_and_no_accents() -> None:
    assert normalised("  Ação—Nº 5º, “É”\n") == "acao no 5o e"


def outcome(question: Question, place: int | None, **fields: object) -> Outcome:
    found = [Place("outra.pdf", 1, 1)] * ((place or 11) - 1) + [Place("lei.pdf", 3, 3)]
    return Outcome(question, found, 5.0, True, **fields)  # type: ignore[arg-type]


def test_the_summary_counts_each_figure_over_its_own_questions() -> None:
    nothing = Question("n", "Qual o telefone?")
    unplaced = Question("u", "Quantos?", ("três",))
    figures = summary(
        [
            outcome(Q, 1, answer="10 dias", refused=False, answer_ms=1.0),
            outcome(Q, 4, answer="não sei", refused=True, answer_ms=2.0),
            outcome(nothing, None, answer="não consta", refused=True, answer_ms=3.0),
            outcome(nothing, None, answer="é 10", refused=False, answer_ms=4.0),
            outcome(unplaced, None, answer="são três", refused=False, answer_ms=5.0),
        ]
    )
    assert figures["n"] == 5
    assert figures["n_located"] == 2
    assert (figures["hit@1"], figures["hit@3"], figures["hit@5"]) == (0.5, 0.5, 1.0)
    assert figures["mrr@10"] == 0.625
    assert figures["answer_hit"] == 0.6667
    assert figures["refused"] == 0.4
    assert figures["refused_right"] == 0.5
    assert figures["refused_wrong"] == 0.3333


def test_a_refusal_never_holds_the_answer() -> None:
    figures = summary([outcome(Q, 1, answer="não achei 10 dias", refused=True, answer_ms=1.0)])
    assert figures["answer_hit"] == 0.0


def test_ranks_beyond_the_tenth_count_for_nothing() -> None:
    figures = summary([outcome(Q, 11)])
    assert (figures["hit@10"], figures["mrr@10"]) == (0.0, 0.0)


def test_what_was_not_measured_is_none() -> None:
    figures = summary([outcome(Q, 1)])
    assert figures["answer_hit"] is figures["refused"] is figures["answer_p50_ms"] is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([7], 95, 7), ([1, 2, 3, 4], 50, 2), (list(range(1, 101)), 95, 95)],
)
def test_percentiles_are_of_the_nearest_rank(
    values: list[float], percent: float, expected: float | None
) -> None:
    assert percentile(values, percent) == expected
