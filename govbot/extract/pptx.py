"""PPTX: one page per slide, with its title, lists, tables, diagrams and notes.

python-pptx opens the package and knows placeholders and tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.archive import parse_xml
from govbot.extract.guard import guarded
from govbot.extract.numbering import formatted
from govbot.extract.opc import plain_package
from govbot.extract.text import assembled, check_pages, finished, kind_of

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FURNITURE = {"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"}
_TITLES = {"TITLE", "CENTER_TITLE", "VERTICAL_TITLE"}
_LISTS = {"BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT"}
_FORMS = {"arabic": "decimal", "romanUc": "upperRoman", "romanLc": "lowerRoman",
          "alphaUc": "upperLetter", "alphaLc": "lowerLetter"}  # fmt: skip
_MAX_GROUPS = 50


@guarded("PPTX")
def extract_pptx(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    import pptx

    deck = pptx.Presentation(plain_package(path, limits))
    check_pages(len(deck.slides._sldIdLst), limits)
    pages = assembled([_slide(slide) for slide in deck.slides], limits, on_page)
    core = deck.core_properties
    values = {"title": core.title, "author": core.author, "subject": core.subject}
    metadata = {key: " ".join(value.split())[:500] for key, value in values.items() if value}
    return finished(pages, metadata, metadata.get("title", ""))


def _slide(slide: Any) -> list[Block]:
    shapes = list(_shapes(slide.shapes, 0))
    # The title is read first, wherever it stands among the shapes.
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
    blocks = [block for shape in shapes for block in _shape(shape, slide.part)]
    if slide._element.get("show") in ("0", "false"):
        blocks.insert(0, Block("paragraph", "(slide oculto)"))
    if slide.has_notes_slide:
        frame = slide.notes_slide.notes_text_frame
        lines = [_line(paragraph) for paragraph in frame.paragraphs] if frame is not None else []
        notes = "\n".join(filter(None, lines))
        if notes:
            blocks.append(Block("paragraph", f"Notas do apresentador: {notes}"))
    return blocks


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    """Shapes in their order, with those inside groups."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            if depth < _MAX_GROUPS:
                yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _placeholder(shape: Any) -> str:
    if not shape.is_placeholder:
        return ""
    kind = shape.placeholder_format.type
    return str(kind.name) if kind is not None else ""


def _shape(shape: Any, part: Any) -> Iterator[Block]:
    kind = _placeholder(shape)
    if getattr(shape, "has_table", False):
        yield _table(shape.table)
    elif getattr(shape, "has_text_frame", False):
        yield from _frame(shape.text_frame, kind)
    else:
        yield from _diagram(shape, part)


def _frame(frame: Any, kind: str) -> Iterator[Block]:
    numbers: dict[int, int] = {}
    lines: list[str] = []
    for paragraph in frame.paragraphs:
        text = _line(paragraph)
        if not text:
            continue
        if kind in _TITLES:
            lines.append(text)
        elif kind in _FURNITURE:
            yield Block("furniture", text)
        else:
            mark = _mark(paragraph, numbers, listed=kind in _LISTS)
            yield Block("list", mark + text, paragraph.level) if mark else kind_of(text)
    if lines:
        yield Block("heading", " ".join(lines), 1)


def _line(paragraph: Any) -> str:
    """The text of a paragraph on one line, with fields and line breaks in it."""
    parts = []
    for element in paragraph._p.iter(f"{_A}t", f"{_A}br"):
        parts.append(" " if element.tag == f"{_A}br" else element.text or "")
    return " ".join("".join(parts).split())


def _mark(paragraph: Any, numbers: dict[int, int], *, listed: bool) -> str:
    """The bullet or number before a paragraph; deeper levels have a dash."""
    properties = paragraph._p.find(f"{_A}pPr")
    level = paragraph.level
    numbered = properties.find(f"{_A}buAutoNum") if properties is not None else None
    if numbered is not None:
        start = numbered.get("startAt", "1")
        first = int(start) if start.isdecimal() and len(start) < 6 else 1
        numbers[level] = numbers.get(level, first - 1) + 1
        form = numbered.get("type", "")
        kind = next((form_ for name, form_ in _FORMS.items() if form.startswith(name)), "decimal")
        return f"{formatted(numbers[level], kind)}{')' if 'Paren' in form else '.'} "
    for deeper in [key for key in numbers if key >= level]:
        del numbers[deeper]
    plain = properties is not None and properties.find(f"{_A}buNone") is not None
    marked = properties is not None and properties.find(f"{_A}buChar") is not None
    if plain or not (listed or marked):
        return ""
    return "– " if level else "• "


def _table(table: Any) -> Block:
    rows = []
    for row in table.rows:
        cells = [
            ""
            if cell.is_spanned
            else " ".join(filter(None, map(_line, cell.text_frame.paragraphs)))
            for cell in row.cells
        ]
        if any(cells):
            rows.append(" | ".join(cells))
    return Block("table", "\n".join(rows))


def _diagram(shape: Any, part: Any) -> Iterator[Block]:
    """The points of a SmartArt diagram, in the order of its data."""
    for reference in shape._element.iter(f"{_DGM}relIds"):
        relation = part.rels.get(reference.get(f"{_R}dm"))
        if relation is None:
            continue
        root = parse_xml(relation.target_part.blob)
        for point in root.iter(f"{_DGM}pt"):
            text = " ".join("".join(t.text or "" for t in point.iter(f"{_A}t")).split())
            if text:
                yield Block("list", f"• {text}")
