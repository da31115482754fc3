"""The demo as its readers find it: manifest, questions and the text of the documents."""

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest

DEMO = Path(__file__).resolve().parents[3] / "govbot" / "demo"


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    return tomllib.loads((DEMO / "manifest.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def questions() -> list[dict[str, Any]]:
    lines = (DEMO / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def pages() -> Callable[[str], tuple[str, ...]]:
    """Text of each page of a PDF, or of the whole of a DOCX, with single spaces."""

    @cache
    def read(file: str) -> tuple[str, ...]:
        path = DEMO / "documents" / file
        return tuple(
            re.sub(r"\s+", " ", text) for text in (_docx if path.suffix == ".docx" else _pdf)(path)
        )

    return read


def _pdf(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def _docx(path: Path) -> list[str]:
    document = docx.Document(str(path))
    rows = (row for table in document.tables for row in table.rows)
    cells = [cell.text for row in rows for cell in row.cells]
    return ["\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])]
