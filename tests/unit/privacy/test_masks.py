"""Hiding values keeps length, lines and everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.privacy import MASKED, Kind, find, mask
from tests.unit.privacy.test_detect import VALUES

SHOWN = {
    "CPF 123.456.789-09": "CPF ***.456.789-**",
    "CPF 12345678909": "CPF ***456789**",
    "CPF 123.456.\n789-09.": "CPF ***.456.\n789-**.",
    "00.000.000/0001-91": "**.***.***/0001-**",
    "12.ABC.345/01DE-35": "**.***.***/01DE-**",
    "PIS 000.00000.01-9": "PIS ***.00000.**-*",
    "RG 12.345.678-X": "RG **.***.***-*",
    "ana.souza@exemplo.gov.br": "a********@exemplo.gov.br",
    "é@x.br, ab@x.br": "*@x.br, **@x.br",
    "(83) 99999-0042": "(83) *****-**42",
    "tel. 3216-7570": "tel. ****-**70",
    "+55 83 99999-0042": "+55 83 *****-**42",
    "4111 1111 1111 1111": "**** **** **** 1111",
}

numbers = st.sampled_from(
    ["123.456.789-09", "12345678909", "00.000.000/0001-91", "12.ABC.345/01DE-35", "RG 1.234.567",
     "ana@exemplo.gov.br", "(83) 99999-0000", "tel 3216-7570", "4111 1111 1111 1111",
     "000.00000.01-9", "PIS 00000000019", "+55 (11) 98765-4321", "@", ".", "-", "*", "1", "CPF"]
)  # fmt: skip
gaps = st.sampled_from([" ", "\n", ", ", "", " - ", "/", "."])
texts = st.one_of(
    st.text(alphabet="0123456789.-/ ()\n@abX+*", max_size=80),
    st.lists(st.tuples(numbers, gaps), max_size=8).map(
        lambda pairs: "".join(part for pair in pairs for part in pair)
    ),
)
kind_sets = st.frozensets(st.sampled_from(list(Kind)))


@pytest.mark.parametrize("text", SHOWN)
def test_the_form_of_a_hidden_value(text: str) -> None:
    assert mask(text) == SHOWN[text]


@given(texts, kind_sets)
def test_the_length_and_the_breaks_of_lines_stay(text: str, kinds: frozenset[Kind]) -> None:
    masked = mask(text, kinds)
    assert len(masked) == len(text)
    assert [i for i, c in enumerate(text) if c.isspace()] == [
        i for i, c in enumerate(masked) if c.isspace()
    ]


@given(texts, kind_sets)
def test_masking_again_changes_nothing(text: str, kinds: frozenset[Kind]) -> None:
    once = mask(text, kinds)
    assert mask(once, kinds) == once


@given(texts)
def test_nothing_is_found_in_what_is_masked(text: str) -> None:
    assert find(mask(text)) == []


@given(texts, kind_sets)
def test_other_kinds_than_the_chosen_ones_stay(text: str, kinds: frozenset[Kind]) -> None:
    if not any(f.kind in kinds for f in find(text)):
        assert mask(text, kinds) == text


@pytest.mark.parametrize("sentence", VALUES)
def test_no_value_survives(sentence: str) -> None:
    kind, value = VALUES[sentence]
    assert value not in mask(sentence)
    assert mask(sentence, frozenset(Kind) - {kind}) == sentence


def test_a_text_without_data_is_given_back_itself() -> None:
    text = "Art. 1º A Lei nº 14.133, de 1º de abril de 2021."
    assert mask(text) is text


@pytest.mark.parametrize("text", SHOWN)
def test_a_hidden_value_is_recognised_by_its_form(text: str) -> None:
    assert MASKED.search(SHOWN[text]) is not None
    assert "*" not in MASKED.sub("", SHOWN[text])


@pytest.mark.parametrize("text", ["**Art. 1º**", "**1.234**", "***muito***", "* item", "**", "***"])
def test_emphasis_and_lists_are_not_taken_for_hidden_values(text: str) -> None:
    assert MASKED.search(text) is None
