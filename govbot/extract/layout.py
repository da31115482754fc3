"""Reading order of a page: rows, columns and tables, from the places of its fragments (pure)."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from govbot.extract.columns import gutter_of
from govbot.extract.fragments import Fragment
from govbot.extract.norms import starts_unit
from govbot.extract.signatures import CELL_GAP, are_signatures
from govbot.extract.tables import FIELDS, Cell, rows_of

CELL_MARK = " | "

_LONG_CELL = 400  # characters of the usual cell of what is no table
_OUTER = 3  # rows at the ends of a page where a footer may stand beside text
# The mark of an item that hangs in the margin, beyond those that begin a unit of a norm.
_HANGING = re.compile(r"(?:[a-z]|[ivxIVX]{1,6}|\d{1,2}|[A-Z])[.)]|[•·▪●○◦‣■□➢✓–—o-]")
_TABLE = "\x00"  # stands for a table among the fragments of a page


@dataclass(frozen=True, slots=True)
class Line:
    """A line of running text or, with more than one cell, a row of a table; points, downwards."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    left: float
    right: float
    cells: tuple[str, ...] = ()
    table: int | None = None  # number of a table with borders on its page

    @property
    def centred(self) -> bool:
        """Both sides are clear of the margins by about the same width."""
        before, after = self.x0 - self.left, self.right - self.x1
        return before > 1.5 * self.size and abs(before - after) < max(0.12 * (before + after), 6.0)


