"""Text is told from the rubbish of broken fonts."""

from __future__ import annotations

import random
import string

import pytest

from govbot.extract.legible import is_legible
from tests.scans import NORM

TEXT = "\n".join(NORM)
NAMES = "Abraão Wilson\nKléber Yuri\nBeatriz Walkyria\nHenrique Matheus\nThiago Victor\n" * 12
CODES = "RG 12.345.678-9 SSP/SP CPF 123.456.789-00 R$ 1.234,56 fl. 12 proc. 01-2019/77\n" * 9


@pytest.mark.parametrize("text", [TEXT, TEXT.upper(), NAMES, CODES, "12 34", "", "ANEXO XVII"])
def test_texts_lists_of_names_and_tables_are_legible(text: str) -> None:
    assert is_legible(text)


@pytest.mark.parametrize("shift", [1, 3, 29, -29])
def test_shifted_letters_are_not(shift: int) -> None:
    assert not is_legible(
        "".join(char if char.isspace() else chr(max(33, ord(char) + shift)) for char in TEXT)
    )


def test_private_characters_are_not() -> None:
    assert not is_legible(" ".join("\ue001\ue002\ue003 a\ufffd" for _ in range(20)))


def test_exchanged_letters_are_not() -> None:
    chance, letters = random.Random(5), string.ascii_lowercase
    taken = 0
    for _ in range(50):
        other = "".join(chance.sample(letters, len(letters)))
        table = str.maketrans(letters + letters.upper(), other + other.upper())
        taken += is_legible(TEXT.translate(table))
    assert taken <= 5


def test_a_few_words_repeated_for_pages_are_legible() -> None:
    assert is_legible("Parágrafo longo. " * 2_000)
    assert is_legible("Xerox quartzo jazz. " * 2_000)
