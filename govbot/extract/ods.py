"""ODS: rows of each table with the headers of their columns; values as the program showed them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits, OnPage
from govbot.extract.archive import parse_xml
from govbot.extract.cells import EMPTY, Budget, Cell, SheetText, labels_of
from govbot.extract.guard import guarded
from govbot.extract.numerals import shown
from govbot.extract.odf import OFFICE, STYLE, TABLE, TEXT, metadata_of, open_parts
from govbot.extract.text import assembled, finished

if TYPE_CHECKING:
    from lxml import etree

_MAX_COLUMNS = 1024
_GROUPS = {f"{TABLE}table-rows", f"{TABLE}table-row-group", f"{TABLE}table-header-rows"}


@guarded("ODS")
def extract_ods(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Pages of 200 rows. Raises BadDocument E-SENHA, E-CORROMPIDO, E-TAMANHO, E-PAGINAS or
    E-VAZIO."""
    parts = open_parts(path, limits)
    root = parse_xml(parts["content.xml"])
    body = root.find(f"{OFFICE}body/{OFFICE}spreadsheet")
    if body is None:
        raise BadDocument("The file is damaged: it cannot be opened as %(kind)s.", kind="ODS")
    hidden = _hidden_styles(root)
    budget = Budget(limits)
    sheets = []
    for table in body.findall(f"{TABLE}table"):
        name = " ".join(table.get(f"{TABLE}name", "").split()) or "Planilha"
        if table.get(f"{TABLE}style-name") in hidden:
            name += " (planilha oculta)"
        sheet = SheetText(name, budget)
        for row in _rows(table):
            sheet.feed(row)
        sheet.close()
        sheets.append(sheet)
    pages = [page for sheet in sheets for page in sheet.pages]
    made = assembled(pages, limits, on_page, labels=labels_of(sheets))
    metadata = metadata_of(parts["meta.xml"])
    return finished(made, metadata, metadata.get("title", ""))


def _hidden_styles(root: etree._Element) -> set[str]:
    names = set()
    for style in root.iter(f"{STYLE}style"):
        properties = style.find(f"{STYLE}table-properties")
        if properties is not None and properties.get(f"{TABLE}display") == "false":
            names.add(style.get(f"{STYLE}name", ""))
    return names


def _rows(parent: etree._Element) -> Iterator[list[Cell]]:
    """Rows; repeated ones as often as they are repeated, empty ones once."""
    above: dict[int, tuple[int, Cell]] = {}
    for element in _row_elements(parent):
        cells = _cells(element, above)
        times = _count(element, "number-rows-repeated") if any(c.text for c in cells) else 1
        for _ in range(times):
            yield cells


def _row_elements(parent: etree._Element) -> Iterator[etree._Element]:
    for child in parent:
        if child.tag == f"{TABLE}table-row":
            yield child
        elif child.tag in _GROUPS:
            yield from _row_elements(child)


def _cells(row: etree._Element, above: dict[int, tuple[int, Cell]]) -> list[Cell]:
    """`above` holds, by column, values of cells that span rows, and how many rows they still do."""
    cells: list[Cell] = []
    for element in row:
        if element.tag not in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            continue
        times = min(_count(element, "number-columns-repeated"), _MAX_COLUMNS - len(cells))
        if element.tag == f"{TABLE}covered-table-cell":
            cells.extend(_covered(cells, above, times))
            continue
        cell = _cell(element)
        rows = _count(element, "number-rows-spanned")
        if rows > 1 and cell.text:
            above[len(cells)] = (rows - 1, cell)
        cells.append(cell)
        across = min(_count(element, "number-columns-spanned"), _MAX_COLUMNS) - 1
        if across and cell.text:
            above[-1] = (across, cell)
        else:
            above.pop(-1, None)
        cells.extend([cell] * (times - 1))
    above.pop(-1, None)
    while cells and not cells[-1].text:
        cells.pop()
    return cells


def _covered(cells: list[Cell], above: dict[int, tuple[int, Cell]], times: int) -> Iterator[Cell]:
    """Cells under a merged one: it goes on from the left (kept under -1) or from above."""
    for column in range(len(cells), len(cells) + times):
        left, cell = above.get(-1, (0, EMPTY))
        if left:
            above[-1] = (left - 1, cell)
            yield Cell(cell.text, cell.words, spans=True)
            continue
        rows, cell = above.get(column, (0, EMPTY))
        if rows:
            above[column] = (rows - 1, cell)
        yield cell if rows else EMPTY


def _cell(element: etree._Element) -> Cell:
    kind = element.get(f"{OFFICE}value-type", "")
    lines = ["".join(map(str, part.itertext())) for part in element.findall(f"{TEXT}p")]
    text = " ".join(" ".join(lines).split())
    if not text and kind in ("float", "currency", "percentage"):
        text = _value(element, kind)
    return Cell(text, words=kind in ("", "string")) if text else EMPTY


def _value(element: etree._Element, kind: str) -> str:
    try:
        number = float(element.get(f"{OFFICE}value", ""))
    except ValueError:
        return ""
    code = {"percentage": "0.00%", "currency": '"R$" #,##0.00'}.get(kind, "General")
    return shown(number, code)


def _count(element: etree._Element, name: str) -> int:
    value = element.get(f"{TABLE}{name}", "1")
    return max(1, int(value)) if value.isdecimal() and len(value) < 8 else 1
