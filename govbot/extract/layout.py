"""Reading order of a page: rows, columns and tables, from the places of its fragments (pure)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from govbot.extract.fragments import Fragment
from govbot.extract.norms import starts_unit
from govbot.extract.tables import FIELDS, Cell, rows_of

CELL_MARK = " | "

_CELL_GAP = 1.5  # ems between two fragments of a row that may be two cells
_MIN_COLUMN_ROWS = 5
_LONG_CELL = 400  # characters of the usual cell of what is no table
_OUTER = 3  # rows at the ends of a page where a footer may stand beside text
_WIDEST = 14_400.0  # points: the widest page there may be; text can be placed beyond it
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
    gutter = _gutter(fragments) if depth < 3 else None
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


def _gutter(fragments: list[Fragment]) -> float | None:
    """The middle of the empty vertical strip between two columns of prose, if there is one.

    Columns of a table also leave such strips; they differ in that their cells are short.
    """
    if len(fragments) < 2 * _MIN_COLUMN_ROWS:
        return None
    left, right = min(f.x0 for f in fragments), max(f.x1 for f in fragments)
    width = right - left
    if width > _WIDEST:
        return None
    size = statistics.median(f.size for f in fragments)
    allowed = 0.3 * len(fragments)
    best: tuple[float, float] | None = None
    position = left + 0.22 * width
    run_start: float | None = None
    cover = _coverage(fragments, left, right)
    while position <= right - 0.22 * width:
        free = cover[int(position - left)] <= allowed
        if free and run_start is None:
            run_start = position
        if run_start is not None and (not free or position + 1 > right - 0.22 * width):
            if best is None or position - run_start > best[1] - best[0]:
                best = (run_start, position)
            run_start = None
        position += 1
    if best is None or best[1] - best[0] < 0.6 * size:
        return None
    middle = _quietest(cover, left, best)
    return middle if _is_prose(fragments, middle, left, right) else None


def _coverage(fragments: list[Fragment], left: float, right: float) -> list[int]:
    """How many fragments stand over each point of the width."""
    steps = [0] * (int(right - left) + 3)
    for fragment in fragments:
        steps[int(fragment.x0 - left)] += 1
        steps[int(fragment.x1 - left) + 1] -= 1
    total = 0
    for index, step in enumerate(steps):
        total += step
        steps[index] = total
    return steps


def _quietest(cover: list[int], left: float, span: tuple[float, float]) -> float:
    indexes = range(int(span[0] - left), int(span[1] - left) + 1)
    lowest = min(cover[index] for index in indexes)
    quiet = [index for index in indexes if cover[index] == lowest]
    return left + quiet[len(quiet) // 2]


def _is_prose(fragments: list[Fragment], gutter: float, left: float, right: float) -> bool:
    sides = (
        ([f for f in fragments if f.x1 <= gutter], gutter - left),
        ([f for f in fragments if f.x0 >= gutter], right - gutter),
    )
    for side, width in sides:
        if len({round(f.top) for f in side}) < _MIN_COLUMN_ROWS:
            return False
        if statistics.median(len(f.text.split()) for f in side) < 3:
            return False
        narrow = statistics.median(f.x1 - f.x0 for f in side) < 0.55 * width
        if narrow and (gutter - left > 0.8 * (right - left) or _gutter(side) is None):
            return False  # neither lines of a column nor several columns
    return True


def _lines(
    fragments: list[Fragment], left: float | None = None, right: float | None = None
) -> list[Line]:
    """Rows of a region, top to bottom; rows whose gaps stand over one another are table rows."""
    rows = _rows(fragments)
    left = min((f.x0 for f in fragments), default=0.0) if left is None else left
    right = max((f.x1 for f in fragments), default=0.0) if right is None else right
    gaps = [_gaps(row) for row in rows]
    lines: list[Line] = []
    parent = 0  # the row that the last line began with
    for index, row in enumerate(rows):
        shared = _cell_gaps(row, index, gaps)
        if not shared and lines and lines[-1].cells and _wraps(rows, index):
            cell_gaps = _cell_gaps(rows[parent], parent, gaps)
            lines[-1] = _with_more(lines[-1], rows[parent], row, cell_gaps)
            continue
        parent = index
        outer = index < _OUTER or index >= len(rows) - _OUTER
        for part in _by_size(row) if outer and not shared else [row]:
            lines.append(_line(part, left, right, shared))
    return lines


def _cell_gaps(
    row: list[Fragment], index: int, gaps: Sequence[list[tuple[float, float]]]
) -> list[tuple[float, float]]:
    """The gaps of a row that part cells: some stand over or under gaps of rows beside it."""
    near = [*gaps[max(0, index - 2) : index], *gaps[index + 1 : index + 3]]
    shared = [gap for gap in gaps[index] if any(_aligned(gap, other) for other in near)]
    if len(shared) == 1 and starts_unit(row[0].text + " A") and row[0].x1 <= shared[0][0]:
        return []  # the number of an item that hangs in the margin
    widths = [end - start for start, end in gaps[index]]
    if len(widths) >= 2 and max(widths) - min(widths) < 1.5:
        return []  # a justified line: only there all gaps are of one width
    return shared


def _wraps(rows: Sequence[list[Fragment]], index: int) -> bool:
    """Whether a row only goes on with cells of the one above: it stands closer than rows do."""
    row, above = rows[index], rows[index - 1]
    step = row[0].bottom - above[0].bottom
    before = above[0].bottom - rows[index - 2][0].bottom if index > 1 else 0.0
    after = rows[index + 1][0].bottom - row[0].bottom if index + 1 < len(rows) else 0.0
    if step > 1.5 * row[0].size or max(before, after) < 1.2 * step or 0 < after < 0.9 * step:
        return False
    return all(any(abs(f.x0 - other.x0) < 4.0 for other in above) for f in row)


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
    return [(a.x1, b.x0) for a, b in pairwise(row) if b.x0 - a.x1 > _CELL_GAP * max(a.size, b.size)]


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
