"""The page of troubleshooting has a place for every code, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govbot.cli.doctor_looks import DATABASE, MACHINE, PARTS, SCHEMA, STORED

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "troubleshooting.md", DOCS / "pt-BR" / "troubleshooting.md"]


@pytest.mark.parametrize("page", PAGES, ids=["en", "pt-BR"])
def test_every_code_has_a_place_and_no_other_is_named(page: Path) -> None:
    codes = re.findall(r"^\| (E-[A-Z-]+) \|", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE)
    named = re.findall(r"`(E-[A-Z-]+)`", page.read_text("utf-8"))
    assert set(codes) ^ set(named) == set()


@pytest.mark.parametrize("page", PAGES, ids=["en", "pt-BR"])
def test_every_row_says_what_is_seen_why_and_what_to_do(page: Path) -> None:
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row for row in cells if len(row) != 3 or not all(row)] == []


@pytest.mark.parametrize("page", PAGES, ids=["en", "pt-BR"])
def test_lines_of_the_doctor_that_are_named_exist(page: Path) -> None:
    looks = {look.check for look in (*MACHINE, DATABASE, SCHEMA, *STORED, *PARTS)}
    named = re.findall(
        r'(?:line|linha) "([^"]+)"|(?:lines|linhas) "([^"]+)" (?:and|e) "([^"]+)"',
        page.read_text("utf-8"),
    )
    words = {word for found in named for word in found if word}
    assert {word for word in words if word not in looks | {"certificate web"}} == set()
    assert len(words) > 5
