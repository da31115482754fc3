from __future__ import annotations

import pytest

from govbot.eval.questions import Question
from govbot.eval.score import (
    MEASURES,
    OF_ANSWERS,
    Cited,
    Outcome,
    Place,
    figures,
    holds_answer,
    ndcg,
    normalised,
    percentile,
    rank,
    scored,
    standard_errors,
    summary,
)

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


def test_a_document_counts_by_its_key_too() -> None:
    question = Question("q", "?", ("x",), pages=(2,), keys=(7,))
    assert rank(question, [Place("a.pdf", 2, 2, 6), Place("b.pdf", 2, 2, 7)]) == 2
    assert question.located


def test_gain_counts_each_right_page_once_and_later_ones_less() -> None:
    both = Question("q", "?", ("x",), ("a.pdf",), (1, 2))
    one, two, other = Place("a.pdf", 1, 1), Place("a.pdf", 2, 2), Place("b.pdf", 1, 1)
    assert ndcg(both, [one, two]) == pytest.approx(1.0)
    assert ndcg(both, [one, one]) == pytest.approx(1 / (1 + 1 / 1.58496), abs=1e-4)
    assert ndcg(both, [other, one, two]) == pytest.approx(
        (1 / 1.58496 + 1 / 2) / (1 + 1 / 1.58496), abs=1e-4
    )
    anywhere = Question("q", "?", ("x",), ("a.pdf",))
    assert ndcg(anywhere, [other, two, one]) == pytest.approx(1 / 1.58496, abs=1e-4)
    assert ndcg(anywhere, []) == 0.0


def test_citations_are_judged_by_page_by_quote_and_by_where_they_lead() -> None:
    right = Cited(Place("lei.pdf", 3, 3), "O prazo é de 10 dias.", opens=True)
    wrong = Cited(Place("lei.pdf", 9, 9), "A obra é medida.", opens=False)
    row = scored(outcome(Q, 1, answer="10 dias", refused=False, citations=[right, wrong]))
    assert (row.cited_page, row.cited_span, row.cited_opens) == (0.5, 0.5, 0.5)
    refused = scored(outcome(Q, 1, answer="não achei", refused=True, citations=[right]))
    assert (refused.cited_page, refused.cited_span, refused.cited_opens) == (None, None, None)


def test_what_is_kept_of_an_outcome_holds_no_text_but_the_label() -> None:
    cited = [Cited(Place("lei.pdf", 3, 3), "segredo dos 10 dias", opens=True)]
    row = scored(outcome(Q, 1, answer="segredo", refused=False, citations=cited))
    assert [value for value in vars_of(row) if isinstance(value, str)] == ["q"]


def vars_of(row: object) -> list[object]:
    return [getattr(row, name) for name in type(row).__slots__]  # type: ignore[attr-defined]


def test_answering_what_can_be_answered_and_refusing_the_rest_is_right() -> None:
    nothing = Question("n", "Qual o telefone?")
    rows = [
        scored(outcome(Q, 1, answer="10 dias", refused=False)),
        scored(outcome(Q, 1, answer="-", refused=True)),
        scored(outcome(nothing, None, answer="-", refused=True)),
        scored(outcome(nothing, None, answer="é 10", refused=False, support=0.5)),
    ]
    counted = figures(rows)
    assert (counted["refusal"], counted["support"]) == (0.5, 0.5)


def test_the_standard_error_is_that_of_the_mean() -> None:
    errors = standard_errors([scored(outcome(Q, place)) for place in (1, 1, 1, 2)])
    assert errors["hit@1"] == 0.25
    assert errors["mrr@10"] == 0.125
    assert "answer_hit" not in errors


def test_figures_of_answers_are_those_that_a_search_alone_does_not_give() -> None:
    counted = summary([outcome(Q, 1), outcome(Question("n", "?"), None)])
    assert {name for name in MEASURES if counted[name] is None} == set(OF_ANSWERS)
