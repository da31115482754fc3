"""Recognises what a file is by its content; names lie, and browsers guess.

This runs in the server process on files of strangers: it reads a bounded part of the file, and
every pattern takes time in proportion to what it reads.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from govbot.errors import BadDocument
from govbot.extract import (
    CSV,
    DOC,
    DOCX,
    EML,
    HTML,
    MARKDOWN,
    ODS,
    ODT,
    PDF,
    PPTX,
    RTF,
    TEXT,
    XLSX,
)
from govbot.extract.archive import check_directory
from govbot.extract.charset import wide_charset
from govbot.extract.ole import SIGNATURE, stream_names

_HEAD = 65_536
_MAX_TYPES = 1 << 20
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"\0\0\0\x0cjP  ")
_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_TEXT_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_HTML_START = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.I)
_BLANKS = re.compile(rb"\s*")
_HTML_TAG = re.compile(rb"<(?:p|div|table|h[1-6]|br|span|ul|a)\b", re.I)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t]?[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n")
_MAIL_HEADERS = {
    b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"received", b"cc",
    b"return-path", b"content-type", b"reply-to", b"delivered-to", b"x-mailer", b"sender",
}  # fmt: skip
_OFFICE = (
    (re.compile(rb"wordprocessingml\.(?:document|template)\.main"
                rb"|ms-word\.(?:document|template)\.macroEnabled"), DOCX),
    (re.compile(rb"presentationml\.(?:presentation|slideshow|template)\.main"
                rb"|ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled"), PPTX),
    (re.compile(rb"spreadsheetml\.(?:sheet|template)\.main"
                rb"|ms-excel\.(?:sheet|template)\.macroEnabled"), XLSX),
)  # fmt: skip


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
    if head.startswith(SIGNATURE):
        return _ole(path)
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise _format("Pictures cannot be read. Put them into a PDF: its pages are recognised.")
    if head.startswith(_ARCHIVES):
        raise _format("Archives are not opened. Unpack it and send the documents in it.")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{\\rtf"):
        return RTF
    return _text_kind(head, filename)


def _package(path: Path) -> str:
    check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            mimetype = _start_of(archive, "mimetype", 200).strip().decode("ascii", "replace")
            types = _start_of(archive, "[Content_Types].xml", _MAX_TYPES)
    except Exception as error:  # a broken package fails in many ways, all of them the file's fault
        raise BadDocument("The file is damaged: its package cannot be opened.") from error
    if mimetype.startswith("application/vnd.oasis.opendocument."):
        return _opendocument(mimetype)
    for pattern, kind in _OFFICE:
        if pattern.search(types):
            return kind
    if b"ms-excel.sheet.binary.macroEnabled.main" in types:
        raise _format("Binary spreadsheets (.xlsb) cannot be read. Save it as XLSX, ODS or CSV.")
    if types or mimetype:
        raise _unsupported()
    raise _format("Archives are not opened. Unpack it and send the documents in it.")


def _start_of(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """The first bytes of a member; empty when it is absent or packed in a way that is not used."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        return b""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return b""
    with archive.open(info) as member:
        return member.read(size)


def _opendocument(mimetype: str) -> str:
    kind = mimetype.removeprefix("application/vnd.oasis.opendocument.")
    if kind.startswith("text") and not kind.startswith("text-web"):
        return ODT
    if kind.startswith("spreadsheet"):
        return ODS
    if kind.startswith("presentation"):
        raise _format("Presentations in ODP cannot be read. Save it as PPTX or PDF.")
    raise _unsupported()


def _ole(path: Path) -> str:
    """Office 97 to 2003, a modern Office file encrypted in an OLE container, or an Outlook mail."""
    names = stream_names(path)
    if "EncryptedPackage" in names:
        raise BadDocument(
            "The document is protected by a password. Remove the password and send it again.",
            code="E-SENHA",
        )
    if "WordDocument" in names:
        return DOC
    if names & {"Workbook", "Book"}:
        raise _format("Files of Excel 97 to 2003 (.xls) cannot be read. Save it as XLSX or ODS.")
    if "PowerPoint Document" in names:
        raise _format("Files of PowerPoint 97 to 2003 (.ppt) cannot be read. Save it as PPTX.")
    if "__properties_version1.0" in names:
        raise _format("Messages of Outlook (.msg) cannot be read. Save it as EML or PDF.")
    raise _unsupported()


def _text_kind(head: bytes, filename: str) -> str:
    wide = wide_charset(head)
    controls = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 27), 28, 29, 30))
    if not wide and (b"\0" in head or controls > len(head) // 200):
        raise _unsupported()
    suffix = PurePosixPath(filename.lower()).suffix
    plain = head.replace(b"\0", b"") if wide else head
    for bom in _TEXT_BOMS:
        plain = plain.removeprefix(bom)
    start = _after_prolog(plain)
    if _HTML_START.match(plain, start):
        return HTML
    if plain.lstrip().startswith(b"<?xml"):
        raise _unsupported()
    if suffix in {".html", ".htm", ".xhtml"} and _HTML_TAG.search(plain):
        return HTML
    if _is_mail(plain, suffix):
        return EML
    if suffix in {".csv", ".tsv"} and _is_table(head):
        return CSV
    return MARKDOWN if suffix in {".md", ".markdown"} else TEXT


def _after_prolog(text: bytes) -> int:
    """Where the first tag would stand: after white space, an XML declaration and comments."""
    position = 0
    while True:
        position = _BLANKS.match(text, position).end()  # type: ignore[union-attr]
        if text.startswith(b"<!--", position):
            end, size = text.find(b"-->", position), 3
        elif text.startswith(b"<?xml", position):
            end, size = text.find(b">", position), 1
        else:
            return position
        if end < 0:
            return len(text)
        position = end + size


def _is_mail(text: bytes, suffix: str) -> bool:
    """Whether the file begins with the header of a message."""
    position = 0
    if text.startswith(b"From "):  # as in mail folders of Unix
        position = text.find(b"\n") + 1
    found: set[bytes] = set()
    while match := _HEADER.match(text, position):
        found.add(match[1].lower())
        position = match.end()
    known = found & _MAIL_HEADERS
    if suffix in {".eml", ".mht", ".mhtml"}:
        return len(known) >= 2
    return len(known) >= 3 and b"from" in known


def _is_table(head: bytes) -> bool:
    from govbot.extract.charset import decode
    from govbot.extract.delimited import dialect_of

    return dialect_of(decode(head)[0], whole=len(head) < _HEAD) is not None


def _unsupported() -> BadDocument:
    return _format(
        "This kind of file is not supported. Send PDF, DOCX, ODT, RTF, DOC, PPTX, XLSX, ODS, CSV, "
        "HTML, EML, TXT or MD."
    )


def _format(message: str) -> BadDocument:
    return BadDocument(message, code="E-FORMATO")
