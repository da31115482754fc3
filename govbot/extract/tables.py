"""Tables of a PDF page: cells from ruling lines, or from the gaps between words (pure)."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from govbot.extract.rulings import Ruling

FIELDS = -1  # number of the table that the form fields of a page make
_NEAR = 3.0  # points between lines that meet
_FIGURE = re.compile(r"\d(?!\d*[ªº°])")  # "Fase 1ª" names a column
_NARROW = 6.0  # points
_MAX_LINES = 120  # across or down one table: more make graph paper
_MAX_CELLS = 4_000
_MAX_REPEATED = 80  # characters of a cell over several rows
_COVERED = 0.6  # share of an edge that must be drawn


class Cell(NamedTuple):
    """A place in a table with borders: rows and columns that it spans, from 0."""

    table: int
    row: int
    column: int
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with borders: where its columns and rows part, and the cell over each elementary one.

    `cells[row][column]` is the cell that covers that place, the same one for all that it spans.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def cell_at(self, x: float, y: float) -> Cell | None:
        """The cell over a point, or None outside of the table."""
        column = _interval(self.xs, x)
        row = _interval(self.ys, y)
        return None if column is None or row is None else self.cells[row][column]

    def is_space(self, cell: Cell) -> bool:
        """Whether a cell is too narrow to hold text: the room between double borders."""
        wide = self.xs[cell.column + cell.columns] - self.xs[cell.column]
        high = self.ys[cell.row + cell.rows] - self.ys[cell.row]
        return min(wide, high) < _NARROW

    def walls(self) -> Iterator[tuple[float, float, float]]:
        """Borders between neighbours in a row: x, top and bottom."""
        for row, (top, bottom) in enumerate(pairwise(self.ys)):
            for column in range(1, len(self.xs) - 1):
                if self.cells[row][column - 1] != self.cells[row][column]:
                    yield self.xs[column], top, bottom


def grids_of(rulings: Sequence[Ruling]) -> list[Grid]:
    """The tables whose borders are drawn; a box around text and lines that do not meet are none."""
    if len(rulings) < 4 or not any(ruling.vertical for ruling in rulings):
        return []
    grids: list[Grid] = []
    for group in _groups(rulings):
        grid = _grid(group, len(grids))
        if grid is not None:
            grids.append(grid)
    return _innermost(grids)


def _groups(rulings: Sequence[Ruling]) -> list[list[Ruling]]:
    """Rulings that meet one another, directly or through others."""
    merged = _merged(rulings)
    parent = list(range(len(merged)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    upright = [(i, r) for i, r in enumerate(merged) if r.vertical]
    level = sorted((r.at, i, r) for i, r in enumerate(merged) if not r.vertical)
    for i, v in upright:
        for at, j, h in level:
            if at > v.end + _NEAR:
                break
            if at >= v.start - _NEAR and h.start - _NEAR <= v.at <= h.end + _NEAR:
                parent[root(i)] = root(j)
    groups: dict[int, list[Ruling]] = {}
    for index, ruling in enumerate(merged):
        groups.setdefault(root(index), []).append(ruling)
    found = [group for group in groups.values() if len(group) >= 4]
    return sorted(found, key=lambda group: min(r.at for r in group if not r.vertical))


def _merged(rulings: Sequence[Ruling]) -> list[Ruling]:
    """Pieces of one line made one: cells are often drawn each with its own borders."""
    result: list[Ruling] = []
    for vertical in (True, False):
        own = [ruling for ruling in rulings if ruling.vertical == vertical]
        places = _places(own)
        lines: dict[float, list[Ruling]] = {}
        for ruling in own:
            lines.setdefault(places[bisect(places, ruling.at) - 1], []).append(ruling)
        for at, pieces in lines.items():
            pieces.sort(key=lambda ruling: ruling.start)
            line = pieces[0]._replace(at=at)
            for piece in pieces[1:]:
                if piece.start <= line.end + _NEAR:
                    line = line._replace(end=max(line.end, piece.end))
                else:
                    result.append(line)
                    line = piece._replace(at=at)
            result.append(line)
    return result


def _grid(group: Sequence[Ruling], number: int) -> Grid | None:
    upright = [ruling for ruling in group if ruling.vertical]
    level = [ruling for ruling in group if not ruling.vertical]
    xs = _places(upright)
    ys = _closed(_places(level), upright, xs)
    if not (3 <= len(xs) <= _MAX_LINES and 3 <= len(ys) <= _MAX_LINES):
        return None
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows * columns > _MAX_CELLS:
        return None
    open_right = [
        [c + 1 < columns and not _drawn(upright, xs[c + 1], ys[r], ys[r + 1])
         for c in range(columns)]
        for r in range(rows)
    ]  # fmt: skip
    open_below = [
        [r + 1 < rows and not _drawn(level, ys[r + 1], xs[c], xs[c + 1]) for c in range(columns)]
        for r in range(rows)
    ]
    cells = _cells(open_right, open_below, number)
    names = {cell for row in cells for cell in row}
    if len({cell.column for cell in names}) < 2 or len({cell.row for cell in names}) < 2:
        return None
    return Grid(tuple(xs), tuple(ys), tuple(tuple(row) for row in cells))


def _closed(ys: list[float], upright: Sequence[Ruling], xs: Sequence[float]) -> list[float]:
    """The places of level borders, with the ends of a table that a page break left open."""
    if len(ys) < 2 or len(xs) < 3:
        return ys
    top, bottom = min(r.start for r in upright), max(r.end for r in upright)
    before = [top] if _goes_on(upright, xs, top, ys[0]) else []
    return [*before, *ys, *([bottom] if _goes_on(upright, xs, ys[-1], bottom) else [])]


def _goes_on(upright: Sequence[Ruling], xs: Sequence[float], start: float, end: float) -> bool:
    """Whether all vertical borders go on from one height to another, a row at least."""
    return end - start > _NARROW and all(_drawn(upright, x, start, end) for x in xs)


def _places(rulings: Iterable[Ruling]) -> list[float]:
    """The coordinates of lines, those of one border (often two lines) made one."""
    places: list[float] = []
    for at in sorted(ruling.at for ruling in rulings):
        if not places or at - places[-1] > _NEAR:
            places.append(at)
    return places


def _drawn(rulings: Sequence[Ruling], at: float, start: float, end: float) -> bool:
    covered = sum(
        max(0.0, min(end, ruling.end) - max(start, ruling.start))
        for ruling in rulings
        if abs(ruling.at - at) <= _NEAR
    )
    return covered >= _COVERED * (end - start)


def _cells(
    open_right: Sequence[Sequence[bool]], open_below: Sequence[Sequence[bool]], number: int
) -> list[list[Cell]]:
    """Rectangles of elementary cells without a border between them, found from the top left."""
    rows, columns = len(open_right), len(open_right[0])
    cells: list[list[Cell | None]] = [[None] * columns for _ in range(rows)]
    for row in range(rows):
        for column in range(columns):
            if cells[row][column] is not None:
                continue
            wide = 1
            while open_right[row][column + wide - 1] and cells[row][column + wide] is None:
                wide += 1
            high = 1
            while all(open_below[row + high - 1][c] for c in range(column, column + wide)) and all(
                cells[row + high][c] is None for c in range(column, column + wide)
            ):
                high += 1
            cell = Cell(number, row, column, high, wide)
            for r in range(row, row + high):
                cells[r][column : column + wide] = [cell] * wide
    return [[cell for cell in row if cell is not None] for row in cells]


def _innermost(grids: list[Grid]) -> list[Grid]:
    """Without tables that hold other tables: those only arrange the page."""
    kept = [
        grid
        for grid in grids
        if not any(
            other is not grid
            and grid.xs[0] - _NEAR <= other.xs[0]
            and other.xs[-1] <= grid.xs[-1] + _NEAR
            and grid.ys[0] - _NEAR <= other.ys[0]
            and other.ys[-1] <= grid.ys[-1] + _NEAR
            for other in grids
        )
    ]
    return kept


def _interval(places: Sequence[float], value: float) -> int | None:
    for index, (start, end) in enumerate(pairwise(places)):
        if start <= value < end:
            return index
    return None


def rows_of(texts: Mapping[Cell, str]) -> list[tuple[int, tuple[str, ...]]]:
    """The rows of a table with borders, each with its number and the text of its cells.

    `texts` holds every cell, the empty ones too. A cell over several columns stands once; one over
    several rows is repeated in each of them when it is short, so that every row can be understood
    alone. Rows without text are left out.
    """
    places: dict[int, list[Cell]] = {}
    for cell in sorted(texts, key=lambda cell: cell.column):
        for row in range(cell.row, cell.row + cell.rows):
            places.setdefault(row, []).append(cell)
    rows = []
    for row, cells in sorted(places.items()):
        if any(cell.row == row and texts[cell] for cell in cells):
            rows.append((row, tuple(_repeated(texts[cell], cell, row) for cell in cells)))
    return rows


def _repeated(text: str, cell: Cell, row: int) -> str:
    return text if cell.row == row or len(text) <= _MAX_REPEATED else ""


def header_of(rows: Sequence[Sequence[str]]) -> int:
    """How many of a table's first rows name its columns: 0 to 3.

    Such rows hold words, no figures of their own, and rows below them hold figures or longer texts.
    A title over the whole table may stand before them.
    """
    title = 1 if len(rows) > 1 and len([cell for cell in rows[0] if cell]) == 1 else 0
    count = title
    for row in rows[title : title + 3]:
        filled = [cell for cell in row if cell]
        if len(filled) < 2 or not all(_is_name(cell) for cell in filled):
            break
        count += 1
    body = rows[count : count + 4]
    if count > title and any(not _is_name(cell) for row in body for cell in row if cell):
        return count
    first, others = rows[title : title + 1], rows[title + 1 : title + 5]
    return title + 1 if first and _stands_out(first[0], others) else 0


def _is_name(cell: str) -> bool:
    return len(cell) <= 100 and not _FIGURE.search(cell) and not cell.endswith(".")


def _stands_out(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether only the first row is in capitals."""
    return (
        len(first) > 1
        and all(cell.isupper() for cell in first if cell)
        and any(cell for row in body for cell in row)
        and not any(cell.isupper() and len(cell) > 3 for row in body for cell in row)
    )
