"""What is recognised in real documents, against what a person read in them."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from govbot.extract import EXTRACTORS, Limits, sniff
from govbot.ingest.norm import Norm, identify

FAPERN = (
    "Fundação de Amparo e Promoção da Ciência, Tecnologia e Inovação do Rio Grande do Norte"
    " (FAPERN)"
)
RN = "Governo do Estado do Rio Grande do Norte"
CONSEPE = "Conselho Superior de Ensino, Pesquisa e Extensão da Universidade Federal da Paraíba"
UNION = "Presidência da República"

# file: kind, number, year, signed on, issuer, how the summary begins
READ: dict[str, tuple[str, str, int | None, date | None, str, str]] = {
    "caixa_edital_concurso_2024.pdf": ("edital", "01", 2024, date(2024, 2, 22),
                                       "Caixa Econômica Federal", ""),
    "cps_comunicado_covid19.pdf": ("comunicado", "", 2020, date(2020, 3, 16),
                                   "Centro Paula Souza (CPS)", ""),
    "fapern_resolucao_01.pdf": ("resolucao", "1", 2023, date(2023, 6, 27), FAPERN,
                                "Dispõe sobre sistematização e normatização de tipos, modalidades"),
    "fapern_resolucao_03.pdf": ("resolucao", "3", 2023, date(2023, 8, 8), FAPERN,
                                "Dispõe sobre sistematização, padronização e normatização"),
    "fapern_resolucao_04.pdf": ("resolucao", "4", 2024, date(2024, 5, 17), FAPERN,
                                "Dispõe sobre sistematização, padronização e normatização"),
    "fapern_resolucao_08.pdf": ("resolucao", "8", 2025, date(2025, 6, 24), FAPERN,
                                "Dispõe sobre a aprovação e ampliação do Programa Estratégico"),
    "fapern_resolucao_11.pdf": ("resolucao", "11", 2025, date(2025, 6, 27), FAPERN,
                                "Dispõe sobre a aprovação do Programa Permanente de Apoio"),
    "fapern_resolucao_13.pdf": ("resolucao", "13", 2025, date(2025, 7, 8), FAPERN,
                                "Dispõe sobre a criação de Polos Territoriais da FAPERN"),
    "fapern_resolucao_15.pdf": ("resolucao", "15", 2025, date(2025, 9, 23), FAPERN,
                                "Aprova o Programa de Desenvolvimento Científico"),
    "fapern_resolucao_17.pdf": ("resolucao", "17", 2025, date(2025, 12, 29), FAPERN,
                                'Aprova o "Programa de Fortalecimento da Cultura de Inovação'),
    "lei_13293_2016_06_01_cp_s00.docx": ("lei", "13.293", 2016, date(2016, 6, 1), UNION,
                                         "Altera a Lei nº 12.505, de 11 de outubro de 2011"),
    "lei_14130_2021_03_29_cp_s00.docx": ("lei", "14.130", 2021, date(2021, 3, 29), UNION,
                                         "Altera a Lei nº 8.668, de 25 de junho de 1993"),
    "lei_14133_2021_licitacoes.pdf": ("lei", "14.133", 2021, date(2021, 4, 1), UNION,
                                      "Lei de Licitações e Contratos Administrativos."),
    "lei_14924_2024_07_12_cp_s00.docx": ("lei", "14.924", 2024, date(2024, 7, 12), UNION,
                                         "Dispõe sobre a profissão de técnico em nutrição"),
    "lei_15348_2026_02_13_cp_s00.docx": ("lei", "15.348", 2026, date(2026, 2, 13), UNION,
                                         "Altera a Lei nº 14.237, de 19 de novembro de 2021"),
    "mpv_868_2018_12_27_cp_s00.docx": ("medida_provisoria", "868", 2018, date(2018, 12, 27), UNION,
                                       "Atualiza o marco legal do saneamento básico"),
    "mpv_1318_2025_09_17_cp_s00.docx": ("medida_provisoria", "1.318", 2025, date(2025, 9, 17),
                                        UNION, "Altera a Lei nº 11.196, de 21 de novembro de 2005"),
    "rn_decreto_17456_2004.pdf": ("decreto", "17.456", 2004, date(2004, 4, 19), RN,
                                  "Aprova o Estatuto da Fundação de Apoio à Pesquisa"),
    "rn_decreto_27685_2018.pdf": ("decreto", "27.685", 2018, date(2018, 1, 30), RN,
                                  "Institui o processo administrativo eletrônico"),
    "rn_lc_257_2003.pdf": ("lei_complementar", "257", 2003, date(2003, 11, 14), RN,
                           "Cria a Fundação de Apoio à Pesquisa"),
    "rn_lc_716_2022.pdf": ("lei_complementar", "716", 2022, date(2022, 6, 30), RN,
                           "Institui a Política Estadual do Desenvolvimento Científico"),
    "rn_lc_745_2023.pdf": ("lei_complementar", "745", 2023, date(2023, 11, 10), RN,
                           "Altera a Lei Complementar Estadual nº 257"),
    "ufpb_doc_pro_reitoria_2024.pdf": ("edital", "01", 2024, date(2024, 3, 14),
                                       "Pró-Reitoria de Pesquisa da UFPB", ""),
    "ufpb_edital_proex_2025.pdf": ("edital", "01", 2025, date(2025, 1, 13),
                                   "Pró-Reitoria de Extensão – PROEX", ""),
    "ufpb_regimento_reitoria.pdf": ("resolucao", "257", 1979, date(1979, 9, 5),
                                    "Conselho Universitário da Universidade Federal da Paraíba",
                                    "Aprova o Regimento da Reitoria da UFPB."),
    "ufpb_resolucao_2587334.pdf": ("resolucao", "27", 2020, date(2020, 10, 29), CONSEPE,
                                   "Aprova o Regulamento Geral dos Cursos e Programas"),
    "ufpb_resolucao_2611980.pdf": ("resolucao", "29", 2020, None, CONSEPE,
                                   "Aprova o Regulamento Geral de Graduação"),
}  # fmt: skip


def norm_of(path: Path) -> Norm | None:
    module, _, name = EXTRACTORS[sniff(path, path.name)].partition(":")
    extracted = getattr(import_module(module), name)(path, Limits(), lambda done, total: None)
    return identify(extracted.pages, path.name)


@pytest.mark.parametrize("name", sorted(READ))
def test_a_real_norm_is_recognised(shared_data: Path, name: str) -> None:
    kind, number, year, signed_on, issuer, summary = READ[name]
    norm = norm_of(shared_data / "docs" / name)
    assert norm is not None
    assert (norm.kind, norm.number, norm.year) == (kind, number, year)
    assert norm.signed_on == signed_on
    assert norm.issuer == issuer
    assert norm.summary.startswith(summary) if summary else norm.summary == ""


@pytest.mark.parametrize("folder", ["faquad", "pira"])
def test_running_text_is_no_norm(shared_data: Path, folder: str) -> None:
    files = sorted((shared_data / folder).glob("*.txt"))[::4]
    assert files
    assert [file.name for file in files if norm_of(file) is not None] == []
