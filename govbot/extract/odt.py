"""ODT: content.xml in document order, page breaks of styles and of the last drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.archive import parse_xml
from govbot.extract.guard import guarded
from govbot.extract.headings import block_of
from govbot.extract.numbering import formatted
from govbot.extract.odf import (
    DRAW,
    OFFICE,
    STYLE,
    TABLE,
    TEXT,
    ParagraphStyle,
    metadata_of,
    open_parts,
    paragraph_styles,
)
from govbot.extract.text import assembled, finished

if TYPE_CHECKING:
    from lxml import etree

_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
# Deleted text of tracked changes, comments, forms, descriptions of pictures, hidden text.
_SKIPPED = {
    f"{TEXT}tracked-changes", f"{OFFICE}annotation", f"{OFFICE}annotation-end",
    f"{OFFICE}forms", f"{TEXT}sequence-decls", f"{TEXT}variable-decls", f"{_SVG}title",
    f"{_SVG}desc", f"{TEXT}ruby-text", f"{TEXT}hidden-text", f"{TEXT}number",
}  # fmt: skip
_FORMS = {"1": "decimal", "I": "upperRoman", "i": "lowerRoman", "A": "upperLetter",
          "a": "lowerLetter"}  # fmt: skip
_PAGE_BREAK = "\f"
_MAX_REPEATS = 50
_MAX_LEVELS = 10


@guarded("ODT")
def extract_odt(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-SENHA, E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    parts = open_parts(path, limits)
    root = parse_xml(parts["content.xml"])
    body = root.find(f"{OFFICE}body/{OFFICE}text")
    if body is None:
        raise BadDocument("The file is damaged: it cannot be opened as %(kind)s.", kind="ODT")
    roots = [root, parse_xml(parts["styles.xml"])] if parts["styles.xml"] else [root]
    reader = _Reader(paragraph_styles(*roots), _list_styles(roots))
    reader.children(body)
    reader.flush_notes()
    pages = assembled(reader.pages, limits, on_page, _furniture(roots[-1]))
    metadata = metadata_of(parts["meta.xml"])
    return finished(pages, metadata, metadata.get("title", ""))


class _Reader:
    def __init__(
        self, styles: dict[str, ParagraphStyle], lists: dict[str, dict[int, etree._Element]]
    ) -> None:
        self.styles, self.lists = styles, lists
        self.counts: dict[str, list[int]] = {}
        self.pages: list[list[Block]] = [[]]
        self.notes: list[str] = []
        self.marker = ""

    def children(self, parent: etree._Element) -> None:
        for child in parent:
            tag = child.tag
            if tag in _SKIPPED or child.get(f"{TEXT}display") == "none":
                continue
            if tag in (f"{TEXT}p", f"{TEXT}h"):
                self._paragraph(child)
            elif tag == f"{TEXT}list":
                self._list(child, "", 1)
            elif tag == f"{TABLE}table":
                self._table(child)
            elif tag == f"{TEXT}soft-page-break":
                self._new_page()
            elif isinstance(tag, str):
                self.children(child)

    def _list(self, element: etree._Element, style: str, depth: int) -> None:
        style = element.get(f"{TEXT}style-name") or style
        counts = self.counts.setdefault(style, [0] * (_MAX_LEVELS + 2))
        continues = element.get(f"{TEXT}continue-numbering") == "true"
        if not continues and not element.get(f"{TEXT}continue-list"):
            counts[depth:] = [0] * (len(counts) - depth)
        for item in element:
            if item.tag not in (f"{TEXT}list-item", f"{TEXT}list-header"):
                continue
            self.marker = ""
            if item.tag == f"{TEXT}list-item":
                self.marker = self._marker(item, style, depth, counts)
            for child in item:
                if child.tag == f"{TEXT}list":
                    self._list(child, style, min(depth + 1, _MAX_LEVELS))
                elif child.tag in (f"{TEXT}p", f"{TEXT}h"):
                    self._paragraph(child)
                elif child.tag == f"{TEXT}soft-page-break":
                    self._new_page()
        self.marker = ""

    def _marker(self, item: etree._Element, style: str, depth: int, counts: list[int]) -> str:
        """The number as it was shown when the file says so, else counted by the list's style."""
        label = item.find(f"{TEXT}number")
        level = self.lists.get(style, {}).get(depth)
        start = item.get(f"{TEXT}start-value") or ""
        if level is not None and level.tag == f"{TEXT}list-level-style-number":
            first = level.get(f"{TEXT}start-value") or "1"
            before = counts[depth] or (int(first) if first.isdecimal() else 1) - 1
            counts[depth] = int(start) if start.isdecimal() and len(start) < 7 else before + 1
        counts[depth + 1 :] = [0] * (len(counts) - depth - 1)
        if label is not None and label.text:
            return f"{label.text} "
        if level is None or level.tag != f"{TEXT}list-level-style-number":
            return "• "
        form = _FORMS.get(level.get(f"{STYLE}num-format", ""))
        if form is None:
            return ""
        wide = level.get(f"{TEXT}display-levels") or "1"
        first_level = max(1, depth - (int(wide) if wide.isdecimal() else 1) + 1)
        numbers = ".".join(
            formatted(counts[index] or 1, form) for index in range(first_level, depth + 1)
        )
        prefix, suffix = level.get(f"{STYLE}num-prefix", ""), level.get(f"{STYLE}num-suffix", "")
        return f"{prefix}{numbers}{suffix} ".lstrip()

    def _paragraph(self, element: etree._Element) -> None:
        style = self.styles.get(element.get(f"{TEXT}style-name", ""), ParagraphStyle())
        if style.breaks_before and any(self.pages):
            self._new_page()
        boxes: list[etree._Element] = []
        for index, part in enumerate("".join(self._text(element, boxes)).split(_PAGE_BREAK)):
            if index:
                self._new_page()
            text = "\n".join(filter(None, (" ".join(line.split()) for line in part.split("\n"))))
            if text:
                self.pages[-1].append(_block(element, text, self.marker, style))
                self.marker = ""
        for box in boxes:
            self.children(box)
        if style.breaks_after:
            self._new_page()

    def _text(self, element: etree._Element, boxes: list[etree._Element]) -> Iterator[str]:
        yield element.text or ""
        for child in element:
            tag = child.tag
            if tag in (f"{TEXT}s", f"{TEXT}tab"):
                yield " "
            elif tag == f"{TEXT}line-break":
                yield "\n"
            elif tag == f"{TEXT}soft-page-break":
                yield _PAGE_BREAK
            elif tag == f"{TEXT}note":
                yield self._note(child)
            elif tag == f"{DRAW}text-box":
                boxes.append(child)
            elif tag == f"{TEXT}p":  # of a drawn shape
                yield from (" ", *self._text(child, boxes), " ")
            elif tag not in _SKIPPED and isinstance(tag, str):
                yield from self._text(child, boxes)
            yield child.tail or ""

    def _note(self, element: etree._Element) -> str:
        body = element.find(f"{TEXT}note-body")
        if body is None:
            return ""
        text = self._inline(body)
        if not text:
            return ""
        self.notes.append(text)
        return f" [{len(self.notes)}]"

    def _inline(self, parent: etree._Element) -> str:
        """Everything in a note or a cell, tables and lists in it included, on one line."""
        parts = []
        for child in parent:
            if child.tag in _SKIPPED or not isinstance(child.tag, str):
                continue
            if child.tag in (f"{TEXT}p", f"{TEXT}h"):
                boxes: list[etree._Element] = []
                parts.append("".join(self._text(child, boxes)))
                parts.extend(self._inline(box) for box in boxes)
            else:
                parts.append(self._inline(child))
        return " ".join(" ".join(parts).replace(_PAGE_BREAK, " ").split())

    def _table(self, table: etree._Element) -> None:
        rows = []
        for row in table.iter(f"{TABLE}table-row"):
            if next(row.iterancestors(f"{TABLE}table"), None) is not table:
                continue
            cells: list[str] = []
            for cell in row:
                if cell.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                    text = self._inline(cell)
                    repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
                    count = int(repeated) if repeated.isdecimal() and len(repeated) < 7 else 1
                    cells.extend([text] * (min(count, _MAX_REPEATS) if text else 1))
            if any(cells):
                rows.append(cells)
        if rows:
            single = all(len(row) <= 1 for row in rows)  # it only frames a text
            text = "\n".join(" | ".join(row) for row in rows)
            self.pages[-1].append(Block("paragraph" if single else "table", text))

    def _new_page(self) -> None:
        self.flush_notes()
        self.pages.append([])

    def flush_notes(self) -> None:
        """Puts the notes that were met at the end of their page."""
        for number, text in enumerate(self.notes, start=1):
            self.pages[-1].append(Block("paragraph", f"[{number}] {text}"))
        self.notes = []


