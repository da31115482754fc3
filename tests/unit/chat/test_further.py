"""What headings are about, and how norms are called in a question."""

from __future__ import annotations

import pytest

from govbot.chat.further import named, short


@pytest.mark.parametrize(
    ("heading", "subjects"),
    [
        ("Capítulo II › Das férias › Art. 77", ["férias"]),
        ("Arts. 23 a 25", []),
        ("Arts. 6º a 9º › § 1º", []),
        (
            "TÍTULO III - DOS DIREITOS E VANTAGENS › Seção I – Da Gratificação Natalina",
            ["Gratificação Natalina", "Direitos e vantagens"],
        ),
        ("3.2 Prazo de entrega", ["Prazo de entrega"]),
        ("CPF ***.456.789-** do servidor", []),
        ("Uma frase inteira que é longa demais para ser o assunto de qualquer coisa " * 2, []),
    ],
)
def test_a_heading_gives_its_subjects_without_numbers(heading: str, subjects: list[str]) -> None:
    assert named(heading.split(" › ")) == subjects


def test_a_norm_is_called_by_its_number() -> None:
    assert short("LEI Nº 1.487, DE 9 DE NOVEMBRO DE 2023") == "Lei nº 1.487"
    assert short("Decreto nº 12/2020, de 2 de maio") == "Decreto nº 12/2020"
    assert short("Manual de compras, 2024") == "Manual de compras, 2024"
