"""Which acronyms a text defines."""

from __future__ import annotations

import pytest

from govbot.ingest.acronyms import Acronym, learned


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("A Advocacia-Geral da União (AGU) atua.", "AGU", "Advocacia-Geral da União"),
        ("pela AGU (Advocacia-Geral da União).", "AGU", "Advocacia-Geral da União"),
        ("Universidade Federal da Paraíba – UFPB", "UFPB", "Universidade Federal da Paraíba"),
        ("Controladoria-Geral da União/CGU", "CGU", "Controladoria-Geral da União"),
        (
            "a Agência Nacional de Vigilância Sanitária (Anvisa)",
            "Anvisa",
            "Agência Nacional de Vigilância Sanitária",
        ),
        (
            "Fundação de Apoio à Pesquisa do Rio (doravante FAPERI)",
            "FAPERI",
            "Fundação de Apoio à Pesquisa do Rio",
        ),
        (
            "o Banco do Povo Mineiro, doravante denominado BPM, contrata",
            "BPM",
            "Banco do Povo Mineiro",
        ),
        ("ETP: Estudo Técnico Preliminar;", "ETP", "Estudo Técnico Preliminar"),
        (
            "CAPES - Coordenação de Aperfeiçoamento de Pessoal de Nível Superior é",
            "CAPES",
            "Coordenação de Aperfeiçoamento de Pessoal de Nível Superior",
        ),
    ],
)
def test_a_definition_is_learned(text: str, short: str, long: str) -> None:
    assert Acronym(short, long) in learned([text])


@pytest.mark.parametrize(
    "text",
    [
        "item da lista seguinte (II) e o anexo (A)",
        "em Natal/RN, na Rua do Sol (RN)",
        "o valor (BRL) e a taxa - IPCA",
        "o Ministério (MEC) informa",
        "sem sigla nenhuma (nenhuma)",
    ],
)
def test_what_is_no_definition_is_not_learned(text: str) -> None:
    assert learned([text]) == []


def test_a_definition_counts_once_and_many_have_an_end() -> None:
    twice = ["Lei de Acesso à Informação (LAI)", "lei de acesso à informação (LAI)"]
    assert len(learned(twice)) == 1
