"""A term is found in a text, however the text writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.documents.needle import Needle, _folded_with_places, fold

TEXT = "As FÉRIAS, em até 3 perí-\nodos; veja a Lei nº 8.112,\nde 1990. Fe\u0301rias!"


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("ferias", ["FÉRIAS", "Fe\u0301rias"]),
        ("Férias em  até", ["FÉRIAS, em até"]),
        ("períodos", ["perí-\nodos"]),
        ("lei 8112 de", []),
        ("lei nº 8112 de 1990", ["Lei nº 8.112,\nde 1990"]),
        ("8.112", ["8.112"]),
        ("servidor", []),
        (" .,; ", []),
        ("", []),
    ],
)
def test_case_accents_points_and_breaks_do_not_matter(term: str, expected: list[str]) -> None:
    needle = Needle(term)
    assert [TEXT[start:end] for start, end in needle.spans(TEXT)] == expected
    assert needle.is_in(TEXT) == bool(expected)
    assert needle.empty == (not any(letter.isalnum() for letter in term))


@given(st.text(alphabet="aáÀçﬁß ºi\u0301.-\n1ǅ", max_size=30))
def test_the_quick_way_and_the_one_with_places_read_the_same(text: str) -> None:
    plain, places = _folded_with_places(text)
    assert plain.strip() == fold(text)
    assert len(plain) == len(places)
    assert places == sorted(places)
