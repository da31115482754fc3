"""The report of a bulk import as a CSV file that grows with it, so that an import can go on.

A row is written when the fate of a file is known. Reading it back, the last row of a file counts,
and a row that was cut off by a crash does not.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TextIO

from govbot.errors import Invalid

# Spreadsheets of Brazil part columns by semicolons and take UTF-8 only with its mark.
_SEPARATOR = ";"
_MARK = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(slots=True)
class Entry:
    """What became of a file. `size` in bytes, `modified` in nanoseconds, `seconds` of processing.

    `state` is that of the version; `duplicate` is "yes" when the collection had the content.
    """

    file: str
    size: int = 0
    modified: int = 0
    state: str = ""
    duplicate: str = ""
    document: str = ""
    version: str = ""
    pages: int = 0
    ocr_pages: int = 0
    unread_pages: int = 0
    passages: int = 0
    seconds: float = 0.0
    error_code: str = ""
    error: str = ""


COLUMNS = [field.name for field in fields(Entry)]


class Journal:
    """The entries of a file, kept on disk; without a path in memory only."""

    def __init__(self, path: Path | None):
        self._path = path
        self._file: TextIO | None = None
        self.entries: dict[str, Entry] = {}

    def __enter__(self) -> Journal:
        """Reads what is there. Raises Invalid when it is no report or cannot be written."""
        if self._path is not None:
            try:
                if self._path.exists():
                    self.entries = {e.file: e for e in _read(self._path)}
                _write(self._path, self.entries.values())
                self._file = self._path.open("a", encoding="utf-8", newline="")
            except OSError as error:
                raise Invalid(
                    "The report %(path)s cannot be written (%(reason)s).",
                    path=str(self._path),
                    reason=error.strerror or str(error),
                ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._file is not None and self._path is not None:
            self._file.close()
            _write(self._path, self.entries.values())

    def is_done(self, file: str, size: int, modified: int) -> bool:
        """Whether an earlier import brought this very file to its end."""
        entry = self.entries.get(file)
        return (
            entry is not None
            and (entry.size, entry.modified) == (size, modified)
            and entry.state == "ready"
        )

    def add(self, entry: Entry) -> None:
        """Remembers the fate of a file; it survives the end of the process."""
        self.entries[entry.file] = entry
        if self._file is not None:
            self._file.write(_line(entry))
            self._file.flush()


def _read(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        text = file.read()
    complete = text[: text.rfind("\r\n") + 2]
    rows = list(csv.reader(io.StringIO(complete, newline=""), delimiter=_SEPARATOR))
    if not rows:
        if text.strip():
            raise _no_report(path)
        return
    if rows[0] != COLUMNS:
        raise _no_report(path)
    for row in rows[1:]:
        try:
            yield _entry(row)
        except ValueError:
            continue


def _entry(row: list[str]) -> Entry:
    if len(row) != len(COLUMNS):
        raise ValueError("a row that was cut off")
    plain = [cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell for cell in row]
    file, size, modified, state, duplicate, document, version, *counts, code, error = plain
    pages, ocr_pages, unread_pages, passages = (int(count) for count in counts[:4])
    return Entry(
        file=file,
        size=int(size),
        modified=int(modified),
        state=state,
        duplicate=duplicate,
        document=document,
        version=version,
        pages=pages,
        ocr_pages=ocr_pages,
        unread_pages=unread_pages,
        passages=passages,
        seconds=float(counts[4].replace(",", ".")),
        error_code=code,
        error=error,
    )


def _write(path: Path, entries: Iterable[Entry]) -> None:
    """The whole report, one row per file, put in place at once."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(_MARK + _SEPARATOR.join(COLUMNS) + "\r\n")
            file.writelines(_line(entry) for entry in entries)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _line(entry: Entry) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=_SEPARATOR, lineterminator="\r\n")
    writer.writerow([_cell(value) for value in astuple(entry)])
    return buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    # Names of files need not be valid text, and no cell may become a formula.
    text = str(value).encode("utf-8", "replace").decode().replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _no_report(path: Path) -> Invalid:
    return Invalid(
        "%(path)s is there already and is no report of an import: choose another file.",
        path=str(path),
    )
