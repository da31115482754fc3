"""File names from outside."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.ingest.names import clean_filename, clean_place


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [
        ("Edital nº 3.pdf", "Edital nº 3.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\lei.docx", "lei.docx"),
        ("lei\u202efdp.exe", "leifdp.exe"),
        ("a\x00b\nc.txt", "ab c.txt"),
        ("  . lei.pdf . ", "lei.pdf"),
        ("licitac\u0327a\u0303o.pdf", "licitação.pdf"),
        ("", "documento"),
        ("///", "documento"),
        ("..", "documento"),
        ("\u200b", "documento"),
    ],
)
def test_a_file_name_is_made_safe(given_name: str, clean: str) -> None:
    assert clean_filename(given_name) == clean


def test_a_long_name_keeps_its_extension() -> None:
    name = clean_filename("a" * 400 + ".pdf")
    assert len(name) == 255
    assert name.endswith("a.pdf")


def test_a_place_keeps_its_folders_and_leaves_none() -> None:
    assert clean_place("2020/../leis\\lei 1.pdf") == "2020/leis/lei 1.pdf"


@given(st.text())
def test_every_name_becomes_one_that_can_be_stored(name: str) -> None:
    clean = clean_filename(name)
    assert 1 <= len(clean) <= 255
    assert unicodedata.is_normalized("NFC", clean)
    assert not {"/", "\\", "\0", "\u202e"} & set(clean)
    clean.encode("utf-8")
    assert clean_filename(clean) == clean


@given(st.text())
def test_every_place_is_relative_and_stays_the_same_when_cleaned_again(place: str) -> None:
    clean = clean_place(place)
    assert 1 <= len(clean) <= 1000
    assert not clean.startswith("/")
    assert ".." not in clean.split("/")
    assert clean_place(clean) == clean
