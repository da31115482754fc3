"""ZIP containers (DOCX, ODT, XLSX, ...) opened with bounds, so that a small file stays small.

Nothing is ever unpacked to disk: names of members are only keys. XML is parsed without entities,
and XML that declares any is refused before a parser that might expand them sees it.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from govbot.errors import BadDocument

if TYPE_CHECKING:
    from lxml import etree

_MAX_MEMBERS = 20_000
_MAX_DIRECTORY = 8 << 20
_CHUNK = 1 << 20
_TAIL = 22 + 65_535 + 20 + 56  # end record with the longest comment, and the two of ZIP64 before it
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def open_archive(path: Path, max_mb: int) -> zipfile.ZipFile:
    """The archive, if what it declares fits in `max_mb` MiB.

    `zipfile` never inflates a member beyond its declared size, so the declared sum bounds libraries
    that read it on their own; `read_member` counts again. Raises BadDocument.
    """
    check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a broken package fails in many ways, all of them the file's fault
        raise BadDocument("The file is damaged: its package cannot be opened.") from error
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS or sum(m.file_size for m in members) > max_mb << 20:
        archive.close()
        raise too_large()
    return archive


def check_directory(path: Path) -> None:
    """Refuses an archive whose table of contents would fill the memory of `zipfile`: E-TAMANHO.

    Every place that could be an end record is looked at, because readers disagree about which one
    counts.
    """
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        tail = file.read(_TAIL)
    for mark in re.finditer(b"PK\x05\x06", tail):
        record = tail[mark.start() : mark.start() + 22]
        if len(record) == 22:
            (size,) = struct.unpack_from("<I", record, 12)
            if _MAX_DIRECTORY < size < 0xFFFFFFFF:
                raise too_large()
    for mark in re.finditer(b"PK\x06\x06", tail):
        record = tail[mark.start() : mark.start() + 56]
        if len(record) == 56:
            (size,) = struct.unpack_from("<Q", record, 40)
            if size > _MAX_DIRECTORY:
                raise too_large()


def read_member(archive: zipfile.ZipFile, name: str, max_mb: int) -> bytes:
    """The bytes of a member, at most `max_mb` MiB; KeyError when it is absent."""
    info = archive.getinfo(name)
    parts: list[bytes] = []
    left = max_mb << 20
    try:
        # Other methods than these two are not allowed in office files, and Python's readers of
        # them inflate a block as a whole, however large it becomes.
        if info.compress_type not in _METHODS:
            raise zipfile.BadZipFile(info.compress_type)
        with archive.open(info) as member:
            while part := member.read(_CHUNK):
                left -= len(part)
                if left < 0:
                    raise too_large()
                parts.append(part)
    except Exception as error:  # zlib.error and others share no base class
        if isinstance(error, BadDocument):
            raise
        raise BadDocument("The file is damaged: a part of it cannot be unpacked.") from error
    return b"".join(parts)


def parse_xml(data: bytes) -> etree._Element:
    """The root of an XML part, without entities, DTDs or network. Raises BadDocument."""
    from lxml import etree

    refuse_entities(data)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument("The file is damaged: its content is not well-formed.") from error


class _RootReachedError(Exception):
    pass


def refuse_entities(data: bytes) -> None:
    """Raises BadDocument for XML whose document type has declarations of its own.

    They can only stand before the root, so reading ends there. A reference to an external DTD is
    harmless: it is never loaded.
    """

    def doctype(name: str, system: str | None, public: str | None, internal: int) -> None:
        if internal:
            raise BadDocument("The file is refused: its XML declares entities.")

    def element(name: str, attributes: dict[str, str]) -> None:
        raise _RootReachedError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = element
    try:
        for start in range(0, len(data), 4096):
            parser.Parse(data[start : start + 4096], False)
        parser.Parse(b"", True)
    except _RootReachedError:
        return
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadDocument("The file is damaged: its content is not well-formed.") from error


def too_large() -> BadDocument:
    """The error for content that is larger than the limits once unpacked."""
    return BadDocument(
        "The document is too large once unpacked. Split it into smaller files.", code="E-TAMANHO"
    )
