"""Recognises what a file is by its content; names lie, and browsers guess."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from govbot.errors import BadDocument
from govbot.extract import DOCX, HTML, MARKDOWN, ODT, PDF, TEXT

_HEAD = 65_536
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_TEXT_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(rb"<(?:p|div|table|h[1-6]|br|span|ul|a)\b[^>]*>", re.I)


def mime_of(path: Path, filename: str) -> str:
    """The MIME type of a supported file. Raises BadDocument E-FORMATO, E-SENHA or E-VAZIO."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\0 \t\r\n\f"):
        raise BadDocument("The file is empty.", code="E-VAZIO")
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _package(path)
    if head.startswith(_OLE):
        raise _ole(path)
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise _format("Pictures cannot be read yet. Send the document as PDF, DOCX or ODT.")
    if head.startswith(b"{\\rtf"):
        raise _format("RTF files cannot be read. Save the document as DOCX, ODT or PDF.")
    return _text_kind(head, filename)


def _package(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mimetype = b""
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    mimetype = member.read(200)
            types = b""
            if "[Content_Types].xml" in names:
                with archive.open("[Content_Types].xml") as member:
                    types = member.read(1 << 20)
    except Exception as error:  # a broken package fails in many ways, all of them the file's fault
        raise BadDocument("The file is damaged: its package cannot be opened.") from error
    if mimetype.strip().startswith(ODT.encode()):
        return ODT
    if b"wordprocessingml.document.main" in types or b"document.macroEnabled.main" in types:
        return DOCX
    raise _format("This kind of file is not supported. Send PDF, DOCX, ODT, TXT, MD or HTML.")


def _ole(path: Path) -> BadDocument:
    """Word 97 to 2003, or a modern Office file encrypted with a password in an OLE container."""
    with path.open("rb") as file:
        data = file.read(8 << 20)
    if "EncryptedPackage".encode("utf-16-le") in data:
        return BadDocument(
            "The document is protected by a password. Remove the password and send it again.",
            code="E-SENHA",
        )
    return _format(
        "Files of Word 97 to 2003 (.doc) cannot be read. Save the document as DOCX, ODT or PDF."
    )


def _text_kind(head: bytes, filename: str) -> str:
    wide = head.startswith(_TEXT_BOMS[:2])
    controls = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 27), 28, 29, 30))
    if not wide and (b"\0" in head or controls > len(head) // 200):
        raise _format("This kind of file is not supported. Send PDF, DOCX, ODT, TXT, MD or HTML.")
    suffix = PurePosixPath(filename.lower()).suffix
    plain = head.replace(b"\0", b"") if wide else head
    for bom in _TEXT_BOMS:
        plain = plain.removeprefix(bom)
    if _HTML_START.match(plain):
        return HTML
    if plain.lstrip().startswith(b"<?xml"):
        raise _format("This kind of file is not supported. Send PDF, DOCX, ODT, TXT, MD or HTML.")
    if suffix in {".html", ".htm", ".xhtml"} and _HTML_TAG.search(plain):
        return HTML
    return MARKDOWN if suffix in {".md", ".markdown"} else TEXT


def _format(message: str) -> BadDocument:
    return BadDocument(message, code="E-FORMATO")
