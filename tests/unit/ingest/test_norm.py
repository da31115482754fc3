"""Which norm a document is, from its first lines."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.extract import Block, page_of
from govbot.ingest.norm import NAMES, Norm, identify, title_with
from govbot.ingest.preamble import MAX_SUMMARY

ARTICLE = "Art. 1º Fica instituído o programa."


def read(*lines: str, filename: str = "documento.pdf") -> Norm | None:
    """The norm of one page with these lines."""
    return identify([page_of(1, [Block("paragraph", line) for line in lines])], filename)


def known(*lines: str, filename: str = "documento.pdf") -> Norm:
    norm = read(*lines, filename=filename)
    assert norm is not None
    return norm


@pytest.mark.parametrize(
    ("epigraph", "kind", "number", "year", "signed_on"),
    [
        ("LEI Nº 14.133, DE 1º DE ABRIL DE 2021", "lei", "14.133", 2021, date(2021, 4, 1)),
        ("LEI No 9.868, DE 10 DE NOVEMBRO DE 1999.", "lei", "9.868", 1999, date(1999, 11, 10)),
        ("Lei nº 1487, de 2 de maio de 2024", "lei", "1.487", 2024, date(2024, 5, 2)),
        ("LEI COMPLEMENTAR Nº 95/1998", "lei_complementar", "95", 1998, None),
        ("LEI COMPLEMENTAR ESTADUAL N.º 257, DE 14 DE NOVEMBRO DE 2003", "lei_complementar", "257",
         2003, date(2003, 11, 14)),
        ("DECRETO-LEI Nº 2.848, DE 7 DE DEZEMBRO DE 1940", "decreto_lei", "2.848", 1940,
         date(1940, 12, 7)),
        ("DECRETO N° 27.685, DE 30 DE JANEIRO DE 2018.", "decreto", "27.685", 2018,
         date(2018, 1, 30)),
        ("MEDIDA PROVISÓRIA Nº 1.313, DE 4 DE SETEMBRO DE 2025", "medida_provisoria", "1.313", 2025,
         date(2025, 9, 4)),
        ("EMENDA CONSTITUCIONAL Nº 103, DE 12 DE NOVEMBRO DE 2019", "emenda_constitucional", "103",
         2019, date(2019, 11, 12)),
        ("PORTARIA GM/MS Nº 1.234, DE 3 DE MARÇO DE 2022", "portaria", "1.234", 2022,
         date(2022, 3, 3)),
        ("PORTARIA DO DIRETOR DE 03 DE MARÇO DE 2020", "portaria", "", 2020, date(2020, 3, 3)),
        ("RESOLUÇÃO N° 257/79", "resolucao", "257", 1979, None),
        ("Resolução nº 3/2023-FAPERN, de 08 de agosto de 2023*", "resolucao", "3", 2023,
         date(2023, 8, 8)),
        ("INSTRUÇÃO NORMATIVA SEGES/ME Nº 65, DE 7 DE JULHO DE 2021", "instrucao_normativa", "65",
         2021, date(2021, 7, 7)),
        ("EDITAL n. º 001, de 22/01/2020", "edital", "001", 2020, date(2020, 1, 22)),
        ("EDITAL 01/2024 - PROPESQ/CGPAIC", "edital", "01", 2024, None),
        ("CONCURSO PÚBLICO PARA O CARGO DE MÉDICO EDITAL Nº 01/2024/NS, DE 22 DE FEVEREIRO DE 2024",
         "edital", "01", 2024, date(2024, 2, 22)),
        ("ATO DA MESA Nº 7, DE 2023", "ato", "7", None, None),
        ("DELIBERAÇÃO Nº 12/2020", "deliberacao", "12", 2020, None),
        ("PARECER JURÍDICO Nº 88/2019", "parecer", "88", 2019, None),
        ("CONTRATO ADMINISTRATIVO Nº 5/2022", "contrato", "5", 2022, None),
        ("OFÍCIO-CIRCULAR Nº 15/2021/GAB", "oficio", "15", 2021, None),
        ("ATA DE REGISTRO DE PREÇOS Nº 31/2023", "ata", "31", 2023, None),
    ],
)  # fmt: skip
def test_the_epigraph_tells_kind_number_and_date(
    epigraph: str, kind: str, number: str, year: int | None, signed_on: date | None
) -> None:
    norm = known("BRASÃO", epigraph, ARTICLE)
    assert (norm.kind, norm.number, norm.year, norm.signed_on) == (kind, number, year, signed_on)


@pytest.mark.parametrize(
    "line",
    [
        "Lei nº 8.112, de 11 de dezembro de 1990, que dispõe sobre o regime jurídico.",
        "A Lei nº 8.112, de 11 de dezembro de 1990",
        "LEIS Nº 8.112 E 8.666",
        "DECRETO LEGISLATIVO Nº 6, DE 20 DE MARÇO DE 2020",
        "LEI ORGÂNICA DO MUNICÍPIO",
        "PORTARIA",
        "Atas 12 e 13",
        "EDITAL DE ABERTURA",
        "Resolução aprovada por 12 votos",
        "Lei 10 vezes lida",
        "“LEI Nº 1, DE 1º DE JANEIRO DE 2020",
    ],
)
def test_what_only_mentions_a_norm_is_none(line: str) -> None:
    assert read(line, ARTICLE) is None


def test_an_epigraph_below_the_first_article_is_another_norm_s() -> None:
    assert read("Relatório", ARTICLE, "LEI Nº 14.133, DE 1º DE ABRIL DE 2021") is None


def test_a_list_of_legislation_further_down_is_no_epigraph() -> None:
    lines = [f"Item do sumário {number}" for number in range(9)]
    assert read(*lines, "Lei nº 8.112, de 11 de dezembro de 1990") is None


def test_an_epigraph_may_take_two_lines() -> None:
    norm = known("DECRETO Nº 9.991,", "DE 28 DE AGOSTO DE 2019", "Dispõe sobre pessoal.", ARTICLE)
    assert (norm.signed_on, norm.summary) == (date(2019, 8, 28), "Dispõe sobre pessoal.")


def test_an_impossible_date_is_left_out() -> None:
    assert known("LEI Nº 5, DE 31 DE FEVEREIRO DE 2020", ARTICLE).signed_on is None


@pytest.mark.parametrize(
    ("lines", "summary"),
    [
        (("Dispõe sobre o uso de veículos.",), "Dispõe sobre o uso de veículos."),
        (("Altera a Lei nº 8.429,", "de 1992, e dá outras providências.", "O PREFEITO, no uso"),
         "Altera a Lei nº 8.429, de 1992, e dá outras providências."),
        (("Dispõe | sobre | a aprovação", "do Programa."), "Dispõe sobre a aprovação do Programa."),
        (("Vigência", "(Vide Decreto nº 1, de 2024)", "Cria a taxa de lixo."),
         "Cria a taxa de lixo."),
        (("Regulamento Lei de Licitações e Contratos.", "O PRESIDENTE DA REPÚBLICA Faço saber"),
         "Lei de Licitações e Contratos."),
        (("O PREFEITO, no uso de suas atribuições, resolve:", "Aprova nada."), ""),
        (("Uma frase qualquer que não é ementa.",), ""),
        (("Dispõe sobre " + "a matéria, " * 400 + "e outras.",), None),
    ],
)  # fmt: skip
def test_the_summary_stands_between_epigraph_and_preamble(
    lines: tuple[str, ...], summary: str | None
) -> None:
    norm = known("LEI Nº 5, DE 3 DE MAIO DE 2020", *lines, ARTICLE)
    if summary is None:
        assert len(norm.summary) <= MAX_SUMMARY
        assert norm.summary.endswith("a …") or norm.summary.endswith("matéria, …")
    else:
        assert norm.summary == summary


def test_epigraph_and_summary_may_share_a_line() -> None:
    norm = known("LEI Nº 5, DE 3 DE MAIO DE 2020. Dispõe sobre o lixo.", ARTICLE)
    assert (norm.number, norm.summary) == ("5", "Dispõe sobre o lixo.")


@pytest.mark.parametrize(
    ("preamble", "issuer"),
    [
        ("O PRESIDENTE DA REPÚBLICA Faço saber que o Congresso Nacional decreta:",
         "Presidência da República"),
        ("O PRESIDENTE DA REPÚBLICA", "Presidência da República"),
        ("O VICE-PRESIDENTE DA REPÚBLICA no exercício do cargo", "Presidência da República"),
        ("A GOVERNADORA DO ESTADO DO RIO GRANDE DO NORTE: FAÇO SABER que o Poder",
         "Governo do Estado do Rio Grande do Norte"),
        ("O GOVERNADOR EM EXERCÍCIO DO ESTADO DO CEARÁ, no uso das atribuições",
         "Governo do Estado do Ceará"),
        ("O PREFEITO MUNICIPAL DE NATAL, no uso", "Prefeitura Municipal de Natal"),
        ("A MINISTRA DE ESTADO DA SAÚDE, no uso", "Ministério da Saúde"),
        ("O SECRETÁRIO DE GESTÃO DO MINISTÉRIO DA ECONOMIA, no uso",
         "Secretaria de Gestão do Ministério da Economia"),
        ("O CONSELHO UNIVERSITÁRIO DA UNIVERSIDADE FEDERAL DA PARAÍBA, no uso",
         "Conselho Universitário da Universidade Federal da Paraíba"),
        ("O DIRETOR-PRESIDENTE DA FUNDAÇÃO DE PESQUISA (FAPERN), no uso",
         "Fundação de Pesquisa (FAPERN)"),
        ("A Pró-Reitoria de Extensão – PROEX torna público o registro",
         "Pró-Reitoria de Extensão – PROEX"),
        ("O Pró-Reitor de Pesquisa da UFPB, no uso", "Pró-Reitoria de Pesquisa da UFPB"),
        ("A MESA DA CÂMARA DOS DEPUTADOS, nos termos do art. 60", "Mesa da Câmara dos Deputados"),
        ("O prazo do edital termina em maio.", ""),
        ("O Diretor.", ""),
    ],
)  # fmt: skip
def test_the_preamble_names_the_issuer(preamble: str, issuer: str) -> None:
    assert known("PORTARIA Nº 5, DE 3 DE MAIO DE 2020", preamble, ARTICLE).issuer == issuer


def test_the_signature_dates_what_the_epigraph_does_not() -> None:
    norm = known(
        "RESOLUÇÃO Nº 27/2020", ARTICLE, "Conselho, em João Pessoa, 29 de outubro de 2020."
    )
    assert norm.signed_on == date(2020, 10, 29)


@pytest.mark.parametrize(
    "signatures",
    [["Natal, 3 de maio de 2020.", "Natal, 4 de maio de 2020."], ["Natal, 3 de maio de 2019."]],
)
def test_signatures_that_disagree_date_nothing(signatures: list[str]) -> None:
    assert known("RESOLUÇÃO Nº 27/2020", ARTICLE, *signatures).signed_on is None


def test_a_file_name_counts_when_the_text_agrees() -> None:
    norm = known("Art. 1º Esta Lei dispõe sobre dados.", filename="lei_13709_2018_lgpd.txt")
    assert (norm.kind, norm.number, norm.year) == ("lei", "13.709", 2018)
    assert read("Art. 1º Este Decreto dispõe.", filename="lei_13709_2018_lgpd.txt") is None
    assert read("Art. 1º Esta Lei Complementar dispõe.", filename="lei_95_1998.txt") is None
    assert read("Nota sobre esta Lei.", filename="lei_13709_2018_nota.txt") is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("REGIMENTO INTERNO DO CONSELHO", "regimento"),
        ("ESTATUTO DA UNIVERSIDADE FEDERAL", "estatuto"),
        ("ATA DA 5ª REUNIÃO ORDINÁRIA", "ata"),
        ("Constituição do Estado de Minas Gerais", "constituicao"),
    ],
)
def test_some_kinds_bear_a_name_and_no_number(line: str, kind: str) -> None:
    norm = known(line, ARTICLE)
    assert (norm.kind, norm.number, norm.title, norm.short_name) == (kind, "", "", "")


def test_names_for_display() -> None:
    norm = known("LEI Nº 14.133, DE 1º DE ABRIL DE 2021", ARTICLE)
    assert norm.title == "Lei nº 14.133, de 1º de abril de 2021"
    assert norm.short_name == "Lei 14.133/2021"
    assert known("RESOLUÇÃO Nº 27/2020", ARTICLE).title == "Resolução nº 27/2020"


@pytest.mark.parametrize(
    ("title", "filename", "shown"),
    [
        ("Regulamento de Graduação", "a.pdf", "Regulamento de Graduação"),
        ("", "a.pdf", "Lei nº 5, de 3 de maio de 2020"),
        ("Microsoft Word - Lei 5.doc", "a.pdf", "Lei nº 5, de 3 de maio de 2020"),
        ("LEI_5_2020_LIXO", "lei_5_2020_lixo.txt", "Lei nº 5, de 3 de maio de 2020 – lixo"),
    ],
)
def test_a_title_that_says_nothing_gives_way_to_the_norm(
    title: str, filename: str, shown: str
) -> None:
    norm = known("LEI Nº 5, DE 3 DE MAIO DE 2020", ARTICLE)
    assert title_with(norm, title, filename) == shown


def test_without_a_norm_the_title_or_the_file_s_name_stays() -> None:
    assert title_with(None, "LEI_5_2020", "x.txt") == "LEI_5_2020"
    assert title_with(None, "", "relatorio.final.txt") == "relatorio.final"


LINES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        st.sampled_from(
            ["LEI Nº 5, DE", "EDITAL", "1/2020", "DE 3 DE MAIO DE 2020", "O PREFEITO,"]
        ),
    ),
    max_size=8,
)


@given(LINES)
def test_any_text_is_read_without_failing(lines: list[str]) -> None:
    norm = read(*lines, " ".join(lines))
    assert norm is None or norm.kind in NAMES
