"""Marks of Brazilian norms."""

from __future__ import annotations

import pytest

from govbot.extract.norms import ARTICLE, ENACTS, INCISO, ITEM, PARAGRAPH, division, starts_unit


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TÍTULO I", (3, "Título I", "")),
        ("CAPÍTULO II-A", (4, "Capítulo II-A", "")),
        ("CAPITULO IV - DAS PENAS", (4, "Capitulo IV", "DAS PENAS")),
        ("Seção III", (5, "Seção III", "")),
        ("Subseção II – Dos Deputados", (6, "Subseção II", "Dos Deputados")),
        ("ANEXO", (0, "Anexo", "")),
        ("ANEXO I - QUADRO DE VAGAS", (0, "Anexo I", "QUADRO DE VAGAS")),
        ("ANEXO ÚNICO", (0, "Anexo Único", "")),
        ("PARTE GERAL", (1, "Parte Geral", "")),
        ("LIVRO I", (2, "Livro I", "")),
    ],
)
def test_divisions_have_rank_label_and_name(line: str, expected: tuple[int, str, str]) -> None:
    assert division(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Seção II do Capítulo I trata do assunto.",
        "Capítulo I, observado o disposto",
        "Parte da despesa corre por conta",
        "Título de eleitor",
        "Anexo",
        "TÍTULO III DO ESTADO .......... 25",
        "Título I desta Lei.",
    ],
)
def test_mentions_and_contents_are_no_divisions(line: str) -> None:
    assert division(line) is None


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Art. 1º Esta Lei", "1º"),
        ("Art. 1o Esta Lei", "1o"),
        ("Art. 10. Os órgãos", "10"),
        ("Art. 28 – A lei reservará", "28"),
        ("Art. 5º-A. Fica", "5º-A"),
        ("ART. 3º", "3º"),
        ("Artigo 12 - Os", "12"),
        ("“Art. 4º-B A ANA", "4º-B"),
        ("Art. 1.015. O", "1.015"),
    ],
)
def test_article_numbers_are_read(line: str, number: str) -> None:
    match = ARTICLE.match(line)
    assert match is not None
    assert match["number"].strip() == number


@pytest.mark.parametrize("line", ["Arte 1", "Artistas 5", "art 1"])
def test_other_words_are_no_articles(line: str) -> None:
    assert ARTICLE.match(line) is None


@pytest.mark.parametrize("line", ["§ 1º A", "§2o A", "§ 10. A", "Parágrafo único. A", "§ 1º-A A"])
def test_paragraph_signs_are_known(line: str) -> None:
    assert PARAGRAPH.match(line)


def test_a_dash_after_a_number_is_not_part_of_it() -> None:
    match = PARAGRAPH.match("§ 3º – A remuneração")
    assert match is not None
    assert match["number"] == "3º"


@pytest.mark.parametrize("line", ["I - os órgãos", "XIV – o", "II-A - o", "III) a"])
def test_incisos_are_known(line: str) -> None:
    assert INCISO.match(line)


@pytest.mark.parametrize(
    ("line", "number"), [("1. OBJETO", "1"), ("7.1.2.3 - O", "7.1.2.3"), ("2.4 Da ordem", "2.4")]
)
def test_numbered_items_are_known(line: str, number: str) -> None:
    match = ITEM.match(line)
    assert match is not None
    assert match["number"] == number


@pytest.mark.parametrize("line", ["a) sejam", "• item", "– travessão", "§ 2º As", "CAPÍTULO I"])
def test_units_start_blocks(line: str) -> None:
    assert starts_unit(line)


@pytest.mark.parametrize(
    "line", ["§ 2º deste artigo", "Art. 5º, da Constituição", "20 de dezembro", "mesmo texto"]
)
def test_references_start_nothing(line: str) -> None:
    assert not starts_unit(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("CLÁUSULA PRIMEIRA – DO OBJETO", (7, "Cláusula Primeira", "DO OBJETO")),
        ("CLÁUSULA DÉCIMA SEGUNDA", (7, "Cláusula Décima Segunda", "")),
        ("Cláusula 3ª - Do preço", (7, "Cláusula 3ª", "Do preço")),
        ("LIVRO TERCEIRO", (2, "Livro Terceiro", "")),
        ("Cláusula primeira deste contrato prevê multa", None),
        ("CLÁUSULA SEGUNDA, nos termos do edital", None),
    ],
)
def test_clauses_of_contracts_are_divisions(line: str, found: tuple[int, str, str] | None) -> None:
    assert division(line) == found


@pytest.mark.parametrize("line", ["RESOLVE:", "D E C R E T A:", "R E S O L V E", "Resolvem:"])
def test_the_word_that_ends_the_reasons(line: str) -> None:
    assert ENACTS.match(line)
    assert not ENACTS.match(f"{line} aprovar o regimento")