def _block(element: etree._Element, text: str, marker: str, style: ParagraphStyle) -> Block:
    level = style.level
    if element.tag == f"{TEXT}h":
        outline = element.get(f"{TEXT}outline-level", "1")
        level = int(outline) if outline.isdecimal() and len(outline) < 3 else 1
    return block_of(
        marker + text, level=level, centred=style.centred, bold=style.bold, label=marker
    )


def _list_styles(roots: list[etree._Element]) -> dict[str, dict[int, etree._Element]]:
    """Levels of list styles, by name of the style and depth from 1."""
    found: dict[str, dict[int, etree._Element]] = {}
    for root in roots:
        for style in root.iter(f"{TEXT}list-style"):
            levels = found.setdefault(style.get(f"{STYLE}name", ""), {})
            for level in style:
                depth = str(level.get(f"{TEXT}level") or "")
                if depth.isdecimal() and 0 < int(depth[:3]) <= _MAX_LEVELS:
                    levels[int(depth)] = level
    return found


def _furniture(root: etree._Element) -> list[Block]:
    """Headers and footers of the kinds of pages."""
    found: dict[str, None] = {}
    for kind in ("header", "footer", "header-first", "footer-first", "header-left", "footer-left"):
        for part in root.iter(f"{STYLE}{kind}"):
            for element in part.iter(f"{TEXT}p"):
                found[" ".join("".join(map(str, element.itertext())).split())] = None
    return [Block("furniture", text) for text in found if text]
