"""HTML: what a reader of the page sees, without scripts, styles and navigation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Block, BlockKind, Extracted, Limits, OnPage
from govbot.extract.charset import decode
from govbot.extract.guard import guarded
from govbot.extract.norms import division
from govbot.extract.text import assembled, check_characters, finished, kind_of

if TYPE_CHECKING:
    from lxml import etree

_DROPPED = {
    "script", "style", "noscript", "template", "head", "iframe", "object", "svg", "textarea",
    "select", "button", "canvas", "audio", "video", "math",
}  # fmt: skip
_FURNITURE = {"nav", "header", "footer", "aside"}
_BLOCKS = {
    "address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "main", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul", "br",
    *_FURNITURE,
}  # fmt: skip
_HEADING = re.compile(r"h[1-6]")
_CHARSET = re.compile(rb"<meta[^>]{1,500}charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_-]+)", re.I)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{1,200}encoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9_-]+)", re.I)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_MAIN_SHARE = 0.3  # of the text of the page, for <main> to be believed


@guarded("HTML")
def extract_html(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """The text of a page as one page. Raises BadDocument E-VAZIO, E-TAMANHO, E-CORROMPIDO."""
    text, charset, declared = _decoded(path.read_bytes())
    root = _parsed(text, limits)
    title = " ".join((root.findtext(".//title") or "").split())
    pages = assembled([_blocks(root)], limits, on_page)
    return finished(pages, {"charset": charset, "title": title[:500]}, title, guessed=not declared)


def blocks_of_html(text: str, limits: Limits) -> list[Block]:
    """The blocks of an HTML text; none when there is nothing in it."""
    try:
        return _blocks(_parsed(text, limits))
    except BadDocument as error:
        if error.error_code == "E-VAZIO":
            return []
        raise


def _parsed(text: str, limits: Limits) -> etree._Element:
    from lxml import etree, html

    check_characters(len(text) // 4, limits)
    # `huge_tree`, since otherwise libxml2 silently ends the page where tags nest more than 256
    # deep, which missing end tags make common; with it there is a bound of 2048, which is told.
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True)
    try:
        # An XML declaration would make lxml look for another character set.
        plain = _XML_DECLARATION.sub("", text.replace("\0", ""))
        root = html.document_fromstring(plain.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument("The document has no text.", code="E-VAZIO") from error
    if any("Excessive depth" in entry.message for entry in parser.error_log):
        raise BadDocument("The file is damaged: its parts are nested too deeply.")
    return root


def _decoded(data: bytes) -> tuple[str, str, bool]:
    """The text, its character set, and whether that is certain: declared, or UTF-8."""
    match = _CHARSET.search(data[:4096]) or _XML_CHARSET.match(data[:1024].lstrip())
    named = match[1].decode("ascii") if match else ""
    if named and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        # Browsers read Latin-1 as Windows-1252 (WHATWG Encoding Standard); so do we.
        named = "cp1252" if named.lower() in {"iso-8859-1", "latin1", "windows-1252"} else named
        try:
            return data.decode(named), named.lower(), True
        except (LookupError, ValueError):
            pass
    text, charset = decode(data)
    return text, charset, charset == "utf-8"


def _blocks(root: etree._Element) -> list[Block]:
    body = root.find("body")
    writer = _Writer(_main(root))
    writer.walk(root if body is None else body)
    return writer.blocks


def _main(root: etree._Element) -> etree._Element | None:
    """The one element that holds the content, where the page marks it and has most text in it."""
    found = [node for node in root.iter("*") if node.tag == "main" or node.get("role") == "main"]
    outer = [element for element in found if not any(up in found for up in element.iterancestors())]
    if len(outer) != 1:
        return None
    whole = len(" ".join("".join(map(str, root.itertext())).split()))
    inside = len(" ".join("".join(map(str, outer[0].itertext())).split()))
    return outer[0] if inside >= _MAIN_SHARE * whole else None


class _Writer:
    """Collects blocks while the tree is walked; without recursion, since pages nest deeply."""

    def __init__(self, main: etree._Element | None) -> None:
        self.main = main
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.kinds: list[BlockKind] = ["paragraph" if main is None else "furniture"]
        self.lists: list[list[int]] = []  # number of the last item of each list; -1 for bullets
        self.tables: list[list[list[str]]] = []  # rows of the data tables that are open
        self.level = 0

    def walk(self, body: etree._Element) -> None:
        from lxml import etree

        walker = etree.iterwalk(body, events=("start", "end", "comment", "pi"))
        for event, node in walker:
            if event in ("comment", "pi"):
                self._tail(node, body)
            elif event == "start":
                if _is_dropped(node) and node is not body:
                    walker.skip_subtree()
                else:
                    self._start(node)
            else:
                if not _is_dropped(node) or node is body:
                    self._end(node)
                self._tail(node, body)
        self._flush()

    def _tail(self, node: etree._Element, body: etree._Element) -> None:
        if node is not body and node.tail:
            self.parts.append(node.tail)

    def _start(self, node: etree._Element) -> None:
        tag = str(node.tag)
        if tag in _BLOCKS:
            self._flush()
        self.kinds.append(self._kind(node, tag))
        if tag == "table" and _is_data(node):
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("ol", "ul"):
            start = node.get("start", "1")
            first = int(start) if start.isdecimal() and len(start) < 7 else 1
            self.lists.append([first - 1 if tag == "ol" else -1])
        elif tag == "li" and not self.tables:
            self.parts.append(self._mark())
        elif _HEADING.fullmatch(tag):
            self.level = int(tag[1])
        self.parts.append(node.text or "")

    def _end(self, node: etree._Element) -> None:
        tag = str(node.tag)
        if tag in ("td", "th") and self.tables:
            self._cell()
        elif tag in _BLOCKS:
            self._flush()
        if tag in ("ol", "ul") and self.lists:
            self.lists.pop()
        elif tag == "table" and self.tables and _is_data(node):
            self._table()
        elif _HEADING.fullmatch(tag):
            self.level = 0
        self.kinds.pop()

    def _kind(self, node: etree._Element, tag: str) -> BlockKind:
        kind = self.kinds[-1]
        if node is self.main:
            return "paragraph"
        if tag in _FURNITURE:
            # The header of an article or of the main content holds its title.
            within = any(up.tag in ("article", "main", "section") for up in node.iterancestors())
            return kind if tag in ("header", "footer") and within else "furniture"
        return "list" if tag == "li" and kind == "paragraph" else kind

    def _mark(self) -> str:
        if not self.lists or self.lists[-1][0] < 0:
            return "• "
        self.lists[-1][0] += 1
        return f"{self.lists[-1][0]}. "

    def _flush(self) -> None:
        if self.tables and self.tables[-1]:  # inside a data table, breaks are spaces of its cells
            self.parts.append(" ")
            return
        text = " ".join("".join(self.parts).split())
        self.parts = []
        if not any(map(str.isalnum, text)):
            return
        kind = self.kinds[-1]
        if kind == "furniture":
            self.blocks.append(Block("furniture", text))
        elif self.level:
            found = division(text)
            self.blocks.append(Block("heading", text, found[0] + 1 if found else self.level))
        else:
            self.blocks.append(Block("list", text) if kind == "list" else kind_of(text))

    def _cell(self) -> None:
        rows = self.tables[-1]
        if not rows:
            rows.append([])
        rows[-1].append(" ".join("".join(self.parts).split()))
        self.parts = []

    def _table(self) -> None:
        """Rows as lines."""
        rows = [row for row in self.tables.pop() if any(row)]
        self.parts = []
        if rows:
            kind: BlockKind = "furniture" if self.kinds[-1] == "furniture" else "table"
            self.blocks.append(Block(kind, "\n".join(" | ".join(row) for row in rows)))


def _is_dropped(node: etree._Element) -> bool:
    if node.tag in _DROPPED or node.get("hidden") is not None:
        return True
    return bool(_HIDDEN.search(node.get("style", "")[:1000]))


def _is_data(table: etree._Element) -> bool:
    """Tables with tables in them, or with one cell per row, are layout and no data."""
    if next(table.iterdescendants("table"), None) is not None:
        return False
    return any(sum(1 for cell in row if cell.tag in ("td", "th")) > 1 for row in table.iter("tr"))
