"""DOCX: paragraphs, lists, tables and notes in document order; headers and footers as furniture.

python-docx opens the package and knows styles, sections and properties; the text is read from its
XML elements, since its own paragraphs leave out tracked changes, fields, notes and text boxes.

Word decides pages when it draws them: pages here follow explicit breaks, sections and the places
where the last drawing broke (w:lastRenderedPageBreak), where the file has them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage
from govbot.extract.archive import parse_xml
from govbot.extract.guard import guarded
from govbot.extract.headings import block_of, heading_level
from govbot.extract.numbering import Numbering
from govbot.extract.opc import plain_package
from govbot.extract.runs import DRAWN_BREAK, PAGE_BREAK, Runs, W, is_on, plain
from govbot.extract.text import assembled, finished

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_CONTAINERS = {
    f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}customXml", f"{W}moveTo", f"{W}smartTag",
    f"{_MC}AlternateContent", f"{_MC}Choice",
}  # fmt: skip
_NOTES = ("footnote", "endnote")
_MAX_PARENTS = 12


@guarded("DOCX")
def extract_docx(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    package = plain_package(path, limits)
    document = _open(package)
    reader = _Reader(document, package)
    reader.body()
    pages = assembled(reader.pages, limits, on_page, _furniture(document))
    metadata = _metadata(document)
    return finished(pages, metadata, metadata.get("title", ""))


def _open(package: io.BytesIO) -> Any:
    import docx

    document = docx.Document(package)
    if document.element.body is None:
        raise BadDocument("The file is damaged: it cannot be opened as %(kind)s.", kind="DOCX")
    return document


class _Reader:
    """Walks the body; a new page begins where a break is met."""

    def __init__(self, document: Any, package: io.BytesIO) -> None:
        self.document = document
        self.styles = _Styles(document)
        self.numbering = Numbering(_part(document, "numbering"), document.styles.element)
        self.runs = Runs({kind: _notes(document, package, kind) for kind in _NOTES})
        self.section_ends = _new_page_sections(document.element.body)
        self.pages: list[list[Block]] = [[]]
        self.carried = ""  # text of a paragraph whose end was deleted: the next one goes on

    def body(self) -> None:
        self._children(self.document.element.body)
        if self.carried:
            self.pages[-1].append(block_of(self.carried))
        self._flush_notes()

    def _children(self, parent: Any) -> None:
        for child in parent:
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child)
            elif child.tag in _CONTAINERS and not _is_prompt(child):
                self._children(child)

    def _paragraph(self, element: Any) -> None:
        style = self.styles.of(element)
        if style.breaks and any(self.pages):
            self._new_page()
        label = self.numbering.label(element, style.ids)
        boxes: list[Any] = []
        text = self.carried + "".join(self.runs.text(element, boxes))
        self.carried = ""
        if element.find(f"{W}pPr/{W}rPr/{W}del") is not None and PAGE_BREAK not in text:
            self.carried = text.replace(DRAWN_BREAK, " ")
            text = ""
        if not self.pages[-1] and text.startswith(DRAWN_BREAK):
            text = text[1:]  # an explicit break before it has begun the page already
        for index, part in enumerate(text.replace(DRAWN_BREAK, PAGE_BREAK).split(PAGE_BREAK)):
            if index:
                self._new_page()
            shown = plain(part)
            if shown:
                self.pages[-1].append(
                    block_of(
                        label + shown if index == 0 else shown,
                        level=style.level,
                        centred=style.centred,
                        bold=style.bold,
                        label=label,
                    )
                )
                label = "" if index == 0 else label
        for box in boxes:
            self._children(box)
        if element in self.section_ends:
            self._new_page()

    def _table(self, table: Any) -> None:
        boxes: list[Any] = []
        rows = [row for row in _rows(table, self._cell, boxes) if any(row)]
        text = "\n".join(" | ".join(row) for row in rows)
        # Tables of one column only frame a text.
        single = all(len(row) <= 1 for row in rows)
        self.pages[-1].append(Block("paragraph" if single else "table", text))
        for box in boxes:
            self._children(box)

    def _cell(self, cell: Any, boxes: list[Any]) -> str:
        """All paragraphs of a cell on one line, those of tables in it included."""
        parts = []
        for element in cell.iter(f"{W}p"):
            if not len(element):  # tables for layout have very many empty cells
                continue
            if any(up.tag == f"{W}txbxContent" for up in _between(element, cell)):
                continue
            label = self.numbering.label(element, self.styles.of(element).ids)
            text = plain("".join(self.runs.text(element, boxes)))
            parts.append(label + " ".join(text.split()) if text else "")
        return " ".join(filter(None, parts))

    def _new_page(self) -> None:
        self._flush_notes()
        self.pages.append([])

    def _flush_notes(self) -> None:
        for number, text in enumerate(self.runs.taken_notes(), start=1):
            self.pages[-1].append(Block("paragraph", f"[{number}] {text}"))


def _rows(table: Any, read: Any, boxes: list[Any]) -> list[list[str]]:
    """Texts of the cells; cells that are merged with the one above are empty."""
    rows = []
    for row in _within(table, f"{W}tr"):
        if row.find(f"{W}trPr/{W}del") is not None:
            continue
        cells = []
        for cell in _within(row, f"{W}tc"):
            properties = cell.find(f"{W}tcPr")
            if properties is not None and properties.find(f"{W}cellDel") is not None:
                continue
            merge = properties.find(f"{W}vMerge") if properties is not None else None
            goes_on = merge is not None and merge.get(f"{W}val") != "restart"
            cells.append("" if goes_on else read(cell, boxes))
        rows.append(cells)
    return rows


def _within(parent: Any, tag: str) -> Iterator[Any]:
    """Children with this tag, those in content controls and marks of revision included."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _CONTAINERS:
            yield from _within(child, tag)


