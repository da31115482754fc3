"""What the catalog holds: `_()` in code and templates, and the sentences of the errors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import IO, Any

from babel.messages.extract import extract_python

Message = tuple[int, Any, Any, Any]


def extract(
    fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[Message]:
    """Messages of a Python file: babel's own, docstrings and templates of error classes."""
    yield from extract_python(fileobj, keywords, comment_tags, options)
    fileobj.seek(0)
    tree = ast.parse(fileobj.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and _is_error(node):
            yield node.lineno, None, (ast.get_docstring(node) or "").strip(), []


def _is_error(node: ast.ClassDef) -> bool:
    """Every error of ours has a stable code."""
    names = {
        target.id
        for statement in node.body
        for target in (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [statement.target]
            if isinstance(statement, ast.AnnAssign) and statement.value is not None
            else []
        )
        if isinstance(target, ast.Name)
    }
    return "code" in names and bool(node.bases) and ast.get_docstring(node) is not None
