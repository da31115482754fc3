"""What is found in a text, what is not, and how long the search takes."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.privacy import Kind, find
from govbot.privacy import digits as check

VALUES = {
    "CPF nº 000.000.001-91, residente": (Kind.CPF, "000.000.001-91"),
    "CPF 00000000191": (Kind.CPF, "00000000191"),
    "C.P.F.: 000 000 001 91.": (Kind.CPF, "000 000 001 91"),
    "o servidor 000.000.001-91 foi": (Kind.CPF, "000.000.001-91"),
    "o servidor 00000000191 foi": (Kind.CPF, "00000000191"),
    "000.000.001/91": (Kind.CPF, "000.000.001/91"),
    "CPF 000.000.\n001-91": (Kind.CPF, "000.000.\n001-91"),
    "CPF 000.000.001-\n91": (Kind.CPF, "000.000.001-\n91"),
    "CPF 000.000.001\u201391": (Kind.CPF, "000.000.001\u201391"),
    "CPF 000.000.\u00ad001-91": (Kind.CPF, "000.000.\u00ad001-91"),
    "(000.000.001-91)": (Kind.CPF, "000.000.001-91"),
    "000.000.001-91.": (Kind.CPF, "000.000.001-91"),
    "CNPJ sob o nº 00.000.000/0001-91.": (Kind.CNPJ, "00.000.000/0001-91"),
    "00.000.000/0001-91": (Kind.CNPJ, "00.000.000/0001-91"),
    "CNPJ: 00000000000191": (Kind.CNPJ, "00000000000191"),
    "empresa 12.ABC.345/01DE-35, com": (Kind.CNPJ, "12.ABC.345/01DE-35"),
    "CNPJ 12ABC34501DE35": (Kind.CNPJ, "12ABC34501DE35"),
    "Referência: 000.00000.01-9.": (Kind.PIS, "000.00000.01-9"),
    "PIS/PASEP 00000000019": (Kind.PIS, "00000000019"),
    "título de eleitor 0000 0001 0191": (Kind.VOTER, "0000 0001 0191"),
    "RG nº 12.345.678-9 SSP/SP": (Kind.RG, "12.345.678-9"),
    "carteira de identidade nº MG-12.345.678": (Kind.RG, "MG-12.345.678"),
    "cédula de identidade RG n. 1.234.567": (Kind.RG, "1.234.567"),
    "R.G. 12.345.678-X": (Kind.RG, "12.345.678-X"),
    "escreva a fulano.teste@exemplo.gov.br.": (Kind.EMAIL, "fulano.teste@exemplo.gov.br"),
    "joao_silva+x@a-b.com.br, e": (Kind.EMAIL, "joao_silva+x@a-b.com.br"),
    "e-mail: fulano@\nexemplo.gov.br": (Kind.EMAIL, "fulano@\nexemplo.gov.br"),
    "e-mail: fulano@exemplo.\ngov.br": (Kind.EMAIL, "fulano@exemplo.\ngov.br"),
    "(83) 99999-0000": (Kind.PHONE, "(83) 99999-0000"),
    "telefone 3216-7570": (Kind.PHONE, "3216-7570"),
    "Fone: 83 3216 7570": (Kind.PHONE, "83 3216 7570"),
    "+55 83 99999-0000": (Kind.PHONE, "+55 83 99999-0000"),
    "WhatsApp 83999990000": (Kind.PHONE, "83999990000"),
    "falar com 83 99999-0000": (Kind.PHONE, "83 99999-0000"),
    "cartão 4111 1111 1111 1111": (Kind.CARD, "4111 1111 1111 1111"),
    "pago com 5555555555554444 hoje": (Kind.CARD, "5555555555554444"),
    "AMEX 3782 822463 10005": (Kind.CARD, "3782 822463 10005"),
}

INNOCENT = (
    "Processo nº 23074.062187/2019-95",
    "Processo 0000001-00.2020.8.26.0000",
    "Processo SEI 23074062187201995",
    "protocolo 00000000191",
    "matrícula SIAPE 00000000191",
    "Lei nº 14.133/2021, de 1º de abril de 2021",
    "LC nº 101, de 4 de maio de 2000",
    "R$ 15.577,22 e R$ 1.234.567.890,12",
    "2020.10.26-136",
    "CEP 58051-900",
    "art. 5º, § 3º, inciso IV",
    "entre 2019-2020 e (11) 2019-2020",
    "ISBN 978-85-359-0277-5",
    "CPF nº 000.000.001-92",
    "CPF 111.111.111-11",
    "CNPJ 00.000.000/0001-94",
    "12345678901",
    "DOU nº 228, de 27/11/2018, seção 1, p. 1.234",
    "0800 725 7474 e 4004-1234",
    "Ouvidoria: 0800 701 2028",
    "a identidade visual de 2021",
    "o RG, artigos 12 a 14",
    "123 456 789 09",
    "1.000.000.001-91",
    "000.000.001-91-2020",
    "0199d7a0-1234-7234-8234-123456789012",
    "***.000.001-**",
    "preço @ mercado",
    "@fulano",
    "a@b",
    "",
)


@pytest.mark.parametrize("sentence", VALUES)
def test_a_value_is_found_where_it_stands(sentence: str) -> None:
    kind, value = VALUES[sentence]
    found = [(f.kind, sentence[f.start : f.end]) for f in find(sentence)]
    assert found == [(kind, value)]


@pytest.mark.parametrize("sentence", INNOCENT)
def test_what_only_looks_like_it_is_left_alone(sentence: str) -> None:
    assert find(sentence) == []


def test_several_values_of_one_line_are_all_found() -> None:
    text = "Ana, CPF 000.000.001-91, RG 1.234.567, tel. (83) 99999-0000, ana@exemplo.com.br"
    assert [f.kind for f in find(text)] == [Kind.CPF, Kind.RG, Kind.PHONE, Kind.EMAIL]


def test_columns_of_numbers_are_each_found() -> None:
    text = "Nome CPF\nAna 00000000191\nBia 00000000272\nCida 00000000353"
    assert [f.kind for f in find(text)] == [Kind.CPF] * 3


@given(base=st.integers(1, 999_999_998), before=st.text(max_size=30), after=st.text(max_size=30))
def test_every_valid_cpf_with_punctuation_is_found_whatever_stands_around_it(
    base: int, before: str, after: str
) -> None:
    nine = f"{base:09}"
    eleven = next(
        f"{nine}{n:02}" for n in range(100) if check.is_cpf(f"{nine}{n:02}") or len(set(nine)) == 1
    )
    if not check.is_cpf(eleven):
        return
    value = f"{eleven[:3]}.{eleven[3:6]}.{eleven[6:9]}-{eleven[9:]}"
    # Signs that go on a number, and letters, would make it another word.
    text = f"{before} ; {value} ; {after}"
    start = len(before) + 3
    assert any((f.start, f.end) == (start, start + 14) and f.kind is Kind.CPF for f in find(text))


@given(st.text(alphabet="0123456789.-/ ()\n@aX+*", max_size=80))
def test_findings_are_in_order_apart_and_inside_the_text(text: str) -> None:
    found = find(text)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "123.", "@", "a@", "@a.", "RG ", "RG 1.234.567 ", "4111 ", "12345678909 ", "(11) ",
     "CNPJ", "/AAAA-11", "A1", "1" + " " * 8, "identidade n ", "000.000.001-91 "],
)  # fmt: skip
def test_no_text_makes_the_search_slow(piece: str) -> None:
    """Eight times the text takes about eight times the time; squared it would be 64 times."""

    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        taken = []
        for _ in range(3):
            started = time.process_time()
            find(text)
            taken.append(time.process_time() - started)
        return min(taken)

    assert seconds(48_000) < max(30 * seconds(6_000), 0.05)


def test_the_labelled_numbers_are_told_apart_without_a_mistake(shared_data: Path) -> None:
    kinds = {"cpf": "cpf", "cnpj": "cnpj", "cnpj_alfanumerico": "cnpj", "pis_nis": "pis",
             "telefone": "phone", "email": "email"}  # fmt: skip
    outcomes: Counter[str] = Counter()
    for line in (shared_data / "pii" / "pii_br.jsonl").read_text().splitlines():
        row = json.loads(line)
        wanted = (
            {(kinds[row["kind"]], row["value"])} if row["valid"] and row["kind"] in kinds else set()
        )
        found = {(f.kind.value, row["sentence"][f.start : f.end]) for f in find(row["sentence"])}
        outcomes += Counter(right=len(found & wanted), missed=len(wanted - found))
        outcomes += Counter(wrong=len(found - wanted))
    assert outcomes == Counter(right=92)


def test_laws_hold_no_personal_data(shared_data: Path) -> None:
    for law in sorted((shared_data / "laws").glob("*.txt")):
        text = law.read_text()
        assert [text[f.start - 30 : f.end] for f in find(text)] == [], law.name
