"""Norms and articles that a text names, in the ways people write them."""

from __future__ import annotations

import pytest

from govbot.retrieval.references import (
    NormName,
    articles,
    kinds_meant,
    norms,
    own_articles,
    refers_back,
)


@pytest.mark.parametrize(
    ("text", "norm"),
    [
        ("O que diz a Lei nº 8.112/1990?", NormName("lei", "8112", 1990)),
        ("lei 8112/90 férias", NormName("lei", "8112", 1990)),
        ("o que a LEI N. 8.112, de 11 de dezembro de 1990, veda", NormName("lei", "8112", 1990)),
        ("Portaria 123", NormName("portaria", "123", None)),
        ("a Resolução CONSEPE nº 27/2020", NormName("resolucao", "27", 2020)),
        ("Lei Complementar Estadual nº 257", NormName("lei_complementar", "257", None)),
        ("LC 101/2000", NormName("lei_complementar", "101", 2000)),
        ("Decreto-Lei 2.848", NormName("decreto_lei", "2848", None)),
        ("a MP 1.313", NormName("medida_provisoria", "1313", None)),
        ("o que diz a 14.133/2021 sobre prazos", NormName("lei", "14133", 2021)),
    ],
)
def test_a_norm_is_read_as_people_write_it(text: str, norm: NormName) -> None:
    assert norms(text) == (norm,)


@pytest.mark.parametrize("text", ["são 14.133 casos", "o decreto de 2004", "a lei", "art. 5º"])
def test_what_names_no_norm_is_none(text: str) -> None:
    assert norms(text) == ()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Art. 5º O pedido, nos termos do art. 12, será", ("12",)),
        ("conforme o art. 37 da Constituição e os arts. 3º, 4º e 7º desta Lei", ("3", "4", "7")),
        ("§ 1º na forma do art. 10-A.", ("10-a",)),
        ("os casos do art. 21 da Lei nº 8.666", ()),
        ("Art. 9º É vedado.", ()),
    ],
)
def test_articles_of_the_same_norm_are_told_from_others(text: str, numbers: object) -> None:
    assert own_articles(text) == numbers


def test_a_question_may_go_back_to_a_norm_spoken_of() -> None:
    assert refers_back("E o que diz o decreto citado no artigo anterior?")
    assert refers_back("O que diz o art. 5º desta lei?")
    assert not refers_back("O que diz o art. 5º da Lei 8.112?")
    assert kinds_meant("o decreto citado") == kinds_meant("nesse decreto") == {"decreto"}
    assert articles("o que diz o art. 5º?") == ("5",)
