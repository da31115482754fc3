"""CSV: the separator and the character set are found out; rows with the headers of their columns.

Brazilian offices write CSV with semicolons and decimal commas; others with commas or tabs.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits, OnPage
from govbot.extract.cells import Budget, Cell, SheetText, labels_of
from govbot.extract.numerals import plain_number
from govbot.extract.text import assembled, finished, read_text

_SEPARATORS = (";", "\t", ",", "|")
_SAMPLE_LINES = 30
_MAX_SAMPLE_LINE = 20_000
_MAX_FIELD = 1 << 20


def extract_csv(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Pages of 200 rows. Raises BadDocument E-TAMANHO, E-PAGINAS, E-VAZIO, E-CORROMPIDO."""
    text, charset = read_text(path, limits)
    separator = dialect_of(text[:65_536], whole=len(text) <= 65_536) or ";"
    sheet = SheetText("Tabela", Budget(limits))
    try:
        for row in _records(text, separator):
            sheet.feed([_cell(value) for value in row])
    except csv.Error as error:
        raise BadDocument("The table cannot be read: one of its fields has no end.") from error
    sheet.close()
    labels = labels_of([sheet]) if len(sheet.pages) > 1 else []
    pages = assembled([page[1:] for page in sheet.pages], limits, on_page, labels=labels)
    return finished(pages, {"charset": charset})


def dialect_of(text: str, *, whole: bool) -> str | None:
    """The separator when the text is a table: most of its first rows have as many fields, two or
    more. `whole` says that the text does not break off in the middle of a row."""
    lines = text.lstrip("\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = lines if whole else lines[:-1]
    sample = [line for line in lines if line.strip()][:_SAMPLE_LINES]
    if not sample or any(len(line) > _MAX_SAMPLE_LINE for line in sample):
        return None
    best: tuple[float, int, str] | None = None
    for separator in _SEPARATORS:
        try:
            widths = [len(row) for row in _records("\n".join(sample), separator) if row]
        except csv.Error:
            continue
        counted = Counter(width for width in widths if width > 1)
        if not counted:
            continue
        width, times = counted.most_common(1)[0]
        share = times / len(widths)
        if share >= 0.6 and (best is None or (share, width) > best[:2]):
            best = (share, width, separator)
    return best[2] if best else None


def _records(text: str, separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(_MAX_FIELD)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _cell(value: str) -> Cell:
    text = " ".join(value.split())
    return Cell(text, words=not plain_number(text))
