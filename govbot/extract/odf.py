"""What ODT and ODS share: the parts of the package, passwords, metadata, styles of paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from govbot.errors import BadDocument
from govbot.extract import Limits
from govbot.extract.archive import open_archive, parse_xml, read_member
from govbot.extract.headings import heading_level

if TYPE_CHECKING:
    from lxml import etree

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
TEXT, TABLE = f"{{{_NS}text:1.0}}", f"{{{_NS}table:1.0}}"
OFFICE, STYLE = f"{{{_NS}office:1.0}}", f"{{{_NS}style:1.0}}"
DRAW = f"{{{_NS}drawing:1.0}}"
FO = f"{{{_NS}xsl-fo-compatible:1.0}}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_PARTS = ("content.xml", "styles.xml", "meta.xml")
_MAX_PARENTS = 12


@dataclass(slots=True)
class ParagraphStyle:
    """What a paragraph style says, its parents included; a break is never inherited."""

    breaks_before: bool = False
    breaks_after: bool = False
    centred: bool = False
    bold: bool = False
    level: int = 0


def open_parts(path: Path, limits: Limits) -> dict[str, bytes]:
    """Bytes of content.xml, styles.xml and meta.xml, empty where absent; raises BadDocument."""
    with open_archive(path, limits.max_decompressed_mb) as archive:
        names = set(archive.namelist())
        manifest = b""
        if "META-INF/manifest.xml" in names:
            manifest = read_member(archive, "META-INF/manifest.xml", limits.max_decompressed_mb)
        if b"encryption-data" in manifest:
            raise BadDocument(
                "The document is protected by a password. Remove the password and send it again.",
                code="E-SENHA",
            )
        return {
            name: read_member(archive, name, limits.max_decompressed_mb) if name in names else b""
            for name in _PARTS
        }


def metadata_of(data: bytes) -> dict[str, str]:
    """Title, author and subject of meta.xml, at most 500 characters each."""
    if not data:
        return {}
    root = parse_xml(data)
    values = {
        "title": root.findtext(f".//{_DC}title"),
        "author": root.findtext(f".//{_DC}creator"),
        "subject": root.findtext(f".//{_DC}subject"),
    }
    return {key: " ".join(value.split())[:500] for key, value in values.items() if value}


def paragraph_styles(*roots: etree._Element) -> dict[str, ParagraphStyle]:
    """Paragraph styles by name, of content.xml and styles.xml."""
    found = {
        style.get(f"{STYLE}name", ""): style
        for root in roots
        for style in root.iter(f"{STYLE}style")
        if style.get(f"{STYLE}family") == "paragraph"
    }
    return {name: _style(found, name) for name in found}


def _style(found: dict[str, etree._Element], name: str) -> ParagraphStyle:
    style = ParagraphStyle()
    own = found[name].find(f"{STYLE}paragraph-properties")
    if own is not None:
        style.breaks_before = own.get(f"{FO}break-before") == "page"
        style.breaks_after = own.get(f"{FO}break-after") == "page"
    # Another kind of page begins with a new page.
    style.breaks_before |= bool(found[name].get(f"{STYLE}master-page-name"))
    align = weight = None
    element: etree._Element | None = found[name]
    for _ in range(_MAX_PARENTS):
        if element is None:
            break
        shown = element.get(f"{STYLE}display-name") or element.get(f"{STYLE}name") or ""
        style.level = style.level or heading_level(shown.replace("_20_", " "))
        paragraph = element.find(f"{STYLE}paragraph-properties")
        letters = element.find(f"{STYLE}text-properties")
        align = align or (paragraph.get(f"{FO}text-align") if paragraph is not None else None)
        weight = weight or (letters.get(f"{FO}font-weight") if letters is not None else None)
        element = found.get(element.get(f"{STYLE}parent-style-name", ""))
    style.centred, style.bold = align == "center", weight == "bold"
    return style
