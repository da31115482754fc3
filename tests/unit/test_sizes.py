"""Files and functions of the product stay short enough to be read at once (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
SOURCES = sorted((ROOT / "govbot").rglob("*.py"))


def test_files_stay_short() -> None:
    assert len(SOURCES) > 300
    long = {str(file.relative_to(ROOT)): _lines(file) for file in SOURCES}
    assert {name: n for name, n in long.items() if n >= LINES_OF_A_FILE} == {}


def test_functions_stay_short() -> None:
    lengths = {
        f"{file.relative_to(ROOT)}: {name}": length
        for file in SOURCES
        for name, length in _functions(file)
    }
    assert len(lengths) > 3000
    assert {name: n for name, n in lengths.items() if n >= LINES_OF_A_FUNCTION} == {}


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def _functions(file: Path) -> list[tuple[str, int]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
