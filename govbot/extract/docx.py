"""DOCX: paragraphs, lists, tables and notes in document order; headers and footers as furniture.

Word decides pages when it draws them: pages here follow explicit breaks and the places where the
last drawing broke (w:lastRenderedPageBreak), where the file has them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, Page, page_of
from govbot.extract.archive import open_archive, parse_xml, read_member
from govbot.extract.norms import ARTICLE, division, shouts
from govbot.extract.numbering import Numbering
from govbot.extract.text import check_pages, finished, kind_of

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
# Deleted and moved text, field codes, and the copy of a drawing for old readers.
_SKIPPED = {f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_MC}Fallback", f"{_W}rPr", f"{_W}pPr"}
_CONTAINERS = {f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml", f"{_W}moveTo"}
_PAGE_BREAK = "\f"
_CHARACTERS = {
    f"{_W}tab": " ",
    f"{_W}ptab": " ",
    f"{_W}cr": "\n",
    f"{_W}noBreakHyphen": "-",
    f"{_W}lastRenderedPageBreak": _PAGE_BREAK,
}


def extract_docx(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    archive = open_archive(path, limits.max_decompressed_mb)
    try:
        document = _open(path)
        notes = _notes(archive, limits)
        reader = _Reader(document, notes)
        reader.body()
        metadata = _metadata(document)
    finally:
        archive.close()
    check_pages(len(reader.pages), limits)
    furniture = _furniture(document)
    pages: list[Page] = []
    characters = 0
    for number, blocks in enumerate(reader.pages, start=1):
        page = page_of(number, [*blocks, *furniture] if number == 1 else blocks)
        characters += len(page.text)
        if characters > limits.max_characters:
            raise BadDocument(
                "The document has more than %(limit)s characters. Split it into smaller files.",
                code="E-TAMANHO",
                limit=limits.max_characters,
            )
        pages.append(page)
        on_page(number, len(reader.pages))
    return finished(pages, metadata, metadata.get("title", ""))


def _open(path: Path) -> Any:
    import docx

    try:
        document = docx.Document(str(path))
        _ = document.element.body
    except Exception as error:  # python-docx lets errors of zipfile, lxml and its own through
        raise BadDocument("The file is damaged: it cannot be opened as a DOCX.") from error
    return document


class _Reader:
    """Walks the body; a new page begins where a break is met."""

    def __init__(self, document: Any, notes: dict[str, str]) -> None:
        self.document, self.notes = document, notes
        self.pages: list[list[Block]] = [[]]
        self.numbering = Numbering(_part(document, "numbering"), document.styles.element)
        self.pending: list[str] = []

    def body(self) -> None:
        self._children(self.document.element.body)
        self._flush_notes()

    def _children(self, parent: Any) -> None:
        for child in parent:
            if child.tag == f"{_W}p":
                self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                rows = list(self._rows(child))
                text = "\n".join(" | ".join(row) for row in rows if any(row))
                self.pages[-1].append(_table_block(rows, text.replace(_PAGE_BREAK, " ")))
            elif child.tag in _CONTAINERS:
                self._children(child)

    def _paragraph(self, element: Any) -> None:
        style = _style(self.document, element)
        if style.break_before and any(self.pages):
            self._new_page()
        label = self.numbering.label(element, style.ids)
        boxes: list[Any] = []
        parts = "".join(self._text(element, boxes)).split(_PAGE_BREAK)
        for index, part in enumerate(parts):
            if index:
                self._new_page()
            text = _plain(part)
            if text:
                self.pages[-1].append(_block(label + text if index == 0 else text, style, label))
                label = "" if index == 0 else label
        for box in boxes:
            self._children(box)

    def _text(self, element: Any, boxes: list[Any]) -> Iterator[str]:
        for child in element:
            tag = child.tag
            if tag in _SKIPPED or not isinstance(tag, str):
                continue
            if tag == f"{_W}t":
                yield child.text or ""
            elif tag == f"{_W}br":
                yield _PAGE_BREAK if child.get(f"{_W}type") == "page" else "\n"
            elif tag in _CHARACTERS:
                yield _CHARACTERS[tag]
            elif tag in (f"{_W}footnoteReference", f"{_W}endnoteReference"):
                yield self._note(f"{tag.removeprefix(_W)[:4]}{child.get(f'{_W}id')}")
            elif tag == f"{_W}txbxContent":
                boxes.append(child)
            else:
                yield from self._text(child, boxes)

    def _note(self, key: str) -> str:
        text = self.notes.get(key)
        if not text:
            return ""
        self.pending.append(text)
        return f" [{len(self.pending)}]"

    def _rows(self, table: Any) -> Iterator[list[str]]:
        for row in table.iter(f"{_W}tr"):
            if next(row.iterancestors(f"{_W}tbl")) is not table:
                continue
            cells = []
            for cell in row.iter(f"{_W}tc"):
                if next(cell.iterancestors(f"{_W}tr")) is not row:
                    continue
                merge = cell.find(f"{_W}tcPr/{_W}vMerge")
                hidden = merge is not None and merge.get(f"{_W}val") != "restart"
                cells.append("" if hidden else self._cell(cell))
            yield cells

    def _cell(self, cell: Any) -> str:
        paragraphs = []
        for element in cell.iter(f"{_W}p"):
            boxes: list[Any] = []
            label = self.numbering.label(element, _style(self.document, element).ids)
            paragraphs.append(label + _plain("".join(self._text(element, boxes))))
        return " ".join(text for text in paragraphs if text)

    def _new_page(self) -> None:
        self._flush_notes()
        self.pages.append([])

    def _flush_notes(self) -> None:
        for number, text in enumerate(self.pending, start=1):
            self.pages[-1].append(Block("paragraph", f"[{number}] {text}"))
        self.pending = []


class _Style:
    """What the styles of a paragraph say about it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.level = 0
        self.centred = self.bold = self.break_before = False


