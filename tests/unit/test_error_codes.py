"""docs/errors.md and the code name the same error codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from govbot.web.reasons import _REASONS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"E-[A-Z]+(?:-[A-Z]+)*")


def test_every_code_of_the_program_is_explained() -> None:
    assert _codes_of_the_program() - _codes_of_the_page() == set()


def test_every_code_that_is_explained_exists() -> None:
    assert _codes_of_the_page() - _codes_of_the_program() == set()


def test_no_code_is_explained_twice() -> None:
    rows = _rows()
    assert len(rows) == len(set(rows))


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| E-")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row for row in cells if len(row) != 3 or not all(row)] == []


def test_every_code_that_the_pages_explain_is_a_document_s() -> None:
    documents = PAGE.read_text("utf-8").partition("## Documents")[2].partition("\n## ")[0]
    assert set(_REASONS) - set(_rows(documents)) == set()


def test_codes_on_other_pages_exist() -> None:
    pages = [page for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if page != PAGE]
    named = {code for page in pages for code in CODE.findall(page.read_text("utf-8"))}
    assert named - _codes_of_the_program() == set()


def _codes_of_the_program() -> set[str]:
    """Every text of the Python sources that is a code or ends with one, and those of migrations."""
    found = set()
    for file in (ROOT / "govbot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if CODE.fullmatch(node.value) else set()
                found |= set(re.findall(rf"\[({CODE.pattern})\]$", node.value))
    for file in (ROOT / "migrations" / "sql").glob("*.sql"):
        found |= set(re.findall(rf"'({CODE.pattern})'", file.read_text("utf-8")))
    return found


def _codes_of_the_page() -> set[str]:
    return set(_rows())


def _rows(text: str | None = None) -> list[str]:
    shown = PAGE.read_text("utf-8") if text is None else text
    return re.findall(rf"^\| ({CODE.pattern}) \|", shown, re.MULTILINE)
