"""Rows of spreadsheets as sentences: each value with the header of its column.

"Órgão: SEPLAG; Valor: R$ 1.234,56" is found and understood without the rows above it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from govbot.errors import BadDocument
from govbot.extract import Block, Limits
from govbot.extract.text import check_characters

ROWS_PER_PAGE = 200
MAX_CELLS = 5_000_000  # looked at, empty ones included
_MAX_HEADER = 200
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is shown; `words` when it is a text, and no number, date or formula of one."""

    text: str = ""
    words: bool = True
    spans: bool = False  # goes on from the left: one range merged across columns


Row = Sequence[Cell]
EMPTY = Cell()


class Budget:
    """Counts the cells and characters of a workbook. Raises BadDocument E-TAMANHO."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cells = self.characters = 0

    def spend(self, cells: int, characters: int) -> None:
        self.cells += max(cells, 1)
        self.characters += characters
        check_characters(self.characters, self.limits)
        if self.cells > MAX_CELLS:
            raise BadDocument(
                "The spreadsheet has more than %(limit)s cells. Split it into smaller files.",
                code="E-TAMANHO",
                limit=MAX_CELLS,
            )


@dataclass
class SheetText:
    """Pages of one sheet: feed it rows in order, then close it."""

    name: str
    budget: Budget
    pages: list[list[Block]] = field(default_factory=list)
    _header: dict[int, str] = field(default_factory=dict)
    _waiting: Row | None = None  # a row that may be a header: the next one tells
    _fresh: bool = True  # no header since the start or since an empty row
    _lines: list[str] = field(default_factory=list)
    _rows: int = 0
    _blocks: list[Block] = field(default_factory=list)

    def feed(self, row: Row) -> None:
        filled = _filled(row)
        self.budget.spend(len(row), sum(len(cell.text) for cell in row))
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            if filled and _joins(waiting, row):
                self._take_header(waiting, row)
                return
            self._take_header(waiting)
        if not filled:
            self._fresh = True
        elif len(filled) == 1 and (self._fresh or not self._header):
            self._end_rows()
            self._blocks.append(Block("paragraph", row[filled[0]].text))
            self._count()
        elif self._begins_table(row, filled):
            self._waiting = row
        else:
            self._fresh = False
            self._row(row, filled)

    def close(self) -> None:
        if self._waiting is not None:
            self._header = {}
            self._row(self._waiting, _filled(self._waiting))
        self._end_page()

    def _begins_table(self, row: Row, filled: list[int]) -> bool:
        """A row of words where a table may begin; below an empty row only with other columns."""
        if len(filled) < 2 or not _names(row):
            return False
        if len(filled) == 2 and row[filled[0]].text.endswith(":"):
            return False
        if not self._header:
            return self._rows == 0 or self._fresh
        names = {index: row[index].text for index in filled}
        return names == self._header or (self._fresh and set(filled) != set(self._header))

    def _take_header(self, row: Row, below: Row = ()) -> None:
        self._end_rows()
        self._fresh = False
        self._header = {}
        for index in range(max(len(row), len(below))):
            parts = [line[index].text for line in (row, below) if index < len(line)]
            name = " – ".join(dict.fromkeys(part for part in parts if part))
            if name:
                self._header[index] = name[:_MAX_HEADER].rstrip(" :")

    def _row(self, row: Row, filled: list[int]) -> None:
        first = row[filled[0]].text
        if len(filled) == 2 and first.endswith(":"):
            line = f"{first} {row[filled[1]].text}"
        else:
            parts = []
            for index in filled:
                name = self._header.get(index)
                parts.append(f"{name}: {row[index].text}" if name else row[index].text)
            line = "; ".join(parts)
        self.budget.spend(0, len(line))
        self._lines.append(line)
        self._count()

    def _count(self) -> None:
        self._rows += 1
        if self._rows % ROWS_PER_PAGE == 0:
            self._end_page()

    def _end_rows(self) -> None:
        if self._lines:
            self._blocks.append(Block("table", "\n".join(self._lines)))
            self._lines = []

    def _end_page(self) -> None:
        self._end_rows()
        if self._blocks:
            self.pages.append([Block("heading", self.name, 1), *self._blocks])
            self._blocks = []


def _filled(row: Row) -> list[int]:
    """Columns with a value; a range merged across columns counts once."""
    return [index for index, cell in enumerate(row) if cell.text and not cell.spans]


def _names(row: Row) -> bool:
    """Whether the cells could be names of columns: words, and years beside them."""
    filled = [cell for cell in row if cell.text]
    words = [cell for cell in filled if cell.words]
    return bool(words) and all(cell.words or _YEAR.fullmatch(cell.text) for cell in filled)


def _joins(header: Row, below: Row) -> bool:
    """Whether a header goes on in the row below: some of its names span several columns."""
    if not any(cell.spans for cell in header):
        return False
    return len(_filled(below)) >= 2 and _names(below)


def labels_of(sheets: Sequence[SheetText]) -> list[str]:
    """The name of the sheet for each page, with a count where it has several."""
    labels = []
    for sheet in sheets:
        many = len(sheet.pages) > 1
        for number in range(1, len(sheet.pages) + 1):
            labels.append(f"{sheet.name[:60]} ({number})" if many else sheet.name[:60])
    return labels
