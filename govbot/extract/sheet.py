"""XLSX: each row of each sheet with the headers of its columns, numbers as Brazilians write them.

openpyxl reads the values that the last program computed; merged ranges, which it does not know
while it streams, are read from the XML beside it.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from govbot.extract import Extracted, Limits, OnPage
from govbot.extract.cells import EMPTY, Budget, Cell, SheetText, labels_of
from govbot.extract.guard import guarded
from govbot.extract.numerals import shown
from govbot.extract.opc import plain_package
from govbot.extract.text import assembled, finished

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s+ref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_UNCOMPUTED = re.compile(rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<v></v>)?\s*</(?:\w+:)?c>")
_MAX_MERGED = 20_000
_MAX_FILLED_ROWS = 5_000
_MAX_SPAN = 256


@guarded("XLSX")
def extract_xlsx(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Pages of 200 rows. Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    package = plain_package(path, limits)
    budget = Budget(limits)
    sheets: list[SheetText] = []
    book = _opened(package)
    formulas = None
    for sheet in book.worksheets:
        data = _xml(package, sheet)
        if formulas is None and _UNCOMPUTED.search(data):
            formulas = _opened(package, values=False)
        text = SheetText(_name(sheet), budget)
        beside = formulas[sheet.title] if formulas is not None else None
        for row in _rows(sheet, beside, _Merged(data)):
            text.feed(row)
        text.close()
        sheets.append(text)
    metadata = _metadata(book)
    pages = [page for text in sheets for page in text.pages]
    made = assembled(pages, limits, on_page, labels=labels_of(sheets))
    return finished(made, metadata, metadata.get("title", ""))


def _opened(package: io.BytesIO, *, values: bool = True) -> Any:
    import warnings

    # The package is checked for entities already, and the slow parser that openpyxl would take
    # against them doubles the time.
    os.environ.setdefault("OPENPYXL_DEFUSEDXML", "False")
    import openpyxl

    package.seek(0)
    with warnings.catch_warnings():  # it warns about extensions that nobody needs for reading
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(package, read_only=True, data_only=values, keep_links=False)


def _xml(package: io.BytesIO, sheet: Any) -> bytes:
    with zipfile.ZipFile(package) as archive:
        return archive.read(sheet._worksheet_path)


def _name(sheet: Any) -> str:
    name = " ".join(str(sheet.title).split())
    return name if sheet.sheet_state == "visible" else f"{name} (planilha oculta)"


def _rows(sheet: Any, formulas: Any, merged: _Merged) -> Iterator[list[Cell]]:
    """Rows from the first to the last with a value; gaps between them are empty rows."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet.reset_dimensions()  # what a file says about its size is often wrong
        others: Iterator[Any] = iter(())
        if formulas is not None:
            formulas.reset_dimensions()
            others = iter(formulas.iter_rows())
        for number, row in enumerate(sheet.iter_rows(), start=1):
            beside = next(others, ())
            cells = [_cell(cell) for cell in row]
            for index, other in enumerate(beside):
                if index < len(cells) and not cells[index].text and other.data_type == "f":
                    cells[index] = Cell(str(other.value), words=False)
            yield merged.filled(number, cells)


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return EMPTY
    if isinstance(value, str):
        return Cell(" ".join(value.split()))
    return Cell(shown(value, cell.number_format or "General"), words=False)


class _Merged:
    """Ranges of merged cells: rows below repeat the value, columns beside go on from it."""

    def __init__(self, data: bytes) -> None:
        self.across: dict[int, list[tuple[int, int]]] = {}
        self.down: dict[int, list[tuple[int, int]]] = {}
        seen: set[tuple[int, int]] = set()
        for index, match in enumerate(_MERGED.finditer(data)):
            if index == _MAX_MERGED:
                break
            left, right = _column(match[1]), _column(match[3])
            top, bottom = int(match[2]), int(match[4])
            if (top, left) in seen:  # real files have each cell in one range only
                continue
            seen.add((top, left))
            if right > left:
                self.across.setdefault(top, []).append((left, right))
            if bottom > top:
                self.down.setdefault(top, []).append((left, bottom))
        self.open: list[tuple[int, int, Cell]] = []

    def filled(self, number: int, cells: list[Cell]) -> list[Cell]:
        """The row with the values of ranges that it lies in."""
        self.open = [item for item in self.open if item[1] >= number]
        if any(cell.text for cell in cells):  # a range never makes rows of its own
            for left, _, value in self.open:
                if left < len(cells) and not cells[left].text:
                    cells[left] = value
        for left, right in self.across.get(number, ()):
            if left < len(cells):
                value = Cell(cells[left].text, cells[left].words, spans=True)
                end = min(right + 1, max(len(cells), _MAX_SPAN)) if value.text else 0
                cells.extend([EMPTY] * (end - len(cells)))
                for column in range(left + 1, end):
                    if not cells[column].text:
                        cells[column] = value
        for left, bottom in self.down.get(number, ()):
            if left < len(cells) and cells[left].text:
                self.open.append((left, min(bottom, number + _MAX_FILLED_ROWS), cells[left]))
        return cells


def _column(letters: bytes) -> int:
    """0 for A, 25 for Z, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _metadata(book: Any) -> dict[str, str]:
    core = book.properties
    values = {"title": core.title, "author": core.creator, "subject": core.subject}
    return {key: " ".join(str(value).split())[:500] for key, value in values.items() if value}
