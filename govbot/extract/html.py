"""HTML: what a reader of the page sees, without scripts, styles and navigation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Block, BlockKind, Extracted, Limits, OnPage, page_of
from govbot.extract.norms import division
from govbot.extract.text import decode, finished, kind_of

if TYPE_CHECKING:
    from lxml import etree

_DROPPED = {"script", "style", "noscript", "template", "head", "iframe", "object", "svg", "form"}
_FURNITURE = {"nav", "header", "footer", "aside"}
_BLOCKS = {
    "address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul", *_FURNITURE,
}  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", re.I)
_MAX_DEPTH = 300


def extract_html(path: Path, limits: Limits, on_page: OnPage) -> Extracted:
    """The text of a page as one page. Raises BadDocument E-VAZIO, E-TAMANHO, E-CORROMPIDO."""
    from lxml import etree, html

    text, charset = _decoded(path.read_bytes())
    if len(text) > 4 * limits.max_characters:
        raise BadDocument(
            "The document has more than %(limit)s characters. Split it into smaller files.",
            code="E-TAMANHO",
            limit=limits.max_characters,
        )
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        root = html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument("The document has no text.", code="E-VAZIO") from error
    title = " ".join((root.findtext(".//title") or "").split())
    body = root.find("body")
    writer = _Writer()
    writer.walk(root if body is None else body, "paragraph", 0)
    writer.end("paragraph")
    on_page(1, 1)
    return finished([page_of(1, writer.blocks)], {"charset": charset, "title": title}, title)


def _decoded(data: bytes) -> tuple[str, str]:
    match = _CHARSET.search(data[:4096])
    named = match[1].decode("ascii") if match else ""
    if named:
        # Browsers read Latin-1 as Windows-1252 (WHATWG Encoding Standard); so do we.
        named = "cp1252" if named.lower() in {"iso-8859-1", "latin1", "windows-1252"} else named
        try:
            return data.decode(named), named.lower()
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


class _Writer:
    """Collects blocks while the tree is walked."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.parts: list[str] = []

    def walk(self, node: etree._Element, kind: BlockKind, depth: int) -> None:
        tag = node.tag if isinstance(node.tag, str) else ""
        if not tag or tag in _DROPPED or depth > _MAX_DEPTH:
            return
        if tag == "table" and not node.findall(".//table"):
            self.end(kind)
            self._table(node, kind)
            return
        inner: BlockKind = "furniture" if tag in _FURNITURE else kind
        if tag in _BLOCKS:
            self.end(kind)
        if tag == "br":
            self.end(kind)
        if tag == "li" and inner == "paragraph":
            self.parts.append("• ")
            inner = "list"
        self.parts.append(node.text or "")
        for child in node:
            self.walk(child, inner, depth + 1)
            self.parts.append(child.tail or "")
        if tag in _BLOCKS:
            level = int(tag[1]) if re.fullmatch(r"h[1-6]", tag) else 0
            self.end(inner, level)

    def end(self, kind: BlockKind, level: int = 0) -> None:
        text = " ".join("".join(self.parts).split())
        self.parts = []
        if not text or text == "•":
            return
        if kind == "furniture":
            self.blocks.append(Block("furniture", text))
        elif level:
            found = division(text)
            self.blocks.append(Block("heading", text, found[0] + 1 if found else level))
        else:
            self.blocks.append(Block("list", text) if kind == "list" else kind_of(text))

    def _table(self, table: etree._Element, kind: BlockKind) -> None:
        """Rows as lines; tables with one cell per row are layout, not data."""
        rows = []
        for row in table.iter("tr"):
            cells = [" ".join("".join(_visible(c)).split()) for c in row if c.tag in ("td", "th")]
            if any(cells):
                rows.append(cells)
        if all(len(row) <= 1 for row in rows):
            for cells in rows:
                self.parts.append(cells[0])
                self.end(kind)
        else:
            text = "\n".join(" | ".join(row) for row in rows)
            self.blocks.append(Block("furniture" if kind == "furniture" else "table", text))


def _visible(node: etree._Element) -> list[str]:
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and child.tag not in _DROPPED:
            parts.append(" " if child.tag in _BLOCKS or child.tag == "br" else "")
            parts.extend(_visible(child))
        parts.append(child.tail or "")
    return parts