def _between(element: Any, top: Any) -> list[Any]:
    found = []
    for up in element.iterancestors():
        if up is top:
            break
        found.append(up)
    return found


def _is_prompt(element: Any) -> bool:
    """A content control that nobody filled in shows a prompt, which is no text of the document."""
    return element.find(f"{W}sdtPr/{W}showingPlcHdr") is not None


def _new_page_sections(body: Any) -> set[Any]:
    """Paragraphs that end a section after which a new page begins: the next section says how."""
    sections = list(body.iter(f"{W}sectPr"))
    ends = set()
    for section, following in pairwise(sections):
        kind = following.find(f"{W}type")
        form = kind.get(f"{W}val", "nextPage") if kind is not None else "nextPage"
        properties = section.getparent()
        if form not in {"continuous", "nextColumn"} and properties.tag == f"{W}pPr":
            ends.add(properties.getparent())
    return ends


class _Style:
    """What the styles of a paragraph and its runs say about it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.level = 0
        self.centred = self.bold = self.breaks = False


class _Styles:
    """Paragraph styles by id; each chain of parents is followed once."""

    def __init__(self, document: Any) -> None:
        from docx.enum.style import WD_STYLE_TYPE

        self.chains: dict[str, tuple[list[str], int, bool, bool]] = {}
        self.found = {
            style.style_id: style
            for style in document.styles
            if style.type == WD_STYLE_TYPE.PARAGRAPH
        }
        default = document.styles.default(WD_STYLE_TYPE.PARAGRAPH)
        self.default = default.style_id if default is not None else ""

    def of(self, element: Any) -> _Style:
        named = element.find(f"{W}pPr/{W}pStyle")
        name = named.get(f"{W}val", "") if named is not None else self.default
        if name not in self.chains:
            self.chains[name] = self._chain(name)
        style = _Style()
        style.ids, style.level, style.centred, style.breaks = self.chains[name]
        style.level = style.level or _outline(element)
        aligned = element.find(f"{W}pPr/{W}jc")
        if aligned is not None:
            style.centred = aligned.get(f"{W}val") == "center"
        breaks = element.find(f"{W}pPr/{W}pageBreakBefore")
        if breaks is not None:
            style.breaks = is_on(breaks)
        runs = [run for run in element.iter(f"{W}r") if run.find(f"{W}t") is not None]
        style.bold = bool(runs) and all(is_on(run.find(f"{W}rPr/{W}b")) for run in runs)
        return style

    def _chain(self, name: str) -> tuple[list[str], int, bool, bool]:
        ids: list[str] = []
        level, centred, breaks = 0, False, False
        style = self.found.get(name) or self.found.get(self.default)
        while style is not None and len(ids) < _MAX_PARENTS:
            ids.append(style.style_id)
            level = level or heading_level(style.name or "") or _outline(style.element)
            aligned = style.element.find(f"{W}pPr/{W}jc")
            centred = centred or (aligned is not None and aligned.get(f"{W}val") == "center")
            breaks = breaks or is_on(style.element.find(f"{W}pPr/{W}pageBreakBefore"))
            style = style.base_style
        return ids, level, centred, breaks


def _outline(element: Any) -> int:
    """1 to 9 for an outline level, 0 for body text."""
    level = element.find(f"{W}pPr/{W}outlineLvl")
    value = int(level.get(f"{W}val", "9")) if level is not None else 9
    return value + 1 if 0 <= value < 9 else 0


def _part(document: Any, kind: str) -> Any:
    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            return parse_xml(relation.target_part.blob)
    return None


def _notes(document: Any, package: io.BytesIO, kind: str) -> Any:
    """The part with notes of a kind; some programs forget the relation to it."""
    part = _part(document, f"{kind}s")
    if part is not None:
        return part
    with zipfile.ZipFile(package) as archive:
        try:
            return parse_xml(archive.read(f"word/{kind}s.xml"))
        except KeyError:
            return None


def _furniture(document: Any) -> list[Block]:
    """Headers and footers of all sections, of first and even pages too."""
    found: dict[str, None] = {}
    for kind in ("header", "footer"):
        for relation in document.part.rels.values():
            if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
                for element in parse_xml(relation.target_part.blob).iter(f"{W}p"):
                    text = plain("".join(Runs({}).text(element, [])))
                    if text:
                        found[text] = None
    return [Block("furniture", text) for text in found]


def _metadata(document: Any) -> dict[str, str]:
    core = document.core_properties
    values = {"title": core.title, "author": core.author, "subject": core.subject}
    return {key: " ".join(value.split())[:500] for key, value in values.items() if value}
