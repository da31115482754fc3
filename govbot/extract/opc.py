"""Office Open XML packages made safe and plain before python-docx, python-pptx or openpyxl.

The libraries see a copy in memory that holds the XML parts only: checked for entities, with the
transitional names, without relations that lead nowhere. Pictures, macros and embedded files never
reach them.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote

from govbot.extract import Limits
from govbot.extract.archive import (
    open_archive,
    parse_xml,
    read_member,
    refuse_entities,
    too_large,
)

_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_TYPES = "[Content_Types].xml"
# ISO 29500 "Strict" files differ in the names only, for what is read here.
_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAMES = (
    (rb"http://purl\.oclc\.org/ooxml/(wordprocessingml|spreadsheetml|drawingml|presentationml)/main",
     {b"wordprocessingml": b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
      b"spreadsheetml": b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
      b"drawingml": b"http://schemas.openxmlformats.org/drawingml/2006/main",
      b"presentationml": b"http://schemas.openxmlformats.org/presentationml/2006/main"}),
)  # fmt: skip
_STRICT_REST = (
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships",
     b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"),
    (b"http://purl.oclc.org/ooxml/officeDocument/math",
     b"http://schemas.openxmlformats.org/officeDocument/2006/math"),
    (b"http://purl.oclc.org/ooxml/drawingml/",
     b"http://schemas.openxmlformats.org/drawingml/2006/"),
)  # fmt: skip
# Documents with macros, templates and slide shows are read as plain documents.
_PLAIN_TYPES = (
    (rb"application/vnd\.ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml"
     rb"|application/vnd\.openxmlformats-officedocument\.wordprocessingml\.template\.main\+xml",
     b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
    (rb"application/vnd\.ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled\.main\+xml"
     rb"|application/vnd\.openxmlformats-officedocument\.presentationml\.(?:slideshow|template)"
     rb"\.main\+xml",
     b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"),
    (rb"application/vnd\.ms-excel\.(?:sheet|template)\.macroEnabled\.main\+xml"
     rb"|application/vnd\.openxmlformats-officedocument\.spreadsheetml\.template\.main\+xml",
     b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
)  # fmt: skip


def plain_package(path: Path, limits: Limits) -> io.BytesIO:
    """A copy of the package that is safe to hand on. Raises BadDocument E-CORROMPIDO, E-TAMANHO."""
    with open_archive(path, limits.max_decompressed_mb) as archive:
        wanted = [name for name in dict.fromkeys(archive.namelist()) if _is_wanted(name)]
        present = set(wanted)
        left = limits.max_decompressed_mb << 20
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as copy:
            for name in wanted:
                data = read_member(archive, name, limits.max_decompressed_mb)
                left -= len(data)
                if left < 0:
                    raise too_large()
                copy.writestr(name, _plain(name, data, present))
    made.seek(0)
    return made


def _is_wanted(name: str) -> bool:
    """Names that climb or are absolute belong to no part."""
    if not name.lower().endswith((".xml", ".rels")):
        return False
    parts = name.split("/")
    return not ("\\" in name or "" in parts or ".." in parts or "." in parts)


def _plain(name: str, data: bytes, present: set[str]) -> bytes:
    if _STRICT in data:
        data = _transitional(data)
    if name == _TYPES:
        for pattern, plain in _PLAIN_TYPES:
            data = re.sub(pattern, plain, data)
    if name.lower().endswith(".rels"):
        return _relations(name, data, present)
    refuse_entities(data)
    return data


def _transitional(data: bytes) -> bytes:
    for pattern, names in _STRICT_NAMES:
        data = re.sub(pattern, lambda match, names=names: names[match[1]], data)  # type: ignore[misc]
    for strict, transitional in _STRICT_REST:
        data = data.replace(strict, transitional)
    return data


def _relations(name: str, data: bytes, present: set[str]) -> bytes:
    """Only the relations to parts of the copy: the libraries stop at the first broken one."""
    from lxml import etree

    root = parse_xml(data)
    folder = posixpath.dirname(posixpath.dirname(name))
    for relation in list(root):
        target = unquote(relation.get("Target", ""))
        resolved = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        known = relation.tag == _RELATION and resolved in present
        if not known or relation.get("TargetMode") == "External":
            root.remove(relation)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
