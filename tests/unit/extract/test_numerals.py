"""Values of cells as Brazilians write them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from govbot.extract.numerals import plain_number, shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.56, '"R$" #,##0.00', "R$ 1.234,56"),
        (1234.56, "[$R$-416] #,##0.00", "R$ 1.234,56"),
        (1234.5, 'R$\\ #,##0.00;-R$\\ #,##0.00', "R$ 1.234,50"),
        (-1234.5, '_-"R$" * #,##0.00_-;\\-"R$" * #,##0.00_-', "R$ -1.234,50"),
        (-5, "#,##0;(#,##0)", "-5"),
        (10, "[$€-2] #,##0.00", "€ 10,00"),
        (0.153, "0.0%", "15,3%"),
        (1, "0%", "100%"),
        (1234567, "#,##0", "1.234.567"),
        (1234567, "General", "1234567"),
        (2024, "General", "2024"),
        (0.1 + 0.2, "General", "0,3"),
        (3.0, "General", "3"),
        (-0.0, "General", "0"),
        (2.5, "0", "3"),
        (1.005, "0.00", "1,01"),
        (7, "000", "007"),
        (12345678909, "000\\.000\\.000\\-00", "123.456.789-09"),
        (1234567000189, "00\\.000\\.000\\/0000\\-00", "01.234.567/0001-89"),
        (59000000, "00000\\-000", "59000-000"),
        (5.0, "# ?/?", "5"),
        (1.5e300, "General", "1.5e+300"),
        (float("inf"), "General", "inf"),
        (123456, "0.00E+00", "123456"),
        (True, "General", "Verdadeiro"),
        (datetime(2024, 3, 5), "dd/mm/yyyy", "05/03/2024"),
        (datetime(2024, 3, 5, 14, 30), "dd/mm/yyyy hh:mm", "05/03/2024 14:30"),
        (datetime(2024, 3, 1), "mmm-yy", "03/2024"),
        (date(2024, 3, 5), "General", "05/03/2024"),
        (time(9, 5), "hh:mm", "09:05"),
        (timedelta(hours=30, minutes=15), "[h]:mm", "30:15"),
        (None, "General", ""),
        ("  dois\nespaços ", "@", "dois espaços"),
    ],
)  # fmt: skip
def test_values_follow_the_format_of_their_cell(value: object, code: str, text: str) -> None:
    assert shown(value, code) == text


@pytest.mark.parametrize(
    "text",
    ["1234", "1.234,56", "R$ 1.234,56", "-R$ 5", "15,3%", "05/03/2024", "2024-03-05", "14:30",
     "123.456.789-09", "12.345.678/0001-95", "(10)", "2024-03-05T10:00:00", "5/3/24 9:00"],
)  # fmt: skip
def test_numbers_and_dates_are_recognised_as_typed(text: str) -> None:
    assert plain_number(text)


@pytest.mark.parametrize("text", ["Valor", "Lei 8.666", "1º", "10 dias", "Item 1", ""])
def test_words_are_no_numbers(text: str) -> None:
    assert not plain_number(text)


def test_a_hostile_number_costs_nothing() -> None:
    assert not plain_number("1." * 50_000)
    assert shown(1, "0" * 50_000)