def lines_of(fragments: Sequence[Fragment]) -> list[Line]:
    """The lines of a page in the order in which a person reads them.

    Rotated text comes after the rest, form fields after that.
    """
    tables = _tables(fragments)
    inside = {id(fragment) for table in tables for fragment in table.fragments}
    fields = [f for f in fragments if f.cell is not None and f.cell.table == FIELDS]
    inside.update(map(id, fields))
    upright = [f for f in fragments if f.upright and f.text and id(f) not in inside]
    turned = [fragment for fragment in fragments if not fragment.upright]
    stands = [Fragment(_TABLE, *table.box, 10.0, bold=False) for table in tables]
    lines: list[Line] = []
    for region in _regions([*upright, *stands], depth=0):
        lines.extend(_with_tables(region, tables))
    lines.extend(_line([fragment], fragment.x0, fragment.x1) for fragment in turned)
    lines.extend(
        replace(_line([f], 0.0, f.x1), cells=(f.text,), table=FIELDS) for f in fields if f.text
    )
    return lines


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with borders while the page around it is being put in order."""

    fragments: list[Fragment]
    box: tuple[float, float, float, float]  # x0, x1, top, bottom


def _tables(fragments: Sequence[Fragment]) -> list[_Table]:
    groups: dict[int, list[Fragment]] = {}
    for fragment in fragments:
        if fragment.cell is not None and fragment.cell.table != FIELDS:
            groups.setdefault(fragment.cell.table, []).append(fragment)
    return [_Table(group, _box(group)) for group in groups.values() if _is_table(group)]


def _box(group: Sequence[Fragment]) -> tuple[float, float, float, float]:
    shown = [f for f in group if f.text]
    return (
        min(f.x0 for f in shown),
        max(f.x1 for f in shown),
        min(f.top for f in shown),
        max(f.bottom for f in shown),
    )


def _is_table(group: Sequence[Fragment]) -> bool:
    """Whether cells hold short texts; borders with whole sections in them only arrange a page."""
    long: dict[Cell, int] = {}
    for fragment in group:
        if fragment.cell is not None and fragment.text:
            long[fragment.cell] = long.get(fragment.cell, 0) + len(fragment.text)
    rows = {cell.row for cell in long}
    usual = statistics.median(long.values()) if long else 0
    return len(rows) > 1 and len(long) > 2 and usual <= _LONG_CELL


def _with_tables(region: list[Fragment], tables: Sequence[_Table]) -> list[Line]:
    """The lines of a region, with the rows of its tables at their place."""
    boxes = {table.box: table for table in tables}
    stands = [f for f in region if f.text == _TABLE]
    if not stands:
        return _lines(region)
    left, right = min(f.x0 for f in region), max(f.x1 for f in region)
    rest = [f for f in region if f.text != _TABLE]
    lines: list[Line] = []
    for stand in sorted(stands, key=lambda f: f.top):
        above = [f for f in rest if f.bottom < (stand.top + stand.bottom) / 2]
        rest = [f for f in rest if f.bottom >= (stand.top + stand.bottom) / 2]
        lines.extend(_lines(above, left, right))
        table = boxes[stand.x0, stand.x1, stand.top, stand.bottom]
        lines.extend(_table_rows(table.fragments, left, right))
    return lines + _lines(rest, left, right)


def _table_rows(group: Sequence[Fragment], left: float, right: float) -> list[Line]:
    """One line for each row; the lines of a cell are kept apart by newlines within `cells`."""
    contents: dict[Cell, list[Fragment]] = {}
    for fragment in group:
        if fragment.cell is not None:
            contents.setdefault(fragment.cell, []).append(fragment)
    texts = {
        cell: "\n".join(
            _line(row, left, right).text for row in _rows([f for f in inside if f.text])
        )
        for cell, inside in contents.items()
    }
    lines = []
    for number, cells in rows_of(texts):
        inside = [f for f in group if f.text and f.cell is not None and f.cell.row == number]
        line = _line(sorted(inside, key=lambda f: f.x0), left, right)
        text = CELL_MARK.join(cell.replace("\n", " ") for cell in cells)
        table = inside[0].cell.table if inside[0].cell else 0
        lines.append(replace(line, text=text, cells=cells, table=table))
    return lines


def _regions(fragments: list[Fragment], depth: int) -> list[list[Fragment]]:
    """Groups to be read one after another: bands between full-width lines, columns within them."""
    if not fragments:
        return []
    gutter = gutter_of(fragments) if depth < 3 else None
    if gutter is None:
        return [fragments]
    regions: list[list[Fragment]] = []
    band: list[Fragment] = []
    crossing = [f for f in fragments if f.x0 < gutter < f.x1]
    edges = sorted(crossing, key=lambda f: f.top)
    rest = sorted((f for f in fragments if not f.x0 < gutter < f.x1), key=lambda f: f.top)
    wide: list[Fragment] = []
    for fragment in sorted(edges + rest, key=lambda f: f.top):
        if fragment.x0 < gutter < fragment.x1:
            regions.extend(_columns(band, gutter, depth))
            band = []
            wide.append(fragment)
        else:
            if wide:
                regions.append(wide)
                wide = []
            band.append(fragment)
    regions.extend(_columns(band, gutter, depth))
    if wide:
        regions.append(wide)
    return [region for region in regions if region]


def _columns(band: list[Fragment], gutter: float, depth: int) -> list[list[Fragment]]:
    left = [f for f in band if f.x1 <= gutter]
    right = [f for f in band if f.x1 > gutter]
    if len(left) < 2 or len(right) < 2:
        return [band] if band else []
    return _regions(left, depth + 1) + _regions(right, depth + 1)


def _lines(
    fragments: list[Fragment], left: float | None = None, right: float | None = None
) -> list[Line]:
    """Rows of a region, top to bottom; rows whose gaps stand over one another are table rows."""
    rows = _rows(fragments)
    left = min((f.x0 for f in fragments), default=0.0) if left is None else left
    right = max((f.x1 for f in fragments), default=0.0) if right is None else right
    gaps = [_gaps(row) for row in rows]
    lines: list[Line] = []
    signed: set[int] = set()
    parent = 0  # the row that the last line began with
    for index, row in enumerate(rows):
        if index in signed:
            continue
        if are_signatures(rows, index):
            signed.add(index + 1)
            for name, office in zip(row, rows[index + 1], strict=True):
                lines += [_line([name], left, right), _line([office], left, right)]
            continue
        shared = _cell_gaps(row, index, gaps)
        if not shared and lines and lines[-1].cells and _wraps(rows, index, right):
            cell_gaps = _cell_gaps(rows[parent], parent, gaps)
            lines[-1] = _with_more(lines[-1], rows[parent], row, cell_gaps)
            continue
        parent = index
        outer = index < _OUTER or index >= len(rows) - _OUTER
        for part in _by_size(row) if outer and not shared else [row]:
            lines.append(_line(part, left, right, shared))
    return _without_lone(lines)


def _without_lone(lines: list[Line]) -> list[Line]:
    """A row with no other near it is no table: "Processo nº 1" and "SEI nº 2" on one line."""
    result = list(lines)
    for index, line in enumerate(lines):
        near = [*lines[max(0, index - 3) : index], *lines[index + 1 : index + 4]]
        if line.cells and not any(other.cells for other in near):
            result[index] = replace(line, text=re.sub(r"\s+", " ", " ".join(line.cells)), cells=())
    return result


def _cell_gaps(
    row: list[Fragment], index: int, gaps: Sequence[list[tuple[float, float]]]
) -> list[tuple[float, float]]:
    """The gaps of a row that part cells: some stand over or under gaps of rows beside it."""
    near = [*gaps[max(0, index - 2) : index], *gaps[index + 1 : index + 3]]
    shared = [gap for gap in gaps[index] if any(_aligned(gap, other) for other in near)]
    if len(shared) == 1 and row[0].x1 <= shared[0][0]:
        mark = row[0].text
        if _HANGING.fullmatch(mark) or starts_unit(mark + " A"):
            return []  # the mark of an item that hangs in the margin
    widths = [end - start for start, end in gaps[index]]
    if len(widths) >= 2 and max(widths) - min(widths) < 1.5 and max(widths) < 4.0 * row[0].size:
        return []  # a justified line: only there all gaps are of one width
    return shared


def _wraps(rows: Sequence[list[Fragment]], index: int, right: float) -> bool:
    """Whether a row only goes on with cells of the one above: it stands closer than rows do.

    Where the space below is rather that after the table, the first word of each must be one that
    would not have fitted on the line above it.
    """
    row, above = rows[index], rows[index - 1]
    step = row[0].bottom - above[0].bottom
    before = above[0].bottom - rows[index - 2][0].bottom if index > 1 else 0.0
    after = rows[index + 1][0].bottom - row[0].bottom if index + 1 < len(rows) else 0.0
    if step > 1.5 * row[0].size or max(before, after) < 1.2 * step or 0 < after < 0.9 * step:
        return False
    ends = [*(other.x0 - CELL_GAP * other.size for other in above[1:]), right]
    if before > 1.2 * step or after < 3.5 * step:
        ends = [0.0] * len(above)
    return all(
        any(
            abs(f.x0 - other.x0) < 4.0 and other.x1 + _first_word(f) > end
            for other, end in zip(above, ends, strict=True)
        )
        for f in row
    )


def _first_word(fragment: Fragment) -> float:
    """About the width of the first word and of the space before it."""
    word = fragment.text.split(" ", 1)[0]
    return (len(word) + 1) * (fragment.x1 - fragment.x0) / max(len(fragment.text), 1)


def _with_more(
    line: Line, above: list[Fragment], row: list[Fragment], gaps: list[tuple[float, float]]
) -> Line:
    """The row of a table with the second lines of its cells."""
    starts = [above[0].x0, *(end for _, end in gaps)]
    cells = list(line.cells)
    for fragment in row:
        place = max((i for i, x in enumerate(starts) if x <= fragment.x0 + 4.0), default=0)
        if place < len(cells):
            cells[place] += "\n" + fragment.text
    text = CELL_MARK.join(cell.replace("\n", " ") for cell in cells)
    return replace(line, text=text, cells=tuple(cells), bottom=row[0].bottom)


def _by_size(row: list[Fragment]) -> list[list[Fragment]]:
    """A footer that stands on the baseline of the text, apart from it and in another size."""
    parts = [[row[0]]]
    for before, fragment in pairwise(row):
        sizes = sorted((before.size, fragment.size))
        if fragment.x0 - before.x1 > 2.0 * sizes[1] and sizes[0] < 0.87 * sizes[1]:
            parts.append([fragment])
        else:
            parts[-1].append(fragment)
    return sorted(parts, key=lambda part: -part[0].size)


def _rows(fragments: list[Fragment]) -> list[list[Fragment]]:
    rows: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda f: (f.bottom, f.x0)):
        if rows and _same_row(rows[-1], fragment):
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [sorted(row, key=lambda f: f.x0) for row in rows]


def _same_row(row: list[Fragment], fragment: Fragment) -> bool:
    tallest = max(row, key=lambda f: f.size)
    overlap = min(tallest.bottom, fragment.bottom) - max(tallest.top, fragment.top)
    if overlap < 0.5 * min(tallest.size, fragment.size):
        return False
    # Overprinted text (shadows, text over a seal) must not be interleaved letter by letter.
    return all(min(f.x1, fragment.x1) - max(f.x0, fragment.x0) < 0.5 * fragment.size for f in row)


def _gaps(row: list[Fragment]) -> list[tuple[float, float]]:
    return [(a.x1, b.x0) for a, b in pairwise(row) if b.x0 - a.x1 > CELL_GAP * max(a.size, b.size)]


def _aligned(gap: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    return any(min(gap[1], other[1]) - max(gap[0], other[0]) > 4.0 for other in others)


def _line(
    row: list[Fragment],
    left: float,
    right: float,
    cell_gaps: Sequence[tuple[float, float]] = (),
) -> Line:
    cells = [row[0].text]
    for before, fragment in pairwise(row):
        if (before.x1, fragment.x0) in cell_gaps:
            cells.append(fragment.text)
        else:
            touching = fragment.x0 - before.x1 < 0.12 * fragment.size
            cells[-1] += fragment.text if touching else " " + fragment.text
    weight = max(row, key=lambda f: len(f.text))
    return Line(
        text=CELL_MARK.join(cells),
        x0=row[0].x0,
        x1=max(f.x1 for f in row),
        top=min(f.top for f in row),
        bottom=max(f.bottom for f in row),
        size=weight.size,
        bold=all(f.bold for f in row),
        left=left,
        right=right,
        cells=tuple(cells) if len(cells) > 1 else (),
    )
