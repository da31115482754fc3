"""ODT: content.xml in document order, page breaks of styles and of the last drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Block, Extracted, Limits, OnPage, page_of
from govbot.extract.archive import open_archive, parse_xml, read_member
from govbot.extract.norms import division
from govbot.extract.text import check_pages, finished, kind_of

if TYPE_CHECKING:
    from lxml import etree

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _TABLE = f"{{{_NS}text:1.0}}", f"{{{_NS}table:1.0}}"
_OFFICE, _STYLE = f"{{{_NS}office:1.0}}", f"{{{_NS}style:1.0}}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_SKIPPED = {f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}sequence-decls"}
_PAGE_BREAK = "\f"
_MAX_REPEATS = 50


def extract_odt(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """Raises BadDocument E-SENHA, E-CORROMPIDO, E-TAMANHO, E-PAGINAS, E-VAZIO."""
    with open_archive(path, limits.max_decompressed_mb) as archive:
        parts = {}
        for name in ("META-INF/manifest.xml", "content.xml", "styles.xml", "meta.xml"):
            try:
                parts[name] = read_member(archive, name, limits.max_decompressed_mb)
            except KeyError:
                parts[name] = b""
    if b"encryption-data" in parts["META-INF/manifest.xml"]:
        raise BadDocument(
            "The document is protected by a password. Remove the password and send it again.",
            code="E-SENHA",
        )
    root = parse_xml(parts["content.xml"])
    body = root.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is None:
        raise BadDocument("The file is damaged: it cannot be opened as an ODT.")
    reader = _Reader(_breaking_styles(root))
    reader.children(body, "")
    reader.flush_notes()
    check_pages(len(reader.pages), limits)
    furniture = _furniture(parts["styles.xml"])
    pages = []
    for number, blocks in enumerate(reader.pages, start=1):
        pages.append(page_of(number, [*blocks, *furniture] if number == 1 else blocks))
        on_page(number, len(reader.pages))
    if sum(len(page.text) for page in pages) > limits.max_characters:
        raise BadDocument(
            "The document has more than %(limit)s characters. Split it into smaller files.",
            code="E-TAMANHO",
            limit=limits.max_characters,
        )
    metadata = _metadata(parts["meta.xml"])
    return finished(pages, metadata, metadata.get("title", ""))


class _Reader:
    def __init__(self, breaking: set[str]) -> None:
        self.breaking = breaking
        self.pages: list[list[Block]] = [[]]
        self.notes: list[str] = []

    def children(self, parent: etree._Element, marker: str) -> None:
        for child in parent:
            tag = child.tag
            if tag in _SKIPPED:
                continue
            if tag in (f"{_TEXT}p", f"{_TEXT}h"):
                self._paragraph(child, marker)
                marker = ""
            elif tag == f"{_TEXT}list":
                self._list(child)
            elif tag == f"{_TABLE}table":
                self._table(child)
            elif tag == f"{_TEXT}soft-page-break":
                self._new_page()
            elif isinstance(tag, str):
                self.children(child, marker)

    def _list(self, element: etree._Element) -> None:
        for item in element:
            if item.tag in (f"{_TEXT}list-item", f"{_TEXT}list-header"):
                label = item.find(f"{_TEXT}number")
                number = label.text if label is not None and label.text else "•"
                self.children(item, f"{number} ")

    def _paragraph(self, element: etree._Element, marker: str) -> None:
        if element.get(f"{_TEXT}style-name") in self.breaking and any(self.pages):
            self._new_page()
        for index, part in enumerate("".join(self._text(element)).split(_PAGE_BREAK)):
            if index:
                self._new_page()
            text = "\n".join(filter(None, (" ".join(line.split()) for line in part.split("\n"))))
            if text:
                self.pages[-1].append(_block(element, text, marker))
                marker = ""

    def _text(self, element: etree._Element) -> Iterator[str]:
        yield element.text or ""
        for child in element:
            tag = child.tag
            if tag in (f"{_TEXT}s", f"{_TEXT}tab"):
                yield " "
            elif tag == f"{_TEXT}line-break":
                yield "\n"
            elif tag == f"{_TEXT}soft-page-break":
                yield _PAGE_BREAK
            elif tag == f"{_TEXT}note":
                yield self._note(child)
            elif tag not in _SKIPPED and isinstance(tag, str):
                yield from self._text(child)
            yield child.tail or ""

    def _note(self, element: etree._Element) -> str:
        body = element.find(f"{_TEXT}note-body")
        if body is None:
            return ""
        self.notes.append(" ".join("".join(self._text(body)).split()))
        return f" [{len(self.notes)}]"

    def _table(self, table: etree._Element) -> None:
        rows = []
        for row in table.iter(f"{_TABLE}table-row"):
            cells: list[str] = []
            for cell in row:
                if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                    paragraphs = (" ".join(self._text(part)) for part in cell)
                    text = " ".join(" ".join(paragraphs).replace(_PAGE_BREAK, " ").split())
                    repeated = cell.get(f"{_TABLE}number-columns-repeated", "1")
                    count = int(repeated) if repeated.isdigit() else 1
                    cells.extend([text] * (min(count, _MAX_REPEATS) if text else 1))
            if any(cells):
                rows.append(" | ".join(cells))
        if rows:
            self.pages[-1].append(Block("table", "\n".join(rows)))

    def _new_page(self) -> None:
        self.flush_notes()
        self.pages.append([])

    def flush_notes(self) -> None:
        """Puts the notes that were met at the end of their page."""
        for number, text in enumerate(self.notes, start=1):
            self.pages[-1].append(Block("paragraph", f"[{number}] {text}"))
        self.notes = []


def _block(element: etree._Element, text: str, marker: str) -> Block:
    found = division(text)
    if found:
        return Block("heading", text, found[0] + 1)
    if element.tag == f"{_TEXT}h":
        level = element.get(f"{_TEXT}outline-level", "1")
        return Block("heading", text, int(level) if level.isdigit() else 1)
    return Block("list", marker + text) if marker else kind_of(text)


def _breaking_styles(root: etree._Element) -> set[str]:
    """Names of paragraph styles that begin a new page."""
    names = set()
    for style in root.iter(f"{_STYLE}style"):
        properties = style.find(f"{_STYLE}paragraph-properties")
        if properties is not None and properties.get(f"{_FO}break-before") == "page":
            names.add(style.get(f"{_STYLE}name", ""))
    return names


def _furniture(data: bytes) -> list[Block]:
    if not data:
        return []
    found: dict[str, None] = {}
    for kind in ("header", "footer"):
        for part in parse_xml(data).iter(f"{_STYLE}{kind}"):
            for element in part.iter(f"{_TEXT}p"):
                found[" ".join("".join(map(str, element.itertext())).split())] = None
    return [Block("furniture", text) for text in found if text]


def _metadata(data: bytes) -> dict[str, str]:
    if not data:
        return {}
    root = parse_xml(data)
    values = {
        "title": root.findtext(f".//{_DC}title"),
        "author": root.findtext(f".//{_DC}creator"),
        "subject": root.findtext(f".//{_DC}subject"),
    }
    return {key: " ".join(value.split())[:500] for key, value in values.items() if value}
