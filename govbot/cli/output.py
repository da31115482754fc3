"""What commands print: results on standard output, progress on standard error.

On a terminal: aligned tables, indented JSON, progress bars. In a pipe: tab-separated lines, one
JSON object per line, no progress.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars


class Progress(Protocol):
    """A bar; on no terminal, nothing."""

    def advance(self, steps: int = 1) -> None: ...
    def update(
        self, *, done: float | None = None, total: float | None = None, label: str | None = None
    ) -> None: ...


def print_json(value: object, *, line: bool = False) -> None:
    """Prints `value` as JSON; `line` forces one line on a terminal too."""
    indent = 2 if sys.stdout.isatty() and not line else None
    print(json.dumps(value, ensure_ascii=False, indent=indent, default=_plain))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under their columns; on a terminal the last column is cut to fit."""
    texts = [[_text(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *texts]:
            print("\t".join(row))
        return
    room = shutil.get_terminal_size().columns
    for line in _aligned([[name.upper() for name in columns], *texts]):
        print(_cut(line, room))


def say(text: str) -> None:
    """A word on what is going on, for people only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """A sentence that must be seen, in pipes too."""
    print(f"govbot: {text}", file=sys.stderr, flush=True)


@contextmanager
def progress(label: str, total: float | None = None) -> Iterator[Progress]:
    """A progress bar on standard error while the block runs."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        yield _Bar(bars, label, total)


class _Silent:
    def advance(self, steps: int = 1) -> None:
        pass

    def update(
        self, *, done: float | None = None, total: float | None = None, label: str | None = None
    ) -> None:
        pass


class _Bar:
    def __init__(self, bars: RichBars, label: str, total: float | None):
        self._bars = bars
        self._task = bars.add_task(label, total=total)

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)

    def update(
        self, *, done: float | None = None, total: float | None = None, label: str | None = None
    ) -> None:
        self._bars.update(self._task, completed=done, total=total, description=label)


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 1 for c in text)


def _cut(line: str, room: int) -> str:
    return line if len(line) <= room else line[: room - 1] + "…"


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    return " ".join(str(cell).split())


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (UUID, Path)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
