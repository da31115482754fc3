"""The layers of docs/architecture.md and the borders of heavy libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "govbot"

# library -> the only places that may import it, as path prefixes inside govbot/
BORDERS = {
    "litestar": ("web/",),
    "uvicorn": ("web/", "cli/serve.py"),
    "procrastinate": ("jobs/", "tasks.py"),
    "llama_cpp": ("generate/", "models/", "finetune/", "llama_log.py", "devices.py"),
    "sentence_transformers": ("models/", "finetune/"),
    "torch": ("models/", "finetune/"),
    "transformers": ("models/", "finetune/"),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "alembic": ("db/",),
    "argon2": ("auth/",),
    "docx": ("extract/", "demo/", "dossier/"),
    "reportlab": ("dossier/",),
    "lxml": ("extract/",),
    "nh3": ("web/",),
    "watchdog": ("ingest/",),
    "prometheus_client": ("metrics/",),
    "opentelemetry": ("tracing.py",),
}

# What no module may import at its top, because most commands never need it, but for modules that
# are themselves loaded only when used.
LAZY: dict[str, tuple[str, ...]] = {
    "torch": (),
    "sentence_transformers": (),
    "transformers": (),
    "opentelemetry": (),
    "llama_cpp": ("generate/llama", "generate/adapters.py", "llama_log.py"),
}


def test_layers_are_kept() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("library", BORDERS)
def test_library_stays_inside_its_border(library: str) -> None:
    outside = [
        f"govbot/{module}:{line}"
        for module, line, name, _ in _imports()
        if name == library and not module.startswith(BORDERS[library])
    ]
    assert outside == []


@pytest.mark.parametrize("library", LAZY)
def test_heavy_library_is_imported_only_where_it_is_used(library: str) -> None:
    at_top = [
        f"govbot/{module}:{line}"
        for module, line, name, top in _imports()
        if name == library and top and not module.startswith(LAZY[library])
    ]
    assert at_top == []


def test_command_line_starts_without_the_heavy_libraries() -> None:
    code = "import sys, govbot.cli.main; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    heavy = {*LAZY, "litestar", "psycopg", "numpy", "alembic", "procrastinate", "httpx", "rich"}
    assert heavy & set(found.stdout.split()) == set()


def test_choosing_a_generator_and_an_embedder_loads_neither_engine() -> None:
    code = "import sys, govbot.generate.router, govbot.models.embedder; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert {*LAZY} & set(found.stdout.split()) == set()


def test_border_check_sees_an_import_inside_a_function() -> None:
    source = "def f():\n    import torch.nn\n"
    assert list(_imports_of(ast.parse(source))) == [(2, "torch", False)]


def test_border_check_leaves_out_what_only_types_need() -> None:
    source = "if TYPE_CHECKING:\n    from torch import Tensor\nelse:\n    import docx\n"
    assert [name for _, name, _ in _imports_of(ast.parse(source))] == ["docx"]


@cache
def _imports() -> list[tuple[str, int, str, bool]]:
    """(module path, line, top-level package, at the top of the module) of every import."""
    return [
        (file.relative_to(PACKAGE).as_posix(), *found)
        for file in sorted(PACKAGE.rglob("*.py"))
        for found in _imports_of(ast.parse(file.read_text(encoding="utf-8")))
    ]


def _imports_of(node: ast.AST, top: bool = True) -> Iterator[tuple[int, str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield child.lineno, alias.name.partition(".")[0], top
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.lineno, child.module.partition(".")[0], top
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports_of(ast.Module(body=child.orelse, type_ignores=[]), top)
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports_of(child, top and not inside)