def _style(document: Any, element: Any) -> _Style:
    from docx.text.paragraph import Paragraph

    style = _Style()
    paragraph = Paragraph(element, document)
    base = paragraph.style
    names: list[str] = []
    while base is not None and len(names) < 12:
        names.append(base.name or "")
        style.ids.append(base.style_id)
        style.level = style.level or _outline(base.element, base.name or "")
        base = base.base_style
    style.level = style.level or _outline(element, "")
    justified = element.find(f"{_W}pPr/{_W}jc")
    style.centred = justified is not None and justified.get(f"{_W}val") == "center"
    style.break_before = element.find(f"{_W}pPr/{_W}pageBreakBefore") is not None
    runs = [run for run in element.iter(f"{_W}r") if run.find(f"{_W}t") is not None]
    style.bold = bool(runs) and all(_is_on(run.find(f"{_W}rPr/{_W}b")) for run in runs)
    return style


def _outline(element: Any, name: str) -> int:
    """1 to 9 for a heading style or an outline level, 0 for body text."""
    words = name.lower().split()
    if len(words) == 2 and words[0] in {"heading", "título", "titulo"} and words[1].isdigit():
        return int(words[1])
    if name.lower() in {"title", "título"}:
        return 1
    level = element.find(f"{_W}pPr/{_W}outlineLvl")
    value = int(level.get(f"{_W}val", "9")) if level is not None else 9
    return value + 1 if value < 9 else 0


def _is_on(flag: Any) -> bool:
    return flag is not None and flag.get(f"{_W}val", "1") not in {"0", "false", "off"}


def _block(text: str, style: _Style, label: str) -> Block:
    found = division(text)
    words = len(text.split())
    if found:
        return Block("heading", text, found[0] + 1)
    if style.level and words <= 40:
        return Block("heading", text, style.level)
    loud = (style.centred and (style.bold or shouts(text))) or (style.bold and shouts(text))
    ends = text.endswith((".", ";", ":", ","))
    if (
        loud
        and words <= 25
        and not ends
        and not ARTICLE.match(text)
        and any(map(str.isalpha, text))
    ):
        return Block("heading", text, 8)
    return Block("list", text) if label else kind_of(text)


def _table_block(rows: list[list[str]], text: str) -> Block:
    """Tables of one column only frame a text."""
    single = all(len(row) <= 1 for row in rows)
    return Block("paragraph" if single else "table", text)


def _plain(text: str) -> str:
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))


def _part(document: Any, kind: str) -> Any:
    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            try:
                return parse_xml(relation.target_part.blob)
            except BadDocument:
                return None
    return None


def _notes(archive: zipfile.ZipFile, limits: Limits) -> dict[str, str]:
    """Texts of footnotes and endnotes by kind and id; separators have no text."""
    notes: dict[str, str] = {}
    for kind in ("footnote", "endnote"):
        try:
            root = parse_xml(read_member(archive, f"word/{kind}s.xml", limits.max_decompressed_mb))
        except KeyError:
            continue
        for note in root.iter(f"{_W}{kind}"):
            words = "".join(part.text or "" for part in note.iter(f"{_W}t")).split()
            notes[f"{kind[:4]}{note.get(f'{_W}id')}"] = " ".join(words)
    return notes


def _furniture(document: Any) -> list[Block]:
    found: dict[str, None] = {}
    for section in document.sections:
        for part in (section.header, section.footer, section.first_page_header):
            for element in part._element.iter(f"{_W}p"):
                text = _plain("".join(piece.text or "" for piece in element.iter(f"{_W}t")))
                if text:
                    found[text] = None
    return [Block("furniture", text) for text in found]


def _metadata(document: Any) -> dict[str, str]:
    core = document.core_properties
    values = {"title": core.title, "author": core.author, "subject": core.subject}
    return {key: " ".join(value.split())[:500] for key, value in values.items() if value}
