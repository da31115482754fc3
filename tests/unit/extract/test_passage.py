"""A passage is found in the letters of a page, however the page writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.extract.passage import find, strips

PAGE = (
    "Art. 1º O servidor terá direi-\r\nto a férias de trinta dias.\r\n"
    "Art. 2º As férias podem ser divididas em três períodos."
)


def found(quote: str, page: str = PAGE) -> list[str]:
    return [page[start:end] for start, end in find(quote, list(page))]


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("férias de trinta dias", "férias de trinta dias"),
        ("FERIAS  DE\nTRINTA DIAS.", "férias de trinta dias."),
        ("direito a férias", "direi-\r\nto a férias"),
        ("podem ser divididas", "podem ser divididas"),
    ],
)
def test_spaces_case_accents_and_hyphens_do_not_matter(quote: str, expected: str) -> None:
    assert found(quote) == [expected]


def test_a_ligature_is_its_letters() -> None:
    assert found("oficina final", "na oﬁcina ﬁnal da tarde") == ["oﬁcina ﬁnal"]


def test_the_soft_hyphen_of_pdfium_joins_words_in_shared_runs() -> None:
    page = "o prazo para recur\ufffeso é de dez dias úteis"
    assert found("xxxx prazo para recurso é de dez yyyy", page) == [
        "prazo para recur\ufffeso é de dez"
    ]


def test_a_passage_that_goes_on_over_the_page_is_marked_as_far_as_it_is_here() -> None:
    quote = "As férias podem ser divididas em três períodos. Parágrafo único: a critério do chefe."
    assert found(quote) == ["As férias podem ser divididas em três períodos"]


def test_cells_in_another_order_are_marked_one_by_one() -> None:
    page = "um dois três quatro cinco\nseis sete oito nove dez"
    assert found("seis sete oito nove dez um dois três quatro cinco", page) in (
        ["um dois três quatro cinco"],
        ["seis sete oito nove dez"],
    )


@pytest.mark.parametrize("quote", ["", "  .,; ", "nada disso está escrito nesta página", "xyz"])
def test_what_is_not_there_is_not_marked(quote: str) -> None:
    assert found(quote) == []


@given(st.text(max_size=60), st.text(max_size=200))
def test_spans_lie_inside_the_page_and_in_order(quote: str, page: str) -> None:
    spans = find(quote, list(page))
    assert all(0 <= start < end <= len(page) for start, end in spans)
    assert spans == sorted(spans)


@given(st.text(alphabet="abc áé.\n-", min_size=5, max_size=80), st.data())
def test_every_part_of_a_page_is_found_in_it(page: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(page) - 1))
    quote = page[start : data.draw(st.integers(start + 1, len(page)))]
    assert bool(find(quote, list(page))) == any(letter.isalnum() for letter in quote)


def test_words_of_a_line_become_one_rectangle() -> None:
    boxes = [(0.1, 0.5, 0.01, 0.02), (0.111, 0.502, 0.01, 0.018), (0.1, 0.55, 0.01, 0.02)]
    joined = strips(boxes)
    assert len(joined) == 2
    assert joined[0] == pytest.approx((0.1, 0.5, 0.021, 0.02))


def test_columns_stay_apart() -> None:
    assert len(strips([(0.1, 0.5, 0.01, 0.02), (0.6, 0.5, 0.01, 0.02)])) == 2
