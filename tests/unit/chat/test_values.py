import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.chat.values import Evidence, days, names, numbers

LAW = """LEI Nº 8.112/90, DE 11 DE DEZEMBRO DE 1990
Art. 41. Vencimento é a retribuição pecuniária. O auxílio é de R$ 1.000,00, pago em vinte e cinco
por cento até 1º de março. O prazo é de trinta dias e o mandato, de dois anos. Coube à Agência
Nacional de Proteção de Dados, à ANVISA e a Maria da Silva Pereira. Meta de 1,5 milhão de vagas."""


@pytest.mark.parametrize(
    "claim",
    [
        "O prazo é de 30 dias.",
        "O prazo é de 30 (trinta) dias.",
        "O auxílio é de mil reais.",
        "O auxílio é de R$ 1.000.",
        "São 25% até 01/03.",
        "São 25 por cento até primeiro de março.",
        "A Lei nº 8.112, de 1990, vale.",
        "A Lei 8112/1990 é de 11/12/1990.",
        "O mandato é de 2 anos.",
        "Coube à ANPD.",
        "Coube à Anvisa e a Maria Pereira.",
        "São 1.500.000 vagas.",
        "Um servidor pede, e o artigo 41 responde.",
    ],
)
def test_a_value_in_another_spelling_stands_in_the_passage(claim: str) -> None:
    assert Evidence(LAW).missing(claim) == []


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("O prazo é de 60 dias.", ["60 dias"]),
        ("O prazo é de 30 meses.", ["30 meses"]),
        ("O prazo é de três dias.", ["três dias"]),
        ("O auxílio é de R$ 10.000,00.", ["10.000,00"]),
        ("O auxílio é de dois mil reais.", ["dois mil reais"]),
        ("Vale até 2 de março.", ["2 de março"]),
        ("Vale até 01/04.", ["01/04"]),
        ("Vale desde 11/12/1991.", ["11/12/1991"]),
        ("São 52%.", ["52%"]),
        ("Segundo a Lei 8.113/1990, sim.", ["8.113/1990"]),
        ("Coube ao ministro João Pereira.", ["João"]),
        ("Coube ao IBGE.", ["IBGE"]),
        ("Ficou em Manaus.", ["Manaus"]),
        ("O mandato é de um mandato e um dia, e dois meses.", ["dois meses"]),
    ],
)
def test_a_value_that_the_passage_does_not_hold_is_found(claim: str, missing: list[str]) -> None:
    assert [claim[start:end] for start, end in Evidence(LAW).missing(claim)] == missing


@given(
    st.lists(st.sampled_from([*"abc dAEÇé01923.,/-%ºR$()\n½²ﬁ", "mil", " e ", "um ", "12", "maio"]))
)
def test_any_text_is_read_and_what_is_found_stands_where_it_is_said(parts: list[str]) -> None:
    text = "".join(parts)
    found = [*numbers(text, every=True), *days(text)]
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(text[a:b].strip() for name in names(text) for a, b in name.spans)
    assert all(text[start:end].strip() for start, end in Evidence("").missing(text))
